#include "harness/cpu.hpp"
#include "harness/program.hpp"
#include "submit_get/workload.hpp"

namespace {

bench::workload make(const char* variant, const bench::submit_get::parameters& asked) {
  return {.name = "submit_get",
          .variant = fmt::format("{}/tasks:{}/{}", variant, asked.tasks, bench::threads_text()),
          .item = "task",
          .items = asked.tasks,
          .contenders = {bench::submit_get::onetbb(asked), bench::submit_get::openmp(asked),
                         bench::submit_get::thread_pool(asked), bench::submit_get::starpu(asked),
                         bench::submit_get::std_async(asked), bench::submit_get::narke(asked)}};
}

std::vector<bench::workload> workloads(const bench::options& chosen) {
  return {make("in_a_loop", {.tasks = chosen.quick ? 2'000U : 20'000U}),
          make("from_idle", {.tasks = chosen.quick ? 50U : 200U,
                             .idle_before = std::chrono::microseconds{2'000}})};
}

}  // namespace

int main(int argc, char** argv) {
  return bench::main_of({.name = "submit_get",
                         .description = "One task submitted and waited for.",
                         .workloads = workloads},
                        argc, argv);
}
