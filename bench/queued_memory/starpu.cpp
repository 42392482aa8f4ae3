#include "harness/starpu.hpp"

#include <cstdlib>

#include "harness/cpu.hpp"
#include "queued_memory/workload.hpp"

namespace bench::queued_memory {
namespace {

void run_one(void**, void* argument) {
  int& value = *static_cast<int*>(argument);
  value = value_of(value);
}

void hold_thread(void**, void* held) {
  static_cast<gate*>(held)->hold();
}

std::vector<int> submit(std::size_t tasks, gate& held, const std::function<void()>& queued) {
  static starpu_codelet task = starpu_codelet_of(run_one, "queued_memory");
  static starpu_codelet holding = starpu_codelet_of(hold_thread, "gate");
  // All of them are to be queued.
  setenv("STARPU_LIMIT_MAX_SUBMITTED_TASKS", "1000000000", 1);
  setenv("STARPU_LIMIT_MIN_SUBMITTED_TASKS", "1000000000", 1);
  const starpu_session session;
  for (int i = 0; i != thread_count(); ++i) starpu_run(holding, &held);
  held.wait_for(thread_count());
  std::vector<int> values(tasks);
  for (std::size_t i = 0; i != tasks; ++i) {
    values[i] = int(i);
    starpu_run(task, &values[i]);
  }
  queued();
  held.open();
  starpu_task_wait_for_all();
  return values;
}

}  // namespace

runtime starpu() {
  return {"starpu", submit, 10};
}

}  // namespace bench::queued_memory
