#include <vector>

#include <tbb/task_arena.h>
#include <tbb/task_group.h>

#include "tiny_tasks/workload.hpp"

namespace bench::tiny_tasks {

contender onetbb(const parameters& asked) {
  return {"onetbb", [asked](run& measured) {
            std::vector<std::uint64_t> values(asked.tasks);
            tbb::task_arena arena{thread_count()};
            measured.start();
            arena.execute([&] {
              tbb::task_group group;
              for (std::size_t i = 0; i != asked.tasks; ++i) {
                group.run([&values, i, rounds = asked.rounds] { values[i] = value_of(i, rounds); });
              }
              group.wait();
            });
            measured.stop();
            check(values, asked);
          }};
}

}  // namespace bench::tiny_tasks
