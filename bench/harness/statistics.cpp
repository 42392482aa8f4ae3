#include "harness/statistics.hpp"

#include <algorithm>
#include <cmath>
#include <numeric>
#include <vector>

namespace bench {

summary summarise(std::span<const double> values) {
  if (values.empty()) return {};
  std::vector<double> sorted(values.begin(), values.end());
  std::sort(sorted.begin(), sorted.end());
  const std::size_t half = sorted.size() / 2;
  const double count = double(sorted.size());
  summary found{.median = sorted[half], .min = sorted.front(), .max = sorted.back()};
  if (sorted.size() % 2 == 0) found.median = (sorted[half - 1] + sorted[half]) / 2;
  found.mean = std::accumulate(sorted.begin(), sorted.end(), 0.0) / count;
  if (sorted.size() == 1) return found;
  double squares = 0;
  for (const double each : sorted) squares += (each - found.mean) * (each - found.mean);
  found.deviation = std::sqrt(squares / (count - 1));
  return found;
}

}  // namespace bench
