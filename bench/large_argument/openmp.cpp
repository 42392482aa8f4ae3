#include "harness/cpu.hpp"
#include "large_argument/workload.hpp"

namespace bench::large_argument {

contender openmp(const parameters& asked) {
  return {"openmp", [asked](run& measured) {
            const values& all = the_values(asked);
            std::vector<double> found(asked.tasks);
            double* const sums = found.data();
            measured.start();
#pragma omp parallel for num_threads(thread_count()) schedule(dynamic)
            for (std::size_t i = 0; i < asked.tasks; ++i) sums[i] = sum_of(all);
            measured.stop();
            check(found, asked);
          }};
}

}  // namespace bench::large_argument
