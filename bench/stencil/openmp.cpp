#include "stencil/workload.hpp"

namespace bench::stencil {
namespace {

/// Two rows in turn; a dummy byte for each cell of both carries the dependences.
std::vector<std::uint64_t> run_grid(const parameters& asked, std::uint64_t rounds) {
  const std::size_t columns = asked.columns;
  std::vector<std::uint64_t> rows(2 * (columns + 2));
  std::uint64_t* const all = rows.data();
  for (std::size_t i = 0; i != columns; ++i) all[i + 1] = i + 1;
#pragma omp parallel num_threads(thread_count())
#pragma omp single
  for (std::size_t t = 0; t < asked.steps; ++t) {
    const std::uint64_t* const from = all + t % 2 * (columns + 2);
    std::uint64_t* const to = all + (t + 1) % 2 * (columns + 2);
    for (std::size_t i = 1; i <= columns; ++i) {
#pragma omp task firstprivate(from, to, i) depend(in                                   \
                                                  : from[i - 1], from[i], from[i + 1]) \
    depend(out                                                                         \
           : to[i])
      to[i] = value_of(from[i - 1] + from[i] + from[i + 1], rounds);
    }
  }
  const std::uint64_t* const last = all + asked.steps % 2 * (columns + 2) + 1;
  return {last, last + columns};
}

}  // namespace

contender openmp(const parameters& asked) {
  return metg_of("openmp_depend", asked, run_grid);
}

}  // namespace bench::stencil
