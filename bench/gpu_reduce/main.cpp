#include <fmt/format.h>

#include "gpu_reduce/workload.hpp"

namespace {

std::vector<bench::workload> workloads(const bench::options& chosen,
                                       const bench::gpu_choice& choice) {
  std::vector<bench::workload> all;
  for (const int devices : {1, 2, 8}) {
    if (devices > choice.devices_max) continue;
    const bench::gpu_reduce::parameters asked{
        .choice = choice,
        .devices = devices,
        .elements = std::size_t{choice.is_emulated ? 4U : 4096U} << 10,
        .part_time = std::chrono::milliseconds{2},
        .rounds = chosen.quick ? 3U : 10U};
    all.push_back(
        {.name = "gpu_reduce",
         .variant = fmt::format("devices:{}/parts:{}", devices, bench::gpu_reduce::parts),
         .item = "sum of all parts",
         .items = asked.rounds,
         .contenders = {bench::gpu_reduce::raw_driver(asked), bench::gpu_reduce::narke(asked)},
         .warms_up = false});
  }
  return all;
}

}  // namespace

int main(int argc, char** argv) {
  return bench::gpu_main("gpu_reduce",
                         "A sum over one, two and eight devices. On emulated ones the sum of a "
                         "part takes 2 ms, most of which a thread sleeps; so devices scale though "
                         "there are fewer CPUs.",
                         workloads, argc, argv);
}
