#include <vector>

#include "tiny_tasks/workload.hpp"

namespace bench::tiny_tasks {

contender openmp(const parameters& asked) {
  return {"openmp", [asked](run& measured) {
            std::vector<std::uint64_t> results(asked.tasks);
            std::uint64_t* const values = results.data();
            const std::uint64_t rounds = asked.rounds;
            measured.start();
#pragma omp parallel num_threads(thread_count())
#pragma omp single
            for (std::size_t i = 0; i < asked.tasks; ++i) {
#pragma omp task firstprivate(i)
              values[i] = value_of(i, rounds);
            }
            measured.stop();
            check(results, asked);
          }};
}

}  // namespace bench::tiny_tasks
