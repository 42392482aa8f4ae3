#include "chain/workload.hpp"
#include "harness/cpu.hpp"
#include "harness/program.hpp"

namespace {

std::vector<bench::workload> workloads(const bench::options& chosen) {
  const bench::chain::parameters asked{.length = chosen.quick ? 10'000U : 100'000U};
  return {{.name = "chain",
           .variant = fmt::format("length:{}/{}", asked.length, bench::threads_text()),
           .item = "task",
           .items = asked.length,
           .contenders = {bench::chain::openmp(asked), bench::chain::onetbb(asked),
                          bench::chain::starpu(asked), bench::chain::narke(asked)}}};
}

}  // namespace

int main(int argc, char** argv) {
  return bench::main_of({.name = "chain",
                         .description = "A chain of tasks, submitted while it runs.",
                         .workloads = workloads},
                        argc, argv);
}
