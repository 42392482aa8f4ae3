#include "fib/workload.hpp"
#include "harness/cpu.hpp"
#include "harness/program.hpp"

namespace {

std::vector<bench::workload> workloads(const bench::options& chosen) {
  const bench::fib::parameters asked{.n = chosen.quick ? 22 : 30};
  return {{.name = "fib",
           .variant = fmt::format("n:{}/{}", asked.n, bench::threads_text()),
           .item = "task",
           .items = bench::fib::tasks_of(asked.n),
           .contenders = {bench::fib::onetbb(asked), bench::fib::openmp(asked),
                          bench::fib::serial(asked), bench::fib::narke(asked),
                          bench::fib::narke_co(asked)}}};
}

}  // namespace

int main(int argc, char** argv) {
  return bench::main_of({.name = "fib",
                         .description = "Fibonacci numbers by recursion, a task a call.",
                         .workloads = workloads},
                        argc, argv);
}
