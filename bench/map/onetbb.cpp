#include <tbb/blocked_range.h>
#include <tbb/parallel_for.h>
#include <tbb/task_arena.h>

#include "harness/cpu.hpp"
#include "map/workload.hpp"

namespace bench::map {

contender onetbb(const parameters& asked) {
  return {"onetbb_auto", [asked](run& measured) {
            const std::vector<std::uint64_t>& elements = the_elements(asked);
            tbb::task_arena arena{thread_count()};
            measured.start();
            std::vector<std::uint64_t> values(asked.elements);
            arena.execute([&] {
              tbb::parallel_for(tbb::blocked_range<std::size_t>{0, asked.elements},
                                [&](const tbb::blocked_range<std::size_t>& part) {
                                  for (std::size_t i = part.begin(); i != part.end(); ++i) {
                                    values[i] = value_of(elements[i]);
                                  }
                                });
            });
            measured.stop();
            check(values, asked);
          }};
}

}  // namespace bench::map
