#include <narke/narke.hpp>

#include "metg/workload.hpp"

namespace bench::metg {
namespace {

using ref = ::narke::object_ref<std::uint64_t>;

std::uint64_t of_none(std::size_t task, std::uint64_t rounds) {
  return value_of(task, 0, rounds);
}

std::uint64_t of_one(std::uint64_t a, std::size_t task, std::uint64_t rounds) {
  return value_of(task, a, rounds);
}

std::uint64_t of_two(std::uint64_t a, std::uint64_t b, std::size_t task, std::uint64_t rounds) {
  return value_of(task, a + b, rounds);
}

std::uint64_t of_three(std::uint64_t a, std::uint64_t b, std::uint64_t c, std::size_t task,
                       std::uint64_t rounds) {
  return value_of(task, a + b + c, rounds);
}

std::vector<std::uint64_t> run_grid(const grid& all, std::uint64_t rounds) {
  static const auto none = ::narke::task(of_none);
  static const auto one = ::narke::task(of_one);
  static const auto two = ::narke::task(of_two);
  static const auto three = ::narke::task(of_three);
  std::vector<ref> refs;
  refs.reserve(all.size());
  for (std::size_t task = 0; task != all.size(); ++task) {
    const std::span<const std::size_t> in = all.inputs_of(task);
    if (in.empty()) {
      refs.push_back(none.remote(task, rounds));
    } else if (in.size() == 1) {
      refs.push_back(one.remote(refs[in[0]], task, rounds));
    } else if (in.size() == 2) {
      refs.push_back(two.remote(refs[in[0]], refs[in[1]], task, rounds));
    } else {
      refs.push_back(three.remote(refs[in[0]], refs[in[1]], refs[in[2]], task, rounds));
    }
  }
  return ::narke::get(refs);
}

}  // namespace

contender narke(const grid& all) {
  return metg_of("narke", all, [](const grid& each, std::uint64_t rounds) {
    ensure_narke();
    return run_grid(each, rounds);
  });
}

}  // namespace bench::metg
