#include "harness/thread_pool.hpp"

#include <algorithm>

#include "map/workload.hpp"

namespace bench::map {

/// It leaves the chunks to its user: four for each thread here.
contender thread_pool(const parameters& asked) {
  return {"thread_pool", [asked](run& measured) {
            const std::vector<std::uint64_t>& elements = the_elements(asked);
            ::thread_pool::ThreadPool& pool = the_thread_pool();
            const std::size_t chunks = 4 * pool.num_threads();
            const std::size_t size = (asked.elements + chunks - 1) / chunks;
            measured.start();
            std::vector<std::uint64_t> values(asked.elements);
            std::vector<std::future<void>> futures;
            for (std::size_t begin = 0; begin < asked.elements; begin += size) {
              const std::size_t end = std::min(asked.elements, begin + size);
              futures.push_back(pool.Submit([&elements, &values, begin, end] {
                for (std::size_t i = begin; i != end; ++i) values[i] = value_of(elements[i]);
              }));
            }
            for (std::future<void>& each : futures) each.get();
            measured.stop();
            check(values, asked);
          }};
}

}  // namespace bench::map
