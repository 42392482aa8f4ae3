#include "harness/cpu.hpp"
#include "harness/program.hpp"
#include "large_argument/workload.hpp"

namespace {

std::vector<bench::workload> workloads(const bench::options& chosen) {
  const bench::large_argument::parameters asked{.elements =
                                                    chosen.quick ? 2'500'000U : 25'000'000U};
  return {
      {.name = "large_argument",
       .variant = fmt::format("MB:{}/tasks:{}/{}", asked.elements * sizeof(double) / 1'000'000,
                              asked.tasks, bench::threads_text()),
       .item = "round of all tasks",
       .contenders = {
           bench::large_argument::shared(asked), bench::large_argument::openmp(asked),
           bench::large_argument::onetbb(asked), bench::large_argument::starpu(asked),
           bench::large_argument::shared_copy(asked), bench::large_argument::narke_put_moved(asked),
           bench::large_argument::narke_put(asked), bench::large_argument::narke_by_value(asked)}}};
}

}  // namespace

int main(int argc, char** argv) {
  return bench::main_of({.name = "large_argument",
                         .description = "A large vector as the argument of ten tasks.",
                         .workloads = workloads},
                        argc, argv);
}
