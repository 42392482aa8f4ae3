#include <fmt/format.h>

#include "gpu_fan/workload.hpp"

namespace {

using bench::gpu_fan::shape;

const char* name_of(shape kind) {
  return kind == shape::out ? "out" : kind == shape::in ? "in" : "diamond";
}

std::vector<bench::workload> workloads(const bench::options& chosen,
                                       const bench::gpu_choice& choice) {
  std::vector<bench::workload> all;
  for (const shape kind : {shape::out, shape::in, shape::diamond}) {
    const bench::gpu_fan::parameters asked{choice, chosen.quick ? 30U : 300U, kind};
    all.push_back(
        {.name = "gpu_fan",
         .variant = fmt::format("{}/width:{}", name_of(kind), bench::gpu_fan::width),
         .item = "kernel",
         .items = bench::gpu_fan::kernels_of(asked),
         .contenders = {bench::gpu_fan::raw_driver(asked), bench::gpu_fan::narke(asked)}});
  }
  return all;
}

}  // namespace

int main(int argc, char** argv) {
  return bench::gpu_main("gpu_fan", "Fan-out and fan-in over the streams of a device.", workloads,
                         argc, argv);
}
