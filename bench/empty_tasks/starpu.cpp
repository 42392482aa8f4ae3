#include "harness/starpu.hpp"

#include <vector>

#include "empty_tasks/workload.hpp"

namespace bench::empty_tasks {
namespace {

void run_one(void**, void* argument) {
  int& value = *static_cast<int*>(argument);
  value = value_of(value);
}

}  // namespace

contender starpu(const parameters& asked) {
  return {"starpu", [asked](run& measured) {
            static starpu_codelet task = starpu_codelet_of(run_one, "empty_tasks");
            std::vector<int> values(asked.tasks);
            const starpu_session session;
            measured.start();
            for (std::size_t i = 0; i != asked.tasks; ++i) {
              values[i] = int(i);
              starpu_run(task, &values[i]);
            }
            starpu_task_wait_for_all();
            measured.stop();
            check(values, asked);
          }};
}

}  // namespace bench::empty_tasks
