#include <bit>

#include "harness/program.hpp"
#include "metg/workload.hpp"

namespace {

std::vector<bench::workload> workloads(const bench::options& chosen) {
  const std::size_t columns = std::bit_ceil(4 * std::size_t(bench::thread_count()));
  const std::size_t steps = chosen.quick ? 25 : 400;
  std::vector<bench::workload> all;
  for (const bench::metg::pattern which : bench::metg::patterns) {
    const bench::metg::grid grid{which, columns, steps};
    all.push_back(
        {.name = "metg",
         .variant = fmt::format("{}/50%/columns:{}/steps:{}/{}", bench::metg::name_of(which),
                                columns, steps, bench::threads_text()),
         .item = "task at which half the time is useful",
         .contenders = {bench::metg::onetbb(grid), bench::metg::openmp(grid),
                        bench::metg::starpu(grid), bench::metg::narke(grid)},
         .warms_up = false});
  }
  return all;
}

}  // namespace

int main(int argc, char** argv) {
  return bench::main_of({.name = "metg",
                         .description = "METG(50 %) of Task Bench: how long a task has to be for "
                                        "half of all threads' time to be useful.",
                         .workloads = workloads},
                        argc, argv);
}
