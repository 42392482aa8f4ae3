// METG(50 %) of Task Bench, the minimum effective task granularity: how short tasks may get before
// less than half of all threads' time is useful. A grid of tasks, steps by columns, each on results
// of the step before, is run with tasks of decreasing length. As Task Bench has it, the efficiency
// of a run is the work it did in its time, over what its threads could have done (the time of a
// plain loop, divided by the number of threads), and its granularity is its time by threads over
// its tasks, so that it includes what a runtime adds.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <span>
#include <string>
#include <vector>

#include "harness/cpu.hpp"
#include "harness/workload.hpp"

namespace bench::metg {

/// Which results of the step before a task takes, by its column.
enum class pattern : std::uint8_t {
  trivial,  ///< none
  stencil,  ///< its own and its neighbours'
  tree,     ///< that of half its column
  fft,      ///< its own and those of the butterfly's distance, which doubles with each step
  random,   ///< one to three, anywhere
};

inline constexpr std::array patterns{pattern::trivial, pattern::stencil, pattern::tree,
                                     pattern::fft, pattern::random};

[[nodiscard]] std::string name_of(pattern which);

inline constexpr std::size_t inputs_max = 3;

/// Tasks by number: that of column c in step s is s * columns + c.
class grid {
 public:
  /// `columns` is a power of two.
  grid(pattern which, std::size_t columns, std::size_t steps);

  [[nodiscard]] pattern which() const { return which_; }
  [[nodiscard]] std::size_t columns() const { return columns_; }
  [[nodiscard]] std::size_t size() const { return inputs_.size(); }
  /// Tasks whose results this one takes, at most inputs_max; all of the step before.
  [[nodiscard]] std::span<const std::size_t> inputs_of(std::size_t task) const {
    return {inputs_[task].tasks.data(), inputs_[task].count};
  }

 private:
  struct input_list {
    std::array<std::size_t, inputs_max> tasks{};
    std::size_t count = 0;
  };

  pattern which_;
  std::size_t columns_;
  std::vector<input_list> inputs_;
};

/// What a task makes of its inputs' sum. `rounds` of spin() are its length.
inline std::uint64_t value_of(std::size_t task, std::uint64_t inputs, std::uint64_t rounds) {
  return spin(rounds, inputs + task) + 1;
}

/// All results, in the order of the tasks.
[[nodiscard]] std::vector<std::uint64_t> run_serially(const grid& all, std::uint64_t rounds);

/// The same, by a runtime.
using grid_runner =
    std::function<std::vector<std::uint64_t>(const grid& all, std::uint64_t rounds)>;

/// A point of an efficiency curve.
struct efficiency {
  double granularity_ns = 0;
  double share = 0;  ///< of all threads' time that was work
};

/// Where the curve, from long tasks to short ones, falls below `share` for good: between two points
/// by their logarithms. Without such points: the shortest granularity, or, when it never reaches
/// it, the longest.
[[nodiscard]] double granularity_at(const std::vector<efficiency>& curve, double share);

/// A contender whose time is the METG(50 %) of `run_grid`. Its counters are the curve, by the
/// length of the work in a task: `efficiency_at_1000_ns` and `granularity_at_1000_ns`.
[[nodiscard]] contender metg_of(const std::string& name, const grid& all,
                                const grid_runner& run_grid);

contender onetbb(const grid& all);
contender openmp(const grid& all);
contender starpu(const grid& all);
contender narke(const grid& all);

}  // namespace bench::metg
