#include "worker/parker.hpp"

#include <linux/futex.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <cerrno>
#include <ctime>

namespace narke::internal {

namespace {

// False when the time was up. Waking for any other reason is true.
bool futex_wait(std::atomic<std::uint32_t>& word, std::uint32_t expected,
                std::chrono::steady_clock::time_point deadline) noexcept {
  timespec until{};
  const bool for_ever = deadline == std::chrono::steady_clock::time_point::max();
  if (!for_ever) {
    const auto since_epoch =
        std::chrono::duration_cast<std::chrono::nanoseconds>(deadline.time_since_epoch());
    until.tv_sec = static_cast<std::time_t>(since_epoch.count() / 1'000'000'000);
    until.tv_nsec = static_cast<long>(since_epoch.count() % 1'000'000'000);
  }
  // The bitset form takes an absolute time of the monotonic clock, which is the steady clock.
  const long result = syscall(SYS_futex, &word, FUTEX_WAIT_BITSET_PRIVATE, expected,
                              for_ever ? nullptr : &until, nullptr, FUTEX_BITSET_MATCH_ANY);
  return !(result == -1 && errno == ETIMEDOUT);
}

}  // namespace

bool parker::wait_until(std::chrono::steady_clock::time_point deadline) noexcept {
  // The kernel takes no time before the clock's beginning.
  for (bool in_time = deadline.time_since_epoch().count() >= 0;;) {
    if (try_wait()) {
      return true;
    }
    std::uint32_t nothing = 0;
    if (!in_time) {
      // Nobody may find "asleep" of a thread that is not.
      std::uint32_t asleep = 2;
      if (state_.compare_exchange_strong(asleep, 0, std::memory_order_acq_rel,
                                         std::memory_order_acquire) ||
          asleep == 0) {
        return false;
      }
      continue;
    }
    state_.compare_exchange_strong(nothing, 2, std::memory_order_acq_rel,
                                   std::memory_order_acquire);
    if (nothing != 1) {
      in_time = futex_wait(state_, 2, deadline);
    }
  }
}

void parker::wake() noexcept {
  // The address is all that the kernel needs: the parker itself may be gone after the exchange.
  std::atomic<std::uint32_t>* word = &state_;
  if (word->exchange(1, std::memory_order_acq_rel) == 2) {
    syscall(SYS_futex, word, FUTEX_WAKE_PRIVATE, 1, nullptr, nullptr, 0);
  }
}

}  // namespace narke::internal
