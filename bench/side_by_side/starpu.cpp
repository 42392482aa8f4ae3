#include "harness/starpu.hpp"

#include "side_by_side/workload.hpp"

namespace bench::side_by_side {
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

runtime starpu() {
  return {"starpu", [](std::size_t tasks, std::uint64_t rounds) {
            static starpu_codelet task = starpu_codelet_of(run_one, "side_by_side");
            static const starpu_session session;  // awake between rounds, as in a program
            std::vector<call> calls(tasks);
            for (std::size_t i = 0; i != tasks; ++i) {
              calls[i] = {i, rounds};
              starpu_run(task, &calls[i]);
            }
            starpu_task_wait_for_all();
            std::uint64_t sum = 0;
            for (const call& each : calls) sum += each.value;
            return sum;
          }};
}

}  // namespace bench::side_by_side
