#include <narke/narke.hpp>

#include "harness/cpu.hpp"
#include "put_get/workload.hpp"

namespace bench::put_get {

contender narke(const parameters& asked) {
  return {"narke", [asked](run& measured) {
            ensure_narke();
            std::vector<::narke::object_ref<char>> all(asked.is_put ? 1024 : 0);
            const auto one = ::narke::put(char(7));
            std::size_t sum = 0;
            measured.start();
            for (std::size_t i = 0; i != asked.times; ++i) {
              if (asked.is_put) {
                auto& at = all[i % all.size()];
                at = ::narke::put(char(7));
                sum += std::size_t(::narke::get(at));
              } else {
                sum += std::size_t(::narke::get(one));
              }
            }
            all.clear();
            measured.stop();
            check(sum, asked);
          }};
}

}  // namespace bench::put_get
