#include <numeric>

#include "map/workload.hpp"

namespace bench::map {

const std::vector<std::uint64_t>& the_elements(const parameters& asked) {
  static const std::vector<std::uint64_t> made = [&] {
    std::vector<std::uint64_t> all(asked.elements);
    std::iota(all.begin(), all.end(), std::uint64_t{0});
    return all;
  }();
  return made;
}

void check(const std::vector<std::uint64_t>& values, const parameters& asked) {
  expect_equal(values.size(), asked.elements, "the number of results");
  for (std::size_t i = 0; i != values.size(); ++i) {
    expect_equal(values[i], value_of(i), fmt::format("result {}", i));
  }
}

contender serial(const parameters& asked) {
  return {"serial", [asked](run& measured) {
            const std::vector<std::uint64_t>& elements = the_elements(asked);
            measured.start();
            std::vector<std::uint64_t> values;
            values.reserve(elements.size());
            for (const std::uint64_t each : elements) values.push_back(value_of(each));
            measured.stop();
            check(values, asked);
          }};
}

}  // namespace bench::map
