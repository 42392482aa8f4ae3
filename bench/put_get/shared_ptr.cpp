#include <memory>
#include <vector>

#include "put_get/workload.hpp"

namespace bench::put_get {
namespace {

[[gnu::noinline]] std::shared_ptr<const char> copy_of(const std::shared_ptr<const char>& one) {
  return one;
}

}  // namespace

contender shared_ptr(const parameters& asked) {
  return {"shared_ptr", [asked](run& measured) {
            std::vector<std::shared_ptr<const char>> all(asked.is_put ? 1024 : 0);
            const auto one = std::make_shared<const char>(char(7));
            std::size_t sum = 0;
            measured.start();
            for (std::size_t i = 0; i != asked.times; ++i) {
              if (asked.is_put) {
                auto& at = all[i % all.size()];
                at = std::make_shared<const char>(char(7));
                sum += std::size_t(*at);
              } else {
                sum += std::size_t(*copy_of(one));
              }
            }
            all.clear();
            measured.stop();
            check(sum, asked);
          }};
}

}  // namespace bench::put_get
