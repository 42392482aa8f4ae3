#include <fmt/format.h>

#include "gpu_working_set/workload.hpp"

namespace {

using bench::gpu_working_set::access;

bench::workload make(const bench::options& chosen, const bench::gpu_choice& choice,
                     std::size_t times, access kind) {
  bench::gpu_working_set::parameters asked{
      .choice = choice,
      .arrays = 0,
      .elements = std::size_t{1} << (choice.is_emulated ? 18 : 23),
      .arrays_that_fit = chosen.quick ? 15U : 31U};
  asked.arrays = times * (asked.arrays_that_fit + 1);
  asked.order =
      bench::gpu_working_set::make_order(kind, asked.arrays, (chosen.quick ? 2 : 4) * asked.arrays);
  return {.name = "gpu_working_set",
          .variant = fmt::format("{}x/{}/copies_of_lru:{}", times,
                                 kind == access::cyclic ? "cyclic" : "skewed",
                                 bench::gpu_working_set::copies_of_lru(asked)),
          .item = "access",
          .items = asked.order.size(),
          .contenders = {bench::gpu_working_set::raw_driver(asked),
                         bench::gpu_working_set::narke(asked)},
          .warms_up = false};
}

std::vector<bench::workload> workloads(const bench::options& chosen,
                                       const bench::gpu_choice& choice) {
  std::vector<bench::workload> all;
  for (const std::size_t times : {std::size_t{2}, std::size_t{4}}) {
    for (const access kind : {access::cyclic, access::skewed}) {
      all.push_back(make(chosen, choice, times, kind));
    }
  }
  return all;
}

}  // namespace

int main(int argc, char** argv) {
  return bench::gpu_main("gpu_working_set",
                         "Two and four times as much data as a device has memory for. An emulated "
                         "device has 32 MiB and a link of 250 MB/s.",
                         workloads, argc, argv);
}
