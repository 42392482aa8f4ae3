#include <tbb/task_arena.h>
#include <tbb/task_group.h>

#include "harness/cpu.hpp"
#include "queued_memory/workload.hpp"

namespace bench::queued_memory {

runtime onetbb() {
  return {"onetbb", [](std::size_t tasks, gate& held, const std::function<void()>& queued) {
            tbb::task_arena arena{thread_count()};
            std::vector<int> values;
            arena.execute([&] {
              tbb::task_group group;
              // This thread is one of the arena's.
              for (int i = 1; i < thread_count(); ++i) group.run([&] { held.hold(); });
              held.wait_for(thread_count() - 1);
              values.resize(tasks);
              for (std::size_t i = 0; i != tasks; ++i) {
                group.run([&values, i] { values[i] = value_of(int(i)); });
              }
              queued();
              held.open();
              group.wait();
            });
            return values;
          }};
}

}  // namespace bench::queued_memory
