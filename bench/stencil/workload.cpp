#include "stencil/workload.hpp"

#include <algorithm>
#include <chrono>
#include <cmath>

namespace bench::stencil {
namespace {

double seconds_of(const std::function<void()>& work) {
  const auto begin = std::chrono::steady_clock::now();
  work();
  return std::chrono::duration<double>{std::chrono::steady_clock::now() - begin}.count();
}

efficiency measure_point(const parameters& asked, const grid_runner& run_grid,
                         std::uint64_t rounds) {
  std::vector<std::uint64_t> expected;
  std::vector<std::uint64_t> found;
  const double serial = seconds_of([&] { expected = run_serially(asked, rounds); });
  const double taken = seconds_of([&] { found = run_grid(asked, rounds); });
  expect(found == expected, "the last step of the grid is wrong");
  return {.task_ns = serial * 1e9 / double(asked.columns * asked.steps),
          .share = serial / (taken * thread_count())};
}

}  // namespace

std::vector<std::uint64_t> run_serially(const parameters& asked, std::uint64_t rounds) {
  std::vector<std::uint64_t> before(asked.columns);
  for (std::size_t i = 0; i != before.size(); ++i) before[i] = i + 1;
  std::vector<std::uint64_t> at(asked.columns);
  for (std::size_t t = 0; t != asked.steps; ++t) {
    for (std::size_t i = 0; i != asked.columns; ++i) {
      std::uint64_t inputs = before[i];
      if (i > 0) inputs += before[i - 1];
      if (i + 1 < asked.columns) inputs += before[i + 1];
      at[i] = value_of(inputs, rounds);
    }
    std::swap(at, before);
  }
  return before;
}

double task_ns_at(const std::vector<efficiency>& curve, double share) {
  for (std::size_t i = curve.size(); i-- > 0;) {
    if (curve[i].share < share) continue;
    if (i + 1 == curve.size()) return curve[i].task_ns;
    const efficiency& longer = curve[i];
    const efficiency& shorter = curve[i + 1];
    const double way = (longer.share - share) / (longer.share - shorter.share);
    return longer.task_ns * std::pow(shorter.task_ns / longer.task_ns, way);
  }
  return curve.empty() ? 0 : curve.front().task_ns;
}

contender metg_of(const std::string& name, const parameters& asked, const grid_runner& run_grid) {
  return {name, [asked, run_grid](run& measured) {
            std::vector<efficiency> curve;
            for (double task_ns = 64'000; task_ns > 100; task_ns /= 2) {
              const std::chrono::nanoseconds time{std::int64_t(task_ns)};
              curve.push_back(measure_point(asked, run_grid, rounds_for(time)));
            }
            const std::chrono::nanoseconds metg{std::int64_t(task_ns_at(curve, 0.5))};
            measured.add(metg, metg);
            for (const efficiency& each : curve) {
              measured.count(fmt::format("efficiency_at_{:.0f}_ns",
                                         std::exp2(std::round(std::log2(each.task_ns)))),
                             each.share);
            }
          }};
}

}  // namespace bench::stencil
