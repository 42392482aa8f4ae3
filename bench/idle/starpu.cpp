#include "harness/starpu.hpp"

#include <atomic>

#include "idle/workload.hpp"

namespace bench::idle {
namespace {

void run_one(void**, void* argument) {
  static_cast<std::atomic<int>*>(argument)->fetch_add(1);
}

}  // namespace

runtime starpu() {
  return {"starpu", [] {
            static starpu_codelet task = starpu_codelet_of(run_one, "idle");
            static const starpu_session session;  // awake, as in a program
            std::atomic<int> done = 0;
            for (int i = 0; i != tasks_before; ++i) starpu_run(task, &done);
            starpu_task_wait_for_all();
            return done == tasks_before;
          }};
}

}  // namespace bench::idle
