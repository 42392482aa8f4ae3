#include <vector>

#include <tbb/task_arena.h>
#include <tbb/task_group.h>

#include "empty_tasks/workload.hpp"
#include "harness/cpu.hpp"

namespace bench::empty_tasks {

contender onetbb(const parameters& asked) {
  return {"onetbb", [asked](run& measured) {
            std::vector<int> values(asked.tasks);
            tbb::task_arena arena{thread_count()};
            measured.start();
            arena.execute([&] {
              tbb::task_group group;
              for (std::size_t i = 0; i != asked.tasks; ++i) {
                group.run([&values, i] { values[i] = value_of(int(i)); });
              }
              group.wait();
            });
            measured.stop();
            check(values, asked);
          }};
}

}  // namespace bench::empty_tasks
