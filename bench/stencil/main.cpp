#include "harness/program.hpp"
#include "stencil/workload.hpp"

namespace {

std::vector<bench::workload> workloads(const bench::options& chosen) {
  const bench::stencil::parameters asked{.columns = 2 * std::size_t(bench::thread_count()),
                                         .steps = chosen.quick ? 100U : 1'000U};
  return {{.name = "stencil",
           .variant = fmt::format("metg:50%/columns:{}/steps:{}/{}", asked.columns, asked.steps,
                                  bench::threads_text()),
           .item = "task at which half the time is useful",
           .contenders = {bench::stencil::openmp(asked), bench::stencil::onetbb(asked),
                          bench::stencil::narke(asked)},
           .warms_up = false}};
}

}  // namespace

int main(int argc, char** argv) {
  return bench::main_of({.name = "stencil",
                         .description = "METG(50 %) of a stencil: how long a task has to be for "
                                        "half of all threads' time to go into tasks.",
                         .workloads = workloads},
                        argc, argv);
}
