#include "gpu_overhead/workload.hpp"

namespace {

std::vector<bench::workload> workloads(const bench::options& chosen,
                                       const bench::gpu_choice& choice) {
  const std::size_t tasks = chosen.quick ? 5'000 : 50'000;
  std::vector<bench::workload> all;
  for (const bool is_chain : {false, true}) {
    const bench::gpu_overhead::parameters asked{choice, tasks, is_chain};
    all.push_back({.name = "gpu_overhead",
                   .variant = is_chain ? "chain" : "independent",
                   .item = "task",
                   .items = tasks,
                   .compared_by = bench::measure::cpu_time,
                   .contenders = {bench::gpu_overhead::raw_driver(asked),
                                  bench::gpu_overhead::narke(asked)}});
  }
  return all;
}

}  // namespace

int main(int argc, char** argv) {
  return bench::gpu_main("gpu_overhead",
                         "What the host spends on a GPU task above the driver's calls, in CPU "
                         "time of all threads.",
                         workloads, argc, argv);
}
