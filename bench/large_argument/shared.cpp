#include <future>

#include "harness/cpu.hpp"
#include "large_argument/workload.hpp"

namespace bench::large_argument {

namespace {

std::vector<double> sums_by_threads(const values& all, const parameters& asked) {
  std::vector<double> sums(asked.tasks);
  const std::size_t threads = std::size_t(thread_count());
  std::vector<std::future<void>> running;
  for (std::size_t t = 0; t != threads; ++t) {
    running.push_back(std::async(std::launch::async, [&, t] {
      for (std::size_t i = t; i < sums.size(); i += threads) sums[i] = sum_of(all);
    }));
  }
  for (auto& each : running) each.get();
  return sums;
}

}  // namespace

contender shared(const parameters& asked) {
  return {"shared_threads", [asked](run& measured) {
            const values& all = the_values(asked);
            measured.start();
            const std::vector<double> sums = sums_by_threads(all, asked);
            measured.stop();
            check(sums, asked);
          }};
}

contender shared_copy(const parameters& asked) {
  return {"shared_copy", [asked](run& measured) {
            const values& all = the_values(asked);
            measured.start();
            const auto copy = std::make_shared<const values>(all);
            const std::vector<double> sums = sums_by_threads(*copy, asked);
            measured.stop();
            check(sums, asked);
          }};
}

}  // namespace bench::large_argument
