#include <tbb/flow_graph.h>
#include <tbb/task_arena.h>

#include <numeric>
#include <vector>

#include "actor_calls/workload.hpp"
#include "harness/cpu.hpp"

namespace bench::actor_calls {
namespace {

/// A node that takes one message at a time, in the order sent, and has a state: its results go
/// where the message says.
std::uint64_t sum_of_all(const parameters& asked) {
  std::vector<std::uint64_t> results(asked.calls);
  std::uint64_t state = 0;
  tbb::flow::graph graph;
  tbb::flow::function_node<std::uint64_t*> node{graph, tbb::flow::serial,
                                                [&state](std::uint64_t* const& result) {
                                                  *result = state += 1;
                                                  return tbb::flow::continue_msg{};
                                                }};
  for (std::uint64_t& each : results) {
    node.try_put(&each);
    if (asked.one_at_a_time) graph.wait_for_all();
  }
  graph.wait_for_all();
  return std::accumulate(results.begin(), results.end(), std::uint64_t{0});
}

}  // namespace

contender onetbb(const parameters& asked) {
  return {"onetbb_serial_node", [asked](run& measured) {
            tbb::task_arena arena{thread_count()};
            std::uint64_t sum = 0;
            measured.start();
            arena.execute([&] { sum = sum_of_all(asked); });
            measured.stop();
            check(sum, asked);
          }};
}

}  // namespace bench::actor_calls
