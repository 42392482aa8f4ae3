#include "harness/thread_pool.hpp"

#include <chrono>
#include <thread>

#include "queued_memory/workload.hpp"

namespace bench::queued_memory {

runtime thread_pool() {
  return {"thread_pool", [](std::size_t tasks, gate& held, const std::function<void()>& queued) {
            ::thread_pool::ThreadPool& pool = the_thread_pool();
            std::vector<std::future<void>> holding;
            // Each of its threads has a queue, and sleeps at it though another's has a task for it.
            // So there are more of these, for every queue, until all threads are held.
            while (!held.holds(thread_count())) {
              holding.push_back(pool.Submit([&held] { held.hold(); }));
              std::this_thread::sleep_for(std::chrono::milliseconds{1});
            }
            std::vector<std::future<int>> futures;
            futures.reserve(tasks);
            for (std::size_t i = 0; i != tasks; ++i) {
              futures.push_back(pool.Submit(value_of, int(i)));
            }
            queued();
            held.open();
            std::vector<int> values;
            for (std::future<int>& each : futures) values.push_back(each.get());
            for (std::future<void>& each : holding) each.get();
            return values;
          }};
}

}  // namespace bench::queued_memory
