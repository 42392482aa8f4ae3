#include "empty_tasks/workload.hpp"
#include "harness/cpu.hpp"
#include "harness/program.hpp"

namespace {

std::vector<bench::workload> workloads(const bench::options& chosen) {
  const bench::empty_tasks::parameters asked{.tasks = chosen.quick ? 100'000U : 1'000'000U};
  return {{.name = "empty_tasks",
           .variant = fmt::format("tasks:{}/{}", asked.tasks, bench::threads_text()),
           .item = "task",
           .items = asked.tasks,
           .contenders = {bench::empty_tasks::openmp(asked), bench::empty_tasks::onetbb(asked),
                          bench::empty_tasks::thread_pool(asked), bench::empty_tasks::starpu(asked),
                          bench::empty_tasks::serial(asked), bench::empty_tasks::narke(asked)}}};
}

}  // namespace

int main(int argc, char** argv) {
  return bench::main_of({.name = "empty_tasks",
                         .description = "Empty tasks from one thread, and all their results.",
                         .workloads = workloads},
                        argc, argv);
}
