#include "fib/workload.hpp"
#include "harness/cpu.hpp"

namespace bench::fib {
namespace {

std::uint64_t fib(int n) {
  if (n < 2) return std::uint64_t(n);
  std::uint64_t a = 0;
#pragma omp task shared(a)
  a = fib(n - 1);
  const std::uint64_t b = fib(n - 2);
#pragma omp taskwait
  return a + b;
}

}  // namespace

contender openmp(const parameters& asked) {
  return {"openmp", [asked](run& measured) {
            std::uint64_t value = 0;
            measured.start();
#pragma omp parallel num_threads(thread_count())
#pragma omp single
            value = fib(asked.n);
            measured.stop();
            check(value, asked);
          }};
}

}  // namespace bench::fib
