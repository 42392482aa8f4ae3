#include "observe/trace_slices.hpp"

#include <algorithm>
#include <cstdlib>

namespace narke::internal {
namespace {

// Outer before inner. At equal times the one recorded last is the outer one: it ended last.
bool comes_first(const trace_slice& a, const trace_slice& b) {
  if (a.begin_ns != b.begin_ns) return a.begin_ns < b.begin_ns;
  if (a.end_ns != b.end_ns) return a.end_ns > b.end_ns;
  return a.event > b.event;
}

// Leaves the slices that `slice` is not within. One that it overlaps counts as left when more of
// `slice` lies behind its end than before: then `slice` is moved behind it.
void leave_ended(std::vector<const trace_slice*>& around, trace_slice& slice) {
  while (!around.empty()) {
    const std::int64_t end_ns = around.back()->end_ns;
    const bool is_within = slice.begin_ns < end_ns &&
                           slice.end_ns - end_ns <= end_ns - slice.begin_ns;
    if (is_within) return;
    slice.begin_ns = std::max(slice.begin_ns, end_ns);
    around.pop_back();
  }
}

void fit_within(const trace_slice& around, trace_slice& slice) {
  slice.begin_ns = std::max(slice.begin_ns, around.begin_ns + 1);
  slice.end_ns = std::min(slice.end_ns, around.end_ns - 1);
  if (slice.begin_ns < slice.end_ns) return;
  slice.begin_ns = std::min(slice.begin_ns, around.end_ns - 1);
  slice.end_ns = slice.begin_ns + 1;
}

}  // namespace

std::vector<trace_slice> nest_slices(const std::vector<trace_event>& events,
                                     const tick_scale& scale) {
  std::vector<trace_slice> slices;
  slices.reserve(events.size());
  for (const trace_event& event : events) {
    if (event.kind == event_kind::flow || event.begin_ticks == 0) continue;
    slices.push_back({scale.to_ns(event.begin_ticks), scale.to_ns(event.end_ticks), &event});
  }
  std::sort(slices.begin(), slices.end(), comes_first);

  std::vector<const trace_slice*> around;
  for (trace_slice& slice : slices) {
    leave_ended(around, slice);
    slice.end_ns = std::max(slice.end_ns, slice.begin_ns + 1);
    if (!around.empty()) fit_within(*around.back(), slice);
    around.push_back(&slice);
  }
  return slices;
}

void flow_matcher::add_flow(const trace_event& flow) {
  flows_.push_back({flow.parent_or_from, flow.id, flow.begin_ticks});
  places_.try_emplace(flow.parent_or_from);
  places_.try_emplace(flow.id);
}

void flow_matcher::add_slices(int thread_id, const std::vector<trace_slice>& slices) {
  if (flows_.empty()) return;
  for (const trace_slice& slice : slices) {
    const event_kind kind = slice.event->kind;
    if (kind != event_kind::task && kind != event_kind::actor_call) continue;
    const auto found = places_.find(slice.event->id);
    if (found == places_.end()) continue;
    found->second.push_back({thread_id, slice.begin_ns, slice.end_ns});
  }
}

std::vector<trace_flow> flow_matcher::match(const tick_scale& scale) const {
  std::vector<trace_flow> matched;
  matched.reserve(flows_.size());
  for (const edge& flow : flows_) {
    const std::int64_t time_ns = scale.to_ns(flow.ticks);
    const place* to = nullptr;
    for (const place& candidate : places_.at(flow.to)) {
      if (to == nullptr ||
          std::abs(candidate.begin_ns - time_ns) < std::abs(to->begin_ns - time_ns)) {
        to = &candidate;
      }
    }
    if (to == nullptr) continue;
    const place* from = nullptr;
    for (const place& candidate : places_.at(flow.from)) {
      if (candidate.begin_ns >= to->begin_ns) continue;
      if (from == nullptr || candidate.begin_ns > from->begin_ns) from = &candidate;
    }
    if (from == nullptr) continue;
    const bool is_over = from->end_ns <= to->begin_ns;
    matched.push_back({from->thread_id, is_over ? from->end_ns - 1 : from->begin_ns,
                       to->thread_id, to->begin_ns});
  }
  return matched;
}

}  // namespace narke::internal
