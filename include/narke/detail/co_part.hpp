// What a coroutine task has beside any other: where its body stands, and the co_await that it waits
// at. The typed part lives in narke/co_task.hpp, the waiting in the worker layer, whose
// coroutine.hpp has the steps. Owned by the task's node. Touched by the thread that runs the task;
// while it is suspended by whoever has it for a moment, as coroutine.hpp says.
#pragma once

#include <coroutine>
#include <cstddef>
#include <cstdint>
#include <exception>
#include <utility>

#include <narke/detail/result_slot.hpp>
#include <narke/detail/waiting.hpp>
#include <narke/export.hpp>

namespace narke::internal {
class suspension;
}

namespace narke::detail {

class task_node;

class NARKE_EXPORT co_part {
 public:
  co_part(const co_part&) = delete;
  co_part& operator=(const co_part&) = delete;

  // Of co_await, on the thread that runs the task. While is_stopped, nothing is asked but end_wait.

  /// Whether co_await has nothing to wait for: the slot is ready, or its task could be run right
  /// here, or this task is asked to stop, which end_wait then throws.
  /// `is_given_up`: the caller's ref goes with the value, and nobody else looks at it meanwhile.
  [[nodiscard]] bool is_there(result_slot& slot, bool is_given_up);
  /// The same of all slots up to the first that failed. `first`: the one that is to be waited for.
  [[nodiscard]] bool are_there(const slot_list& slots, std::size_t& first);
  /// Notes what the coroutine, which is about to suspend, waits for: the slots from `first` on, up
  /// to one that failed. They stay where they are. Throws std::bad_alloc.
  void suspend(const slot_list& slots, std::size_t first);
  /// The result of co_await is asked for. Throws task_cancelled_error when the task is to stop, and
  /// what else has ended the wait. Not always before the next co_await: of two in one expression a
  /// compiler may wait for both, and then ask for the results.
  void end_wait() {
    if (is_stopped) [[unlikely]] {
      throw_reason_to_stop();
    }
  }

  /// The body is there, and has not begun.
  void begin_attempt(std::coroutine_handle<> body) noexcept {
    innermost = body;
    has_begun = true;
    is_stopped = false;
    reason_to_stop_ = nullptr;
  }
  /// Goes on with the body until it has ended, or suspends.
  void run() {
    if (waits_at != nullptr) {
      leave_wait();
    }
    calls_from_ = stack_position();
    do {
      innermost.resume();
    } while (innermost != nullptr && waits_at == nullptr);
  }
  /// Has the body that was just awaited run as a call, to its end or until it suspends, so that the
  /// one that awaits it need not. False: such calls have taken much of the stack, of which a task
  /// that is run in place is promised little more (worker/thread_state.hpp), and it is for run().
  [[nodiscard]] bool try_call_innermost() {
    if (calls_from_ - stack_position() >= calls_bytes_max) [[unlikely]] {
      return false;
    }
    innermost.resume();
    return true;
  }
  [[nodiscard]] bool is_suspended() const noexcept { return waits_at != nullptr; }

  task_node& node;
  /// The body, or the innermost of the co_tasks that it awaits: what runs, or is resumed next.
  /// Null: the body has ended.
  std::coroutine_handle<> innermost;
  /// Where it is suspended. Set by co_await, taken back before the body goes on.
  internal::suspension* waits_at = nullptr;
  bool has_begun = false;   ///< this attempt: its body is there
  bool is_stopped = false;  ///< the co_await under way throws, and does not wait

  // Of its execution, from one thread to the next.
  bool has_token = false;
  bool takes_as_ready = false;
  bool has_waited = false;  ///< it was suspended at least once
  std::uint64_t changes_seen = 0;
  std::uint64_t timer = 0;  ///< of the attempt's time limit; 0: none

 protected:
  explicit co_part(task_node& its) noexcept;
  ~co_part() = default;

 private:
  static constexpr std::ptrdiff_t calls_bytes_max = std::ptrdiff_t{32} << 10;

  // Not the address of a variable: checkers keep those elsewhere.
  [[gnu::always_inline]] static const std::byte* stack_position() noexcept {
    return static_cast<const std::byte*>(__builtin_frame_address(0));
  }
  void leave_wait() noexcept;
  [[noreturn]] void throw_reason_to_stop();

  std::exception_ptr reason_to_stop_;  // null: the task is asked to
  const std::byte* calls_from_ = nullptr;  // where run() stands on the stack
};

/// Throws std::invalid_argument: a co_task that was moved from is awaited.
[[noreturn]] NARKE_EXPORT void throw_empty_co_task();

}  // namespace narke::detail
