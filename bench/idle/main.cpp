#include "harness/child.hpp"
#include "harness/cpu.hpp"
#include "harness/program.hpp"
#include "idle/workload.hpp"

namespace {

std::vector<bench::workload> workloads(const bench::options& chosen) {
  const std::chrono::milliseconds each_part{chosen.quick ? 100 : 300};
  const bench::idle::parameters asked{.settle = each_part, .watch = each_part};
  bench::workload work{.name = "idle",
                       .variant = bench::threads_text(),
                       .item = "second with nothing to do",
                       .compared_counter = "cpu_percent",
                       .warms_up = false};
  for (const bench::idle::runtime& each : bench::idle::runtimes()) {
    work.contenders.push_back(bench::idle::contender_of(each, asked));
  }
  return {work};
}

}  // namespace

int main(int argc, char** argv) {
  return bench::main_of(
      {.name = "idle",
       .description = "CPU time of a runtime that has nothing to do.",
       .workloads = workloads},
      [](const std::vector<std::string>& words) {
        bench::idle::watch_here(words.at(0),
                                {.settle = std::chrono::milliseconds{std::stol(words.at(1))},
                                 .watch = std::chrono::milliseconds{std::stol(words.at(2))}});
      },
      argc, argv);
}
