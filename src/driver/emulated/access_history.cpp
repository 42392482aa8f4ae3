#include "driver/emulated/access_history.hpp"

#include <algorithm>
#include <iterator>
#include <utility>

namespace narke::internal {

void access_history::check(cu_device_ptr begin, cu_device_ptr end, byte_access kind,
                           const is_before_fn& is_before, const on_conflict_fn& on_conflict) {
  if (begin >= end) return;
  const bool writes = kind == byte_access::write;
  split(end);
  for (auto at = split(begin); at != ranges_.end() && at->first < end;) {
    auto& accesses = at->second.accesses;
    // A write stands for all that is before it, a read for the reads: what conflicts with one of
    // those conflicts with the accessor too.
    std::erase_if(accesses, [&](const past_access& past) {
      const bool past_writes = past.kind == byte_access::write;
      const bool is_ordered = is_before(past.by);
      if (!is_ordered && (writes || past_writes)) on_conflict(past, at->first, at->second.end);
      return is_ordered && (writes || !past_writes);
    });
    at = accesses.empty() ? ranges_.erase(at) : std::next(at);
  }
  merge(begin, end);
}

void access_history::add(cu_device_ptr begin, cu_device_ptr end, const past_access& access) {
  if (begin >= end) return;
  split(end);
  auto at = split(begin);
  for (cu_device_ptr filled = begin; filled < end;) {
    const bool is_gap = at == ranges_.end() || at->first > filled;
    if (is_gap) {
      const cu_device_ptr gap_end = at == ranges_.end() ? end : std::min(end, at->first);
      at = ranges_.emplace_hint(at, filled, range{.end = gap_end, .accesses = {access}});
    } else {
      at->second.accesses.push_back(access);
    }
    filled = at->second.end;
    ++at;
  }
  merge(begin, end);
}

void access_history::replace(cu_device_ptr begin, cu_device_ptr end, const past_access& access) {
  if (begin >= end) return;
  split(end);
  auto first = split(begin);
  ranges_.erase(first, ranges_.lower_bound(end));
  ranges_.emplace(begin, range{.end = end, .accesses = {access}});
  merge(begin, end);
}

void access_history::forget(cu_device_ptr begin, cu_device_ptr end) {
  const auto first = split(begin);
  const auto last = split(end);
  ranges_.erase(first, last);
}

void access_history::prune(const is_before_fn& is_before) {
  for (auto at = ranges_.begin(); at != ranges_.end();) {
    auto& accesses = at->second.accesses;
    std::erase_if(accesses, [&](const past_access& past) { return is_before(past.by); });
    at = accesses.empty() ? ranges_.erase(at) : std::next(at);
  }
  if (!ranges_.empty()) merge(ranges_.begin()->first, ranges_.rbegin()->first);
}

/// The first range at or behind `at`, after parting the one that `at` lies within.
access_history::range_map::iterator access_history::split(cu_device_ptr at) {
  auto next = ranges_.lower_bound(at);
  if (next == ranges_.begin()) return next;
  auto before = std::prev(next);
  if (before->second.end <= at) return next;
  range behind = before->second;
  before->second.end = at;
  return ranges_.emplace_hint(next, at, std::move(behind));
}

/// Joins neighbours with the same history, from the range before `begin` to the one at `end`.
void access_history::merge(cu_device_ptr begin, cu_device_ptr end) {
  auto at = ranges_.lower_bound(begin);
  if (at != ranges_.begin()) --at;
  while (at != ranges_.end()) {
    auto next = std::next(at);
    if (next == ranges_.end() || next->first > end) return;
    if (at->second.end == next->first && at->second.accesses == next->second.accesses) {
      at->second.end = next->second.end;
      ranges_.erase(next);
    } else {
      at = next;
    }
  }
}

}  // namespace narke::internal
