#include "harness/child.hpp"
#include "harness/program.hpp"
#include "side_by_side/workload.hpp"

namespace {

std::vector<bench::workload> workloads(const bench::options& chosen) {
  std::vector<bench::workload> all;
  for (const int microseconds : {0, 10}) {
    const std::chrono::microseconds task_time{microseconds};
    const bench::side_by_side::parameters asked{
        .task_time = task_time, .run_time = std::chrono::milliseconds{chosen.quick ? 50 : 300}};
    bench::workload work{
        .name = "side_by_side",
        .variant = fmt::format("programs:2/us:{}/{}", task_time.count(), bench::threads_text()),
        .item = "task of one of two programs",
        .items = bench::side_by_side::items,
        .compared_counter = "share_least",
        .warms_up = false};
    for (const bench::side_by_side::runtime& each : bench::side_by_side::runtimes()) {
      work.contenders.push_back(bench::side_by_side::contender_of(each, asked));
    }
    all.push_back(work);
  }
  return all;
}

}  // namespace

int main(int argc, char** argv) {
  return bench::main_of(
      {.name = "side_by_side",
       .description = "Two programs at the same time: what each has of its "
                      "speed alone.",
       .workloads = workloads},
      [](const std::vector<std::string>& words) {
        bench::side_by_side::run_here(
            words.at(0), {.task_time = std::chrono::microseconds{std::stol(words.at(1))},
                          .run_time = std::chrono::milliseconds{std::stol(words.at(2))}});
      },
      argc, argv);
}
