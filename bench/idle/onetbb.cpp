#include <tbb/task_arena.h>
#include <tbb/task_group.h>

#include <atomic>

#include "harness/cpu.hpp"
#include "idle/workload.hpp"

namespace bench::idle {

runtime onetbb() {
  return {"onetbb", [] {
            static tbb::task_arena arena{thread_count()};
            std::atomic<int> done = 0;
            arena.execute([&] {
              tbb::task_group group;
              for (int i = 0; i != tasks_before; ++i) group.run([&done] { done.fetch_add(1); });
              group.wait();
            });
            return done == tasks_before;
          }};
}

}  // namespace bench::idle
