// What a task's options say beyond its resources: attempts, time, and how many may be unfinished.
// Made for the few handles that have any; shared by the tasks of a handle, and constant but for the
// count.
#pragma once

#include <chrono>
#include <condition_variable>
#include <cstdint>
#include <exception>
#include <memory>
#include <mutex>

#include <narke/options.hpp>

namespace narke::internal {

class task_rules {
 public:
  static constexpr std::chrono::seconds retry_delay_max{30};

  /// Null when the options have none of this. Throws std::invalid_argument naming a bad field.
  static std::unique_ptr<task_rules> from(const task_options& options);

  [[nodiscard]] bool has_timeout() const noexcept { return timeout_ != no_timeout; }
  [[nodiscard]] std::chrono::nanoseconds timeout() const noexcept { return timeout_; }
  [[nodiscard]] bool may_retry() const noexcept { return max_retries_ != 0; }
  /// Whether the options allow an attempt after this one (from 0).
  [[nodiscard]] bool has_left(std::uint32_t attempt) const noexcept {
    return max_retries_ < 0 || static_cast<std::int64_t>(attempt) < max_retries_;
  }
  [[nodiscard]] bool needs_timer() const noexcept { return has_timeout() || may_retry(); }
  /// Whether an attempt (from 0) that ended with `error` is followed by another. False for what is
  /// never tried again.
  [[nodiscard]] bool wants_another(std::uint32_t attempt,
                                   const std::exception_ptr& error) const noexcept;
  /// How long to wait after that attempt.
  [[nodiscard]] std::chrono::nanoseconds delay_after(std::uint32_t attempt) const noexcept;

  // Unfinished tasks.

  [[nodiscard]] bool has_limit() const noexcept { return max_pending_ != unlimited; }
  [[nodiscard]] bool waits_when_full() const noexcept { return when_full_ == when_full::wait; }
  [[nodiscard]] std::int64_t max_pending() const noexcept { return max_pending_; }
  /// Counts one more. False when there are as many as there may be.
  [[nodiscard]] bool try_add() noexcept;
  /// Counts one more whatever there is.
  void add() noexcept;
  void remove() noexcept;
  /// Waits until there is room, or `is_over()` is true when it looks.
  void wait_for_room(bool (*is_over)() noexcept);
  /// Has those who wait for room look again.
  static void wake_all() noexcept;

 private:
  static constexpr std::chrono::nanoseconds no_timeout = std::chrono::nanoseconds::max();
  static constexpr std::int64_t unlimited = -1;

  explicit task_rules(const task_options& options);

  // Constant.
  const std::chrono::nanoseconds timeout_;
  const std::int64_t max_retries_;  // -1: without a limit
  const retry_rule retry_;
  const std::chrono::nanoseconds retry_delay_;
  const std::int64_t max_pending_;
  const narke::when_full when_full_;

  std::int64_t pending_ = 0;  // guarded by the mutex of all rules
};

}  // namespace narke::internal
