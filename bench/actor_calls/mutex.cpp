#include <mutex>

#include "actor_calls/workload.hpp"

namespace bench::actor_calls {
namespace {

class counter {
 public:
  [[gnu::noinline]] std::uint64_t add(std::uint64_t n) {
    const std::lock_guard lock{mutex_};
    return value_ += n;
  }

 private:
  std::mutex mutex_;
  std::uint64_t value_ = 0;
};

}  // namespace

contender mutex(const parameters& asked) {
  return {"mutex", [asked](run& measured) {
            counter object;
            std::uint64_t sum = 0;
            measured.start();
            for (std::size_t i = 0; i != asked.calls; ++i) sum += object.add(1);
            measured.stop();
            check(sum, asked);
          }};
}

}  // namespace bench::actor_calls
