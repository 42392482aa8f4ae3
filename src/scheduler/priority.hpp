// Priorities as ages: a task of a higher priority counts as submitted earlier, so that all that the
// placement core does by age it does by priority and age at once.
//
// Each step of priority up to 1,000 counts as a minute, each further one as a second. Two tasks,
// one of priority 0 submitted at 12:00 and one of priority 2: the second goes first if it was
// submitted before 12:02. So nothing starves: what has waited for long enough goes before whatever
// comes. A task of the fast lane has priority 0.
//
// Ticks of the core are those of the clock plus `offset`, so that what counts as older than the
// clock still has a place.
#pragma once

#include <algorithm>
#include <cstdint>

#include "scheduler/ticket.hpp"

namespace narke::internal {

/// How many ticks a second has for this purpose: about right is enough.
inline constexpr std::int64_t priority_ticks_per_second = 3'000'000'000;
inline constexpr std::uint64_t priority_offset = std::uint64_t{1} << 62;

/// By how much a task of this priority counts as older, in ticks. |priority| ≤ 1e9.
constexpr std::int64_t priority_lead(std::int64_t priority) noexcept {
  constexpr std::int64_t near = 1'000;
  const std::int64_t inner = std::clamp(priority, -near, near);
  return (inner * 60 + (priority - inner)) * priority_ticks_per_second;
}

/// The ticks by which the core orders a task that was submitted at `submitted`. no_ticks stays so.
constexpr std::uint64_t ticks_with_priority(std::uint64_t submitted,
                                            std::int64_t priority) noexcept {
  if (submitted == no_ticks) {
    return no_ticks;
  }
  const std::uint64_t shifted = submitted + priority_offset;
  return shifted - static_cast<std::uint64_t>(priority_lead(priority));
}

/// The core's ticks as those of the fast lane: what counts as older than its clock is 0.
constexpr std::uint64_t plain_ticks(std::uint64_t of_core) noexcept {
  if (of_core == no_ticks) {
    return no_ticks;
  }
  return of_core > priority_offset ? of_core - priority_offset : 0;
}

}  // namespace narke::internal
