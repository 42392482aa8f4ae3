#include <atomic>

#include "harness/cpu.hpp"
#include "idle/workload.hpp"

namespace bench::idle {

runtime openmp() {
  return {"openmp", [] {
            std::atomic<int> done = 0;
#pragma omp parallel num_threads(thread_count())
#pragma omp single
            for (int i = 0; i < tasks_before; ++i) {
#pragma omp task
              done.fetch_add(1);
            }
            return done == tasks_before;
          }};
}

}  // namespace bench::idle
