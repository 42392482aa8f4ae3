#include "chain/workload.hpp"
#include "harness/cpu.hpp"

namespace bench::chain {

contender openmp(const parameters& asked) {
  return {"openmp_depend", [asked](run& measured) {
            std::uint64_t value = 1;
            measured.start();
#pragma omp parallel num_threads(thread_count())
#pragma omp single
            for (std::size_t i = 0; i < asked.length; ++i) {
#pragma omp task depend(inout : value) shared(value)
              value = step(value);
            }
            measured.stop();
            check(value, asked);
          }};
}

}  // namespace bench::chain
