#include "harness/child.hpp"
#include "harness/cpu.hpp"
#include "harness/program.hpp"
#include "queued_memory/workload.hpp"

namespace {

std::vector<bench::workload> workloads(const bench::options& chosen) {
  const bench::queued_memory::parameters asked{.tasks = chosen.quick ? 100'000U : 1'000'000U};
  bench::workload work{.name = "queued_memory",
                       .variant = fmt::format("tasks:{}/{}", asked.tasks, bench::threads_text()),
                       .item = "task",
                       .items = asked.tasks,
                       .compared_counter = "bytes_a_task",
                       .warms_up = false};
  for (const bench::queued_memory::runtime& each : bench::queued_memory::runtimes()) {
    work.contenders.push_back(bench::queued_memory::contender_of(each, asked));
  }
  return {work};
}

}  // namespace

int main(int argc, char** argv) {
  return bench::main_of(
      {.name = "queued_memory",
       .description = "How much memory a queued task takes.",
       .workloads = workloads},
      [](const std::vector<std::string>& arguments) {
        bench::queued_memory::measure_here(arguments.at(0), std::stoul(arguments.at(1)));
      },
      argc, argv);
}
