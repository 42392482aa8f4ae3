#include "harness/program.hpp"
#include "tiny_tasks/workload.hpp"

namespace {

std::vector<bench::workload> workloads(const bench::options& chosen) {
  const bench::tiny_tasks::parameters asked{
      .tasks = chosen.quick ? 20'000U : 100'000U,
      .rounds = bench::rounds_for(std::chrono::microseconds{1})};
  return {{.name = "tiny_tasks",
           .variant = fmt::format("tasks:{}/us:1/{}", asked.tasks, bench::threads_text()),
           .item = "task",
           .items = asked.tasks,
           .contenders = {bench::tiny_tasks::serial(asked), bench::tiny_tasks::openmp(asked),
                          bench::tiny_tasks::onetbb(asked), bench::tiny_tasks::thread_pool(asked),
                          bench::tiny_tasks::starpu(asked), bench::tiny_tasks::narke(asked)}}};
}

}  // namespace

int main(int argc, char** argv) {
  return bench::main_of({.name = "tiny_tasks",
                         .description = "Tasks of one microsecond, beside a plain loop.",
                         .workloads = workloads},
                        argc, argv);
}
