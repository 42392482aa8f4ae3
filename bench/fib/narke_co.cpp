#include <narke/narke.hpp>

#include "fib/workload.hpp"
#include "harness/cpu.hpp"

namespace bench::fib {
namespace {

::narke::co_task<std::uint64_t> fib(int n) {
  if (n < 2) co_return std::uint64_t(n);
  static const auto task = ::narke::task(fib);
  auto a = task.remote(n - 1);
  const std::uint64_t b = co_await fib(n - 2);
  co_return co_await std::move(a) + b;
}

}  // namespace

contender narke_co(const parameters& asked) {
  return {"narke_co", [asked](run& measured) {
            ensure_narke();
            measured.start();
            const std::uint64_t value = ::narke::get(::narke::task(fib).remote(asked.n));
            measured.stop();
            check(value, asked);
          }};
}

}  // namespace bench::fib
