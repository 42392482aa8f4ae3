#include <vector>

#include "empty_tasks/workload.hpp"
#include "harness/cpu.hpp"

namespace bench::empty_tasks {

contender openmp(const parameters& asked) {
  return {"openmp", [asked](run& measured) {
            std::vector<int> results(asked.tasks);
            int* const values = results.data();
            const int count = int(asked.tasks);
            measured.start();
#pragma omp parallel num_threads(thread_count())
#pragma omp single
            for (int i = 0; i < count; ++i) {
#pragma omp task firstprivate(i)
              values[i] = value_of(i);
            }
            measured.stop();
            check(results, asked);
          },
          runs_a_repetition};
}

}  // namespace bench::empty_tasks
