#include "fib/workload.hpp"

namespace bench::fib {
namespace {

[[gnu::noinline]] std::uint64_t fib(int n) {
  return n < 2 ? std::uint64_t(n) : fib(n - 1) + fib(n - 2);
}

std::uint64_t by_loop(int n) {
  std::uint64_t before = 0;
  std::uint64_t at = 1;
  for (int i = 0; i != n; ++i) {
    const std::uint64_t next = before + at;
    before = at;
    at = next;
  }
  return before;
}

}  // namespace

std::uint64_t tasks_of(int n) {
  return by_loop(n + 1) - 1;
}

void check(std::uint64_t value, const parameters& asked) {
  expect_equal(value, by_loop(asked.n), fmt::format("fib({})", asked.n));
}

contender serial(const parameters& asked) {
  return {"serial", [asked](run& measured) {
            measured.start();
            const std::uint64_t value = fib(asked.n);
            measured.stop();
            check(value, asked);
          }};
}

}  // namespace bench::fib
