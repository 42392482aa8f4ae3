#include <future>
#include <vector>

#include "wait_many/workload.hpp"

namespace bench::wait_many {

contender std_future(const parameters& asked) {
  return {"std_future", [asked](run& measured) {
            std::vector<std::promise<std::size_t>> promises(asked.refs);
            std::vector<std::future<std::size_t>> futures;
            for (std::size_t i = 0; i != asked.refs; ++i) {
              futures.push_back(promises[i].get_future());
              promises[i].set_value(i);
            }
            std::size_t sum = 0;
            measured.start();
            for (std::future<std::size_t>& each : futures) sum += each.get();
            measured.stop();
            check(sum, asked);
          }};
}

}  // namespace bench::wait_many
