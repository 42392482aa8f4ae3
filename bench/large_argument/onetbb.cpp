#include <tbb/parallel_for.h>
#include <tbb/task_arena.h>

#include "harness/cpu.hpp"
#include "large_argument/workload.hpp"

namespace bench::large_argument {

contender onetbb(const parameters& asked) {
  return {"onetbb", [asked](run& measured) {
            const values& all = the_values(asked);
            std::vector<double> sums(asked.tasks);
            tbb::task_arena arena{thread_count()};
            measured.start();
            arena.execute([&] {
              tbb::parallel_for(std::size_t{0}, sums.size(),
                                [&](std::size_t i) { sums[i] = sum_of(all); });
            });
            measured.stop();
            check(sums, asked);
          }};
}

}  // namespace bench::large_argument
