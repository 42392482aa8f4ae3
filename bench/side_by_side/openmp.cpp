#include "side_by_side/workload.hpp"

namespace bench::side_by_side {

runtime openmp() {
  return {"openmp", [](std::size_t tasks, std::uint64_t rounds) {
            std::vector<std::uint64_t> results(tasks);
            std::uint64_t* const values = results.data();
#pragma omp parallel num_threads(thread_count())
#pragma omp single
            for (std::size_t i = 0; i < tasks; ++i) {
#pragma omp task firstprivate(i)
              values[i] = value_of(i, rounds);
            }
            std::uint64_t sum = 0;
            for (const std::uint64_t each : results) sum += each;
            return sum;
          }};
}

}  // namespace bench::side_by_side
