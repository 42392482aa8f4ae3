#include "harness/cpu.hpp"

#include <sched.h>

#include <algorithm>

#include <fmt/format.h>

namespace bench {
namespace {

double measured_ns_a_round() {
  constexpr std::uint64_t rounds = 1'000'000;
  double best = 1e9;
  for (int i = 0; i != 5; ++i) {
    const auto begin = std::chrono::steady_clock::now();
    const std::uint64_t result = spin(rounds, std::uint64_t(i) + 1);
    const std::chrono::duration<double, std::nano> took = std::chrono::steady_clock::now() - begin;
    if (result != 0) best = std::min(best, took.count() / double(rounds));
  }
  return best;
}

}  // namespace

int thread_count() {
  cpu_set_t mask;
  CPU_ZERO(&mask);
  return sched_getaffinity(0, sizeof mask, &mask) == 0 ? std::max(1, CPU_COUNT(&mask)) : 1;
}

std::string threads_text() {
  return fmt::format("threads:{}", thread_count());
}

std::uint64_t spin(std::uint64_t rounds, std::uint64_t seed) {
  std::uint64_t state = seed | 1;
  for (std::uint64_t i = 0; i != rounds; ++i) {
    state ^= state << 13;
    state ^= state >> 7;
    state ^= state << 17;
  }
  return state;
}

std::uint64_t rounds_for(std::chrono::nanoseconds time) {
  static const double ns_a_round = measured_ns_a_round();
  return std::max<std::uint64_t>(1, std::uint64_t(double(time.count()) / ns_a_round));
}

}  // namespace bench
