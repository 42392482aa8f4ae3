// One thread's events as slices that nest, and the arrows between slices: what the Chrome trace
// format asks for, as pure functions of the events.
#pragma once

#include <cstdint>
#include <unordered_map>
#include <unordered_set>
#include <vector>

#include "observe/event.hpp"

namespace narke::internal {

/// Ticks as nanoseconds since the first event of the trace.
struct tick_scale {
  std::uint64_t origin_ticks = 0;
  double ns_per_tick = 1.0;

  [[nodiscard]] std::int64_t to_ns(std::uint64_t ticks) const noexcept {
    if (ticks <= origin_ticks) return 0;
    return static_cast<std::int64_t>(static_cast<double>(ticks - origin_ticks) * ns_per_tick);
  }
};

/// An event with times that fit its track: begin < end, within the slice around it.
struct trace_slice {
  std::int64_t begin_ns = 0;
  std::int64_t end_ns = 0;
  const trace_event* event = nullptr;
};

/// The slices of one thread, by begin, each before those within it. Slices of one thread nest but
/// for the clock's grain: they are moved by that grain until they do, with a nanosecond left free
/// at both ends of the slice around where there is room, so that an arrow there is its alone.
/// Flows, and events without a time, are left out. `events` must outlive the result.
std::vector<trace_slice> nest_slices(const std::vector<trace_event>& events,
                                     const tick_scale& scale);

/// An arrow from within one slice to the beginning of another.
struct trace_flow {
  int from_thread = 0;
  std::int64_t from_ns = 0;
  int to_thread = 0;
  std::int64_t to_ns = 0;
};

/// Finds both ends of flows among the slices. First all flows are added, then the slices.
class flow_matcher {
 public:
  void add_flow(const trace_event& flow);
  void add_slices(int thread_id, const std::vector<trace_slice>& slices);
  /// The flows whose two slices are there. With retries there are several slices of one id: the
  /// one that consumed is the one nearest in time, the one that produced the last before it.
  [[nodiscard]] std::vector<trace_flow> match(const tick_scale& scale) const;
  [[nodiscard]] std::uint64_t flow_count() const noexcept { return flows_.size(); }

 private:
  struct place {
    int thread_id;
    std::int64_t begin_ns;
    std::int64_t end_ns;
  };
  struct edge {
    std::uint64_t from;
    std::uint64_t to;
    std::uint64_t ticks;
  };

  std::vector<edge> flows_;
  std::unordered_map<std::uint64_t, std::vector<place>> places_;  ///< of ids that flows name
};

}  // namespace narke::internal
