#include <tbb/task_arena.h>
#include <tbb/task_group.h>

#include "fib/workload.hpp"
#include "harness/cpu.hpp"

namespace bench::fib {
namespace {

std::uint64_t fib(int n) {
  if (n < 2) return std::uint64_t(n);
  std::uint64_t a = 0;
  tbb::task_group group;
  group.run([&a, n] { a = fib(n - 1); });
  const std::uint64_t b = fib(n - 2);
  group.wait();
  return a + b;
}

}  // namespace

contender onetbb(const parameters& asked) {
  return {"onetbb", [asked](run& measured) {
            tbb::task_arena arena{thread_count()};
            std::uint64_t value = 0;
            measured.start();
            arena.execute([&] { value = fib(asked.n); });
            measured.stop();
            check(value, asked);
          }};
}

}  // namespace bench::fib
