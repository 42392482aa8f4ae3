#include <deque>

#include <tbb/flow_graph.h>
#include <tbb/task_arena.h>

#include "stencil/workload.hpp"

namespace bench::stencil {
namespace {

using node = tbb::flow::continue_node<tbb::flow::continue_msg>;

/// Built and run. Each step has a row of its own.
std::vector<std::uint64_t> run_grid(const parameters& asked, std::uint64_t rounds) {
  const std::size_t columns = asked.columns;
  std::vector<std::uint64_t> values((asked.steps + 1) * (columns + 2));
  for (std::size_t i = 0; i != columns; ++i) values[i + 1] = i + 1;
  tbb::task_arena arena{thread_count()};
  arena.execute([&] {
    tbb::flow::graph graph;
    tbb::flow::broadcast_node<tbb::flow::continue_msg> begin{graph};
    std::deque<node> nodes;
    for (std::size_t t = 0; t != asked.steps; ++t) {
      for (std::size_t i = 0; i != columns; ++i) {
        const std::uint64_t* const from = values.data() + t * (columns + 2) + i;
        std::uint64_t* const to = values.data() + (t + 1) * (columns + 2) + i + 1;
        nodes.emplace_back(graph, [from, to, rounds](const tbb::flow::continue_msg&) {
          *to = value_of(from[0] + from[1] + from[2], rounds);
        });
        if (t == 0) {
          tbb::flow::make_edge(begin, nodes.back());
          continue;
        }
        node* const before = &nodes[(t - 1) * columns + i];
        tbb::flow::make_edge(*before, nodes.back());
        if (i > 0) tbb::flow::make_edge(nodes[(t - 1) * columns + i - 1], nodes.back());
        if (i + 1 < columns) tbb::flow::make_edge(nodes[(t - 1) * columns + i + 1], nodes.back());
      }
    }
    begin.try_put(tbb::flow::continue_msg{});
    graph.wait_for_all();
  });
  const auto last = values.end() - std::ptrdiff_t(columns) - 1;
  return {last, last + std::ptrdiff_t(columns)};
}

}  // namespace

contender onetbb(const parameters& asked) {
  return metg_of("onetbb_flow", asked, run_grid);
}

}  // namespace bench::stencil
