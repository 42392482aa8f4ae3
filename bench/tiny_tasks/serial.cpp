#include <vector>

#include "tiny_tasks/workload.hpp"

namespace bench::tiny_tasks {

contender serial(const parameters& asked) {
  return {"serial", [asked](run& measured) {
            std::vector<std::uint64_t> values(asked.tasks);
            measured.start();
            for (std::size_t i = 0; i != asked.tasks; ++i) values[i] = value_of(i, asked.rounds);
            measured.stop();
            check(values, asked);
          }};
}

}  // namespace bench::tiny_tasks
