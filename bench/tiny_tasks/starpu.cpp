#include "harness/starpu.hpp"

#include <vector>

#include "tiny_tasks/workload.hpp"

namespace bench::tiny_tasks {
namespace {

struct call {
  std::size_t index = 0;
  std::uint64_t rounds = 0;
  std::uint64_t value = 0;
};

void run_one(void**, void* argument) {
  call& made = *static_cast<call*>(argument);
  made.value = value_of(made.index, made.rounds);
}

}  // namespace

contender starpu(const parameters& asked) {
  return {"starpu", [asked](run& measured) {
            static starpu_codelet task = starpu_codelet_of(run_one, "tiny_tasks");
            std::vector<call> calls(asked.tasks);
            const starpu_session session;
            measured.start();
            for (std::size_t i = 0; i != asked.tasks; ++i) {
              calls[i] = {i, asked.rounds};
              starpu_run(task, &calls[i]);
            }
            starpu_task_wait_for_all();
            measured.stop();
            std::vector<std::uint64_t> values;
            for (const call& each : calls) values.push_back(each.value);
            check(values, asked);
          }};
}

}  // namespace bench::tiny_tasks
