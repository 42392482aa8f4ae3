#include "metg/workload.hpp"

namespace bench::metg {
namespace {

/// The places of the results carry the dependences.
std::vector<std::uint64_t> run_grid(const grid& all, std::uint64_t rounds) {
  std::vector<std::uint64_t> results(all.size());
  std::uint64_t* const values = results.data();
#pragma omp parallel num_threads(thread_count())
#pragma omp single
  for (std::size_t task = 0; task < all.size(); ++task) {
    const std::size_t* const from = all.inputs_of(task).data();
    const int count = int(all.inputs_of(task).size());
#pragma omp task firstprivate(task, from, count) depend(iterator(k = 0                \
                                                                 : count),            \
                                                        in                            \
                                                        : values[from[k]]) depend(out \
                                                                                  : values[task])
    {
      std::uint64_t inputs = 0;
      for (int k = 0; k < count; ++k) inputs += values[from[k]];
      values[task] = value_of(task, inputs, rounds);
    }
  }
  return results;
}

}  // namespace

contender openmp(const grid& all) {
  return metg_of("openmp_depend", all, run_grid);
}

}  // namespace bench::metg
