#include "harness/program.hpp"
#include "put_get/workload.hpp"

namespace {

std::vector<bench::workload> workloads(const bench::options& chosen) {
  std::vector<bench::workload> all;
  for (const bool is_put : {true, false}) {
    const bench::put_get::parameters asked{chosen.quick ? 100'000U : 2'000'000U, is_put};
    all.push_back(
        {.name = "put_get",
         .variant = fmt::format("{}/times:{}", is_put ? "put" : "get", asked.times),
         .item = is_put ? "put, and a get of it" : "get",
         .items = asked.times,
         .contenders = {bench::put_get::shared_ptr(asked), bench::put_get::narke(asked)}});
  }
  return all;
}

}  // namespace

int main(int argc, char** argv) {
  return bench::main_of({.name = "put_get",
                         .description = "One byte into the store and out of it.",
                         .workloads = workloads},
                        argc, argv);
}
