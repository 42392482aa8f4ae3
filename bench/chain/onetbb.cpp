#include <deque>

#include <tbb/flow_graph.h>
#include <tbb/task_arena.h>

#include "chain/workload.hpp"
#include "harness/cpu.hpp"

namespace bench::chain {

contender onetbb(const parameters& asked) {
  return {"onetbb_flow", [asked](run& measured) {
            std::uint64_t value = 1;
            tbb::task_arena arena{thread_count()};
            measured.start();
            arena.execute([&] {
              tbb::flow::graph graph;
              using node = tbb::flow::continue_node<tbb::flow::continue_msg>;
              std::deque<node> nodes;
              for (std::size_t i = 0; i != asked.length; ++i) {
                nodes.emplace_back(
                    graph, [&value](const tbb::flow::continue_msg&) { value = step(value); });
                if (i != 0) tbb::flow::make_edge(nodes[i - 1], nodes[i]);
              }
              nodes.front().try_put(tbb::flow::continue_msg{});
              graph.wait_for_all();
            });
            measured.stop();
            check(value, asked);
          }};
}

}  // namespace bench::chain
