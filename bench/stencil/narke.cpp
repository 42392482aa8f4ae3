#include <narke/narke.hpp>

#include "stencil/workload.hpp"

namespace bench::stencil {
namespace {

using ref = ::narke::object_ref<std::uint64_t>;

std::uint64_t inner(std::uint64_t left, std::uint64_t middle, std::uint64_t right,
                    std::uint64_t rounds) {
  return value_of(left + middle + right, rounds);
}

std::uint64_t edge(std::uint64_t one, std::uint64_t other, std::uint64_t rounds) {
  return value_of(one + other, rounds);
}

std::vector<std::uint64_t> run_grid(const parameters& asked, std::uint64_t rounds) {
  static const auto of_three = ::narke::task(inner);
  static const auto of_two = ::narke::task(edge);
  const std::size_t columns = asked.columns;
  std::vector<ref> before;
  for (std::size_t i = 0; i != columns; ++i) before.push_back(::narke::put(std::uint64_t{i + 1}));
  std::vector<ref> at(columns);
  for (std::size_t t = 0; t != asked.steps; ++t) {
    at.front() = of_two.remote(before[0], before[1], rounds);
    for (std::size_t i = 1; i + 1 < columns; ++i) {
      at[i] = of_three.remote(before[i - 1], before[i], before[i + 1], rounds);
    }
    at.back() = of_two.remote(before[columns - 2], before[columns - 1], rounds);
    std::swap(at, before);
  }
  return ::narke::get(before);
}

}  // namespace

contender narke(const parameters& asked) {
  return metg_of("narke", asked, [](const parameters& what, std::uint64_t rounds) {
    ensure_narke();
    return run_grid(what, rounds);
  });
}

}  // namespace bench::stencil
