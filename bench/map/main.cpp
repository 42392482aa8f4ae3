#include "harness/cpu.hpp"
#include "harness/program.hpp"
#include "map/workload.hpp"

namespace {

std::vector<bench::workload> workloads(const bench::options& chosen) {
  const bench::map::parameters asked{.elements = chosen.quick ? 100'000U : 1'000'000U};
  return {{.name = "map",
           .variant = fmt::format("elements:{}/{}", asked.elements, bench::threads_text()),
           .item = "element",
           .items = asked.elements,
           .contenders = {bench::map::onetbb(asked), bench::map::openmp(asked),
                          bench::map::thread_pool(asked), bench::map::serial(asked),
                          bench::map::narke(asked)}}};
}

}  // namespace

int main(int argc, char** argv) {
  return bench::main_of(
      {.name = "map", .description = "One function over many elements.", .workloads = workloads},
      argc, argv);
}
