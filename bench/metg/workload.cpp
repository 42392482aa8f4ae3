#include "metg/workload.hpp"

#include <algorithm>
#include <bit>
#include <chrono>
#include <cmath>
#include <map>
#include <random>
#include <stdexcept>
#include <utility>

namespace bench::metg {
namespace {

constexpr double work_ns_longest = 64'000;
constexpr double work_ns_shortest = 125;
constexpr double share_asked = 0.5;

double ns_of(const std::function<void()>& work) {
  const auto begin = std::chrono::steady_clock::now();
  work();
  return std::chrono::duration<double, std::nano>{std::chrono::steady_clock::now() - begin}.count();
}

/// The columns that a task of step `step` takes results of; some may be outside of the grid.
std::vector<std::ptrdiff_t> columns_of(pattern which, std::size_t columns, std::size_t step,
                                       std::size_t column) {
  const auto at = std::ptrdiff_t(column);
  switch (which) {
    case pattern::trivial:
      return {};
    case pattern::stencil:
      return {at - 1, at, at + 1};
    case pattern::tree:
      return {at / 2};
    case pattern::fft: {
      const int levels = std::max(1, std::countr_zero(columns));
      const std::ptrdiff_t distance = std::ptrdiff_t{1} << (step - 1) % std::size_t(levels);
      return {at - distance, at, at + distance};
    }
    case pattern::random:
      break;
  }
  std::minstd_rand chance{static_cast<unsigned>(step * columns + column + 1)};
  chance.discard(3);
  std::vector<std::ptrdiff_t> chosen;
  for (std::size_t wanted = 1 + chance() % inputs_max; wanted-- > 0;) {
    const auto each = std::ptrdiff_t(chance() % columns);
    if (std::find(chosen.begin(), chosen.end(), each) == chosen.end()) chosen.push_back(each);
  }
  return chosen;
}

/// What the plain loop makes of a grid, and how long it takes at its best.
struct serial_run {
  std::vector<std::uint64_t> values;
  double ns = 0;
};

const serial_run& serial_of(const grid& all, std::uint64_t rounds) {
  static std::map<std::pair<pattern, std::uint64_t>, serial_run> known;
  const auto [place, is_new] = known.try_emplace({all.which(), rounds});
  serial_run& found = place->second;
  if (!is_new) return found;
  found.ns = ns_of([&] { found.values = run_serially(all, rounds); });
  found.ns = std::min(found.ns, ns_of([&] { found.values = run_serially(all, rounds); }));
  return found;
}

efficiency measure_point(const grid& all, const grid_runner& run_grid, std::uint64_t rounds) {
  const serial_run& serial = serial_of(all, rounds);
  std::vector<std::uint64_t> found;
  const double ns = ns_of([&] { found = run_grid(all, rounds); });
  expect(found == serial.values, "the results of the grid are wrong");
  const double ns_of_threads = ns * thread_count();
  return {.granularity_ns = ns_of_threads / double(all.size()), .share = serial.ns / ns_of_threads};
}

}  // namespace

std::string name_of(pattern which) {
  switch (which) {
    case pattern::trivial:
      return "trivial";
    case pattern::stencil:
      return "stencil";
    case pattern::tree:
      return "tree";
    case pattern::fft:
      return "fft";
    case pattern::random:
      return "random";
  }
  return {};
}

grid::grid(pattern which, std::size_t columns, std::size_t steps)
    : which_{which}, columns_{columns}, inputs_(columns * steps) {
  if (!std::has_single_bit(columns)) throw std::invalid_argument{"columns: no power of two"};
  for (std::size_t step = 1; step < steps; ++step) {
    for (std::size_t column = 0; column != columns; ++column) {
      input_list& list = inputs_[step * columns + column];
      for (const std::ptrdiff_t each : columns_of(which, columns, step, column)) {
        if (each < 0 || each >= std::ptrdiff_t(columns)) continue;
        list.tasks.at(list.count++) = (step - 1) * columns + std::size_t(each);
      }
    }
  }
}

std::vector<std::uint64_t> run_serially(const grid& all, std::uint64_t rounds) {
  std::vector<std::uint64_t> values(all.size());
  for (std::size_t task = 0; task != all.size(); ++task) {
    std::uint64_t inputs = 0;
    for (const std::size_t each : all.inputs_of(task)) inputs += values[each];
    values[task] = value_of(task, inputs, rounds);
  }
  return values;
}

double granularity_at(const std::vector<efficiency>& curve, double share) {
  for (std::size_t i = curve.size(); i-- > 0;) {
    if (curve[i].share < share) continue;
    if (i + 1 == curve.size()) return curve[i].granularity_ns;
    const efficiency& longer = curve[i];
    const efficiency& shorter = curve[i + 1];
    const double way = (longer.share - share) / (longer.share - shorter.share);
    return longer.granularity_ns * std::pow(shorter.granularity_ns / longer.granularity_ns, way);
  }
  return curve.empty() ? 0 : curve.front().granularity_ns;
}

contender metg_of(const std::string& name, const grid& all, const grid_runner& run_grid) {
  return {name, [all, run_grid](run& measured) {
            std::vector<efficiency> curve;
            for (double ns = work_ns_longest; ns >= work_ns_shortest; ns /= 2) {
              const std::chrono::nanoseconds work{std::int64_t(ns)};
              curve.push_back(measure_point(all, run_grid, rounds_for(work)));
              measured.count(fmt::format("efficiency_at_{:.0f}_ns", ns), curve.back().share);
              measured.count(fmt::format("granularity_at_{:.0f}_ns", ns),
                             curve.back().granularity_ns);
            }
            const std::chrono::nanoseconds metg{std::int64_t(granularity_at(curve, share_asked))};
            measured.add(metg, metg);
          }};
}

}  // namespace bench::metg
