#include "harness/cpu.hpp"
#include "harness/program.hpp"
#include "wait_many/workload.hpp"

namespace {

std::vector<bench::workload> workloads(const bench::options& chosen) {
  const bench::wait_many::parameters asked{.refs = chosen.quick ? 2'000U : 10'000U};
  return {{.name = "wait_many",
           .variant = fmt::format("refs:{}/{}", asked.refs, bench::threads_text()),
           .item = "round of all refs",
           .contenders = {bench::wait_many::std_future(asked), bench::wait_many::narke_get(asked),
                          bench::wait_many::narke_wait(asked),
                          bench::wait_many::narke_as_completed(asked)}}};
}

}  // namespace

int main(int argc, char** argv) {
  return bench::main_of({.name = "wait_many",
                         .description = "Many refs that are ready, taken one at a time.",
                         .workloads = workloads},
                        argc, argv);
}
