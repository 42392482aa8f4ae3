#include "large_argument/workload.hpp"

namespace bench::large_argument {

const values& the_values(const parameters& asked) {
  static const values made = [&] {
    values all(asked.elements);
    for (std::size_t i = 0; i != all.size(); ++i) all[i] = double(i % 10);
    return all;
  }();
  return made;
}

// Four sums side by side: one alone would wait for its own additions, not for memory.
double sum_of(const values& all) {
  double sums[4] = {};
  for (std::size_t i = 0; i + 4 <= all.size(); i += 4) {
    for (std::size_t k = 0; k != 4; ++k) sums[k] += all[i + k];
  }
  return sums[0] + sums[1] + sums[2] + sums[3];
}

void check(const std::vector<double>& sums, const parameters& asked) {
  expect_equal(sums.size(), asked.tasks, "the number of sums");
  for (const double each : sums) {
    expect_equal(each, double(asked.elements / 10) * 45, "a sum");
  }
}

}  // namespace bench::large_argument
