#include <tbb/task_arena.h>
#include <tbb/task_group.h>

#include "side_by_side/workload.hpp"

namespace bench::side_by_side {

runtime onetbb() {
  return {"onetbb", [](std::size_t tasks, std::uint64_t rounds) {
            std::vector<std::uint64_t> values(tasks);
            static tbb::task_arena arena{thread_count()};
            arena.execute([&] {
              tbb::task_group group;
              for (std::size_t i = 0; i != tasks; ++i) {
                group.run([&values, i, rounds] { values[i] = value_of(i, rounds); });
              }
              group.wait();
            });
            std::uint64_t sum = 0;
            for (const std::uint64_t each : values) sum += each;
            return sum;
          }};
}

}  // namespace bench::side_by_side
