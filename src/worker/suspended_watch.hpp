// Looks for deadlocks among suspended tasks, from time to time, while there are some: by the
// process's timer, as no thread of theirs is there to look. Any thread.
#pragma once

#include <chrono>

namespace narke::internal {

/// How long it may take until the next look; it takes longer while the same tasks are suspended.
inline constexpr std::chrono::milliseconds suspended_pause_min{50};
inline constexpr std::chrono::milliseconds suspended_pause_max{1'000};

/// A task was suspended: it is listed. Quick when others are looked at already. Where no timer can
/// be had, nobody looks.
void watch_suspended() noexcept;
/// By shutdown: no task is suspended any more.
void unwatch_suspended() noexcept;

}  // namespace narke::internal
