#include "harness/thread_pool.hpp"

#include "idle/workload.hpp"

namespace bench::idle {

runtime thread_pool() {
  return {"thread_pool", [] {
            std::vector<std::future<int>> futures;
            for (int i = 0; i != tasks_before; ++i) {
              futures.push_back(the_thread_pool().Submit([] { return 1; }));
            }
            int done = 0;
            for (std::future<int>& each : futures) done += each.get();
            return done == tasks_before;
          }};
}

}  // namespace bench::idle
