#include "harness/program.hpp"
#include "machine/workload.hpp"

namespace {

std::vector<bench::workload> workloads(const bench::options& chosen) {
  namespace machine = bench::machine;
  const std::size_t less = chosen.quick ? 10 : 1;
  const machine::parameters many{.times = 10'000'000 / less};
  const machine::parameters some{.times = 1'000'000 / less};
  const machine::parameters few{.times = 20'000 / less};
  const machine::parameters memory{.bytes = 200'000'000 / less};
  return {machine::atomic_add(many),          machine::line_round_trip(some),
          machine::wake_round_trip(few),      machine::allocation(many),
          machine::clock_reading(many),       machine::read_memory(memory),
          machine::copy_memory(memory, true), machine::copy_memory(memory, false)};
}

}  // namespace

int main(int argc, char** argv) {
  return bench::main_of({.name = "machine",
                         .description = "What the machine takes for the steps that runtimes are "
                                        "made of.",
                         .workloads = workloads},
                        argc, argv);
}
