#include <fmt/format.h>

#include "gpu_link/workload.hpp"

namespace {

std::vector<bench::workload> workloads(const bench::options& chosen,
                                       const bench::gpu_choice& choice) {
  std::vector<bench::workload> all;
  for (const bool goes_back : {false, true}) {
    const bench::gpu_link::parameters asked{
        .choice = choice,
        .arrays = chosen.quick ? 8U : 24U,
        .elements = std::size_t{1} << (choice.is_emulated ? 18 : 24),
        .link_bytes_per_second = 100'000'000,
        .goes_back = goes_back};
    all.push_back(
        {.name = "gpu_link",
         .variant = fmt::format("{}/arrays:{}/MiB:{}", goes_back ? "in_and_back" : "in",
                                asked.arrays, asked.bytes() >> 20),
         .item = "array",
         .items = asked.arrays,
         .bytes_an_item = double(asked.bytes()) * (goes_back ? 2 : 1),
         .contenders = {bench::gpu_link::link_alone(asked), bench::gpu_link::raw_driver(asked),
                        bench::gpu_link::narke(asked)},
         .warms_up = false});
  }
  return all;
}

}  // namespace

int main(int argc, char** argv) {
  return bench::gpu_main(
      "gpu_link",
      "Copies between host and device with kernels beside them. An emulated "
      "link makes 100 MB/s each way, so that this host's own memory is no limit.",
      workloads, argc, argv);
}
