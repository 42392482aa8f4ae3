#include <vector>

#include "empty_tasks/workload.hpp"

namespace bench::empty_tasks {
namespace {

/// A call that the compiler knows nothing about, as a task's is.
[[gnu::noinline]] void call(std::vector<int>& values, std::size_t i) {
  values[i] = value_of(int(i));
}

}  // namespace

contender serial(const parameters& asked) {
  return {"serial", [asked](run& measured) {
            std::vector<int> values(asked.tasks);
            measured.start();
            for (std::size_t i = 0; i != asked.tasks; ++i) call(values, i);
            measured.stop();
            check(values, asked);
          }};
}

}  // namespace bench::empty_tasks
