#include "task/task_rules.hpp"

#include <algorithm>
#include <stdexcept>

#include <fmt/format.h>

#include <narke/errors.hpp>

#include "task/task_info.hpp"

namespace narke::internal {

namespace {

// One for all handles: limits are rare, and what is under it is short.
struct room_state {
  std::mutex mutex;
  std::condition_variable changed;
};
room_state& room() {
  // Never destroyed: tasks may end while static objects go.
  static auto* state = new room_state;
  return *state;
}

void check_rules(const task_options& options) {
  check_whole("max_retries", options.max_retries, -1, 1e9);
  check_whole("max_pending", options.max_pending, -1, 1e15);
  if (options.max_pending == 0) {
    throw std::invalid_argument{"max_pending: 0 would take no task; -1 means without a limit"};
  }
  if (options.timeout.has_value() && options.timeout.value().count() <= 0) {
    throw std::invalid_argument{"timeout: it has to be longer than 0"};
  }
  if (options.retry_delay.has_value() && options.retry_delay.value().count() < 0) {
    throw std::invalid_argument{"retry_delay: it has to be 0 or longer"};
  }
}

// What is lost by no fault of the body's.
bool is_system_failure(const std::exception_ptr& error) noexcept {
  try {
    std::rethrow_exception(error);
  } catch (const worker_crashed_error&) {
    return true;
  } catch (const device_lost_error&) {
    return true;
  } catch (...) {
    return false;
  }
}

bool is_final(const std::exception_ptr& error) noexcept {
  try {
    std::rethrow_exception(error);
  } catch (const task_cancelled_error&) {
    return true;
  } catch (const task_timeout_error&) {
    return true;
  } catch (...) {
    return false;
  }
}

}  // namespace

std::unique_ptr<task_rules> task_rules::from(const task_options& options) {
  check_rules(options);
  if (!options.timeout.has_value() && options.max_retries == 0 && options.max_pending == -1) {
    return nullptr;
  }
  return std::unique_ptr<task_rules>{new task_rules{options}};
}

task_rules::task_rules(const task_options& options)
    : timeout_{options.timeout.value()},
      max_retries_{static_cast<std::int64_t>(double{options.max_retries})},
      retry_{options.retry_exceptions},
      retry_delay_{options.retry_delay.has_value() ? options.retry_delay.value()
                                                   : std::chrono::nanoseconds{0}},
      max_pending_{static_cast<std::int64_t>(double{options.max_pending})},
      when_full_{options.when_full} {}

bool task_rules::wants_another(std::uint32_t attempt,
                               const std::exception_ptr& error) const noexcept {
  if (!has_left(attempt) || error == nullptr || is_final(error)) {
    return false;
  }
  try {
    return is_system_failure(error) || retry_.wants(error);
  } catch (...) {
    return false;  // the user's predicate threw
  }
}

std::chrono::nanoseconds task_rules::delay_after(std::uint32_t attempt) const noexcept {
  const std::chrono::nanoseconds most =
      std::max<std::chrono::nanoseconds>(retry_delay_max, retry_delay_);
  std::chrono::nanoseconds delay = retry_delay_;
  for (std::uint32_t i = 0; i != attempt && delay.count() != 0 && delay < most; ++i) {
    delay = delay > most / 2 ? most : delay * 2;
  }
  return delay;
}

bool task_rules::try_add() noexcept {
  const std::lock_guard lock{room().mutex};
  if (pending_ >= max_pending_) {
    return false;
  }
  ++pending_;
  return true;
}

void task_rules::add() noexcept {
  const std::lock_guard lock{room().mutex};
  ++pending_;
}

void task_rules::remove() noexcept {
  {
    const std::lock_guard lock{room().mutex};
    --pending_;
  }
  room().changed.notify_all();
}

void task_rules::wait_for_room(bool (*is_over)() noexcept) {
  std::unique_lock lock{room().mutex};
  room().changed.wait(lock, [&] { return pending_ < max_pending_ || is_over(); });
}

void task_rules::wake_all() noexcept {
  { const std::lock_guard lock{room().mutex}; }  // who waits has looked, or will look again
  room().changed.notify_all();
}

}  // namespace narke::internal
