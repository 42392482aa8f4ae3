#include "actor_calls/workload.hpp"
#include "harness/cpu.hpp"
#include "harness/program.hpp"

namespace {

std::vector<bench::workload> workloads(const bench::options& chosen) {
  std::vector<bench::workload> all;
  for (const bool one_at_a_time : {false, true}) {
    const bench::actor_calls::parameters asked{chosen.quick ? 20'000U : 200'000U, one_at_a_time};
    all.push_back(
        {.name = "actor_calls",
         .variant = fmt::format("{}/calls:{}/{}", one_at_a_time ? "one_at_a_time" : "pipelined",
                                asked.calls, bench::threads_text()),
         .item = "call",
         .items = asked.calls,
         .contenders = {bench::actor_calls::mutex(asked), bench::actor_calls::onetbb(asked),
                        bench::actor_calls::narke(asked)}});
  }
  return all;
}

}  // namespace

int main(int argc, char** argv) {
  return bench::main_of({.name = "actor_calls",
                         .description = "Calls of one caller to one actor.",
                         .workloads = workloads},
                        argc, argv);
}
