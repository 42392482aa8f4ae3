#include <deque>

#include <tbb/flow_graph.h>
#include <tbb/task_arena.h>

#include "metg/workload.hpp"

namespace bench::metg {
namespace {

using node = tbb::flow::continue_node<tbb::flow::continue_msg>;

/// Built and run.
std::vector<std::uint64_t> run_grid(const grid& all, std::uint64_t rounds) {
  std::vector<std::uint64_t> values(all.size());
  tbb::task_arena arena{thread_count()};
  arena.execute([&] {
    tbb::flow::graph graph;
    tbb::flow::broadcast_node<tbb::flow::continue_msg> begin{graph};
    std::deque<node> nodes;
    for (std::size_t task = 0; task != all.size(); ++task) {
      nodes.emplace_back(graph, [&all, &values, task, rounds](const tbb::flow::continue_msg&) {
        std::uint64_t inputs = 0;
        for (const std::size_t each : all.inputs_of(task)) inputs += values[each];
        values[task] = value_of(task, inputs, rounds);
      });
      if (all.inputs_of(task).empty()) tbb::flow::make_edge(begin, nodes.back());
      for (const std::size_t each : all.inputs_of(task)) {
        tbb::flow::make_edge(nodes[each], nodes.back());
      }
    }
    begin.try_put(tbb::flow::continue_msg{});
    graph.wait_for_all();
  });
  return values;
}

}  // namespace

contender onetbb(const grid& all) {
  return metg_of("onetbb_flow", all, run_grid);
}

}  // namespace bench::metg
