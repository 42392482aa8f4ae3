#include <fmt/format.h>

#include "gpu_chain/workload.hpp"

namespace {

std::vector<bench::workload> workloads(const bench::options& chosen,
                                       const bench::gpu_choice& choice) {
  std::vector<bench::workload> all;
  for (const std::size_t elements : {std::size_t{16}, std::size_t{16'384}}) {
    const std::size_t length = chosen.quick ? 1'000 : 10'000;
    const bench::gpu_chain::parameters asked{choice, length, elements};
    all.push_back(
        {.name = "gpu_chain",
         .variant = fmt::format("length:{}/elements:{}", length, elements),
         .item = "kernel",
         .items = length,
         .contenders = {bench::gpu_chain::raw_driver(asked), bench::gpu_chain::narke(asked)}});
  }
  return all;
}

}  // namespace

int main(int argc, char** argv) {
  return bench::gpu_main("gpu_chain", "Kernels that lean on one another, in one stream.", workloads,
                         argc, argv);
}
