#include "worker/wait_graph.hpp"

#include <algorithm>

namespace narke::internal {

namespace {

// Amounts are sums of steps of 1/10000.
constexpr double rounding = 1e-6;

// Takes away the waits that can end, until none is left to take.
struct search {
  explicit search(const wait_graph& all) : graph{all}, is_left(all.size(), true) {}

  // Whether a wait was found that can end.
  bool take_away() {
    bool changed = false;
    for (std::size_t i = 0; i != graph.size(); ++i) {
      if (is_left[i] && can_end(graph[i])) {
        is_left[i] = false;
        changed = true;
      }
    }
    return changed;
  }

  [[nodiscard]] bool can_end(const pictured_wait& wait) const {
    if (wait.has_timeout) {
      return true;
    }
    std::size_t there = 0;
    std::size_t coming = 0;
    bool has_failed = false;
    for (const wanted_result& each : wait.wanted) {
      there += each.is_there ? 1 : 0;
      has_failed = has_failed || each.has_failed;
      coming += !each.is_there && can_come(each) ? 1 : 0;
    }
    return wait.until_failure ? has_failed || coming != 0 || there == wait.wanted.size()
                              : there + coming >= wait.goal;
  }

  [[nodiscard]] bool can_come(const wanted_result& wanted) const {
    return std::all_of(wanted.needs.begin(), wanted.needs.end(),
                       [this](const wait_need& each) { return can_be_met(each); });
  }

  [[nodiscard]] bool can_be_met(const wait_need& need) const {
    bool any = false;
    double sum = 0;
    for (const wait_holder& each : need.holders) {
      if (lets_go(each)) {
        any = true;
        sum += each.amount;
      }
    }
    return any && sum + rounding >= need.lacking;
  }

  [[nodiscard]] bool lets_go(const wait_holder& holder) const {
    return holder.waits.empty() ||
           std::any_of(holder.waits.begin(), holder.waits.end(),
                       [this](std::size_t wait) { return !is_left[wait]; });
  }

  const wait_graph& graph;
  std::vector<bool> is_left;
};

}  // namespace

std::vector<bool> waits_without_end(const wait_graph& graph) {
  search all{graph};
  while (all.take_away()) {
  }
  return all.is_left;
}

}  // namespace narke::internal
