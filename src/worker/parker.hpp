// Where one thread sleeps until another wakes it: a binary semaphore on a futex. A wake before the
// wait is not lost.
//
// Protocol of `state_` (0 = nothing, 1 = woken, 2 = asleep):
//  1. The sleeper takes 1 → 0 and goes on; else it sets 0 → 2 and sleeps in the kernel while the
//     value is 2.
//  2. The waker exchanges in 1, and calls the kernel only when it took out 2: a wake without a
//     sleeper costs no call.
//  3. The sleeper, woken for whatever reason, starts again at 1.
// Written by the sleeper and any waker. Release by the waker, acquire by the sleeper: what the
// waker did is seen.
#pragma once

#include <atomic>
#include <chrono>
#include <cstdint>

namespace narke::internal {

class parker {
 public:
  /// Sleeps until woken. One thread at a time.
  void wait() noexcept {
    static_cast<void>(wait_until(std::chrono::steady_clock::time_point::max()));
  }
  /// Sleeps until woken (true) or until `deadline` (false); time_point::max() is never.
  bool wait_until(std::chrono::steady_clock::time_point deadline) noexcept;
  /// Any thread. After it the parker may be gone: it is not touched once the sleeper can see the
  /// wake.
  void wake() noexcept;
  /// Takes a wake that is there already.
  bool try_wait() noexcept {
    std::uint32_t woken = 1;
    return state_.compare_exchange_strong(woken, 0, std::memory_order_acquire,
                                          std::memory_order_relaxed);
  }

 private:
  std::atomic<std::uint32_t> state_{0};
};

}  // namespace narke::internal
