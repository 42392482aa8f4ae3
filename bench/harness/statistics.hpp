// What several measurements of the same thing come to.
#pragma once

#include <span>

namespace bench {

struct summary {
  double median = 0;  ///< of an even number: the mean of the middle two
  double min = 0;
  double max = 0;
  double mean = 0;
  double deviation = 0;  ///< of the sample; 0 for a single value

  /// The deviation as a share of the mean; 0 where the mean is 0.
  [[nodiscard]] double variation() const { return mean == 0 ? 0 : deviation / mean; }
};

/// Of no values: all zero.
[[nodiscard]] summary summarise(std::span<const double> values);

}  // namespace bench
