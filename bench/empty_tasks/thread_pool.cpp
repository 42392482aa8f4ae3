#include "harness/thread_pool.hpp"

#include <vector>

#include "empty_tasks/workload.hpp"

namespace bench::empty_tasks {

contender thread_pool(const parameters& asked) {
  return {"thread_pool", [asked](run& measured) {
            ::thread_pool::ThreadPool& pool = the_thread_pool();
            measured.start();
            std::vector<std::future<int>> futures;
            futures.reserve(asked.tasks);
            for (std::size_t i = 0; i != asked.tasks; ++i) {
              futures.push_back(pool.Submit(value_of, int(i)));
            }
            std::vector<int> values;
            values.reserve(asked.tasks);
            for (std::future<int>& each : futures) values.push_back(each.get());
            futures.clear();
            measured.stop();
            check(values, asked);
          }};
}

}  // namespace bench::empty_tasks
