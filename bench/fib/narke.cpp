#include <narke/narke.hpp>

#include "fib/workload.hpp"
#include "harness/cpu.hpp"

namespace bench::fib {
namespace {

std::uint64_t fib(int n) {
  if (n < 2) return std::uint64_t(n);
  static const auto task = ::narke::task(fib);
  auto a = task.remote(n - 1);
  const std::uint64_t b = fib(n - 2);
  return ::narke::get(std::move(a)) + b;
}

}  // namespace

contender narke(const parameters& asked) {
  return {"narke", [asked](run& measured) {
            ensure_narke();
            measured.start();
            const std::uint64_t value = ::narke::get(::narke::task(fib).remote(asked.n));
            measured.stop();
            check(value, asked);
          }};
}

}  // namespace bench::fib
