#include "harness/cpu.hpp"
#include "map/workload.hpp"

namespace bench::map {

contender openmp(const parameters& asked) {
  return {"openmp_static", [asked](run& measured) {
            const std::uint64_t* const elements = the_elements(asked).data();
            measured.start();
            std::vector<std::uint64_t> results(asked.elements);
            std::uint64_t* const values = results.data();
#pragma omp parallel for num_threads(thread_count()) schedule(static)
            for (std::size_t i = 0; i < asked.elements; ++i) values[i] = value_of(elements[i]);
            measured.stop();
            check(results, asked);
          }};
}

}  // namespace bench::map
