#include "harness/thread_pool.hpp"

#include <vector>

#include "tiny_tasks/workload.hpp"

namespace bench::tiny_tasks {

contender thread_pool(const parameters& asked) {
  return {"thread_pool", [asked](run& measured) {
            ::thread_pool::ThreadPool& pool = the_thread_pool();
            measured.start();
            std::vector<std::future<std::uint64_t>> futures;
            futures.reserve(asked.tasks);
            for (std::size_t i = 0; i != asked.tasks; ++i) {
              futures.push_back(pool.Submit(value_of, i, asked.rounds));
            }
            std::vector<std::uint64_t> values;
            values.reserve(asked.tasks);
            for (std::future<std::uint64_t>& each : futures) values.push_back(each.get());
            measured.stop();
            check(values, asked);
          }};
}

}  // namespace bench::tiny_tasks
