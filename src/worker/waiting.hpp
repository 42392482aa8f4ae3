// Threads that wait for slots, below get, wait and as_completed.
#pragma once

#include <chrono>

namespace narke::internal {

/// `timeout` from now; never when it is too long to count.
std::chrono::steady_clock::time_point deadline_after(std::chrono::nanoseconds timeout) noexcept;

}  // namespace narke::internal
