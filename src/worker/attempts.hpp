// Tasks with rules (task/task_rules.hpp): attempts with a time limit, and another attempt after one
// that failed.
//
// An attempt ends:
//  1. its timer is taken back, or has ended the task early (task_node's outcome decides which);
//  2. on its thread, while it still has its CPU, it is decided whether there will be another. If
//     not, callable and arguments go, and the task is published as any;
//  3. if so, resources go back as after any attempt, and then instead of being published the task
//     is emptied, becomes `waiting`, and a timer is set that makes it ready again. It holds nothing
//     meanwhile but its arguments. Cancel takes a waiting task as ever.
// A call of an actor is tried again when it was lost with the actor, which the actor knows: instead
// of 3 it goes back to it, as the first of its mailbox (actor_core::give_again).
//
// Cancel against 3: who cancels looks for a waiting or ready task, marks the slot, and looks once
// more. The task becomes waiting, and then looks at the mark by a read-modify-write. Of the two
// writes to the slot one is first: either the task sees the mark, or the second look sees it
// waiting.
#pragma once

#include <utility>

#include <atomic>
#include <cstdint>

#include <narke/detail/task_node.hpp>

#include "base/timer_queue.hpp"

namespace narke::internal {

class task_rules;

/// What the options of the task say; null when they say nothing of this.
[[nodiscard]] task_rules* rules_of(const detail::task_node& node) noexcept;
/// Whether it has rules, or may be given again without. One look for tasks without options.
[[nodiscard]] inline bool has_attempts(const detail::task_node& node) noexcept {
  return node.info != nullptr && (node.keeps_arguments || rules_of(node) != nullptr);
}
/// Which attempt it is in, for who only looks.
[[nodiscard]] inline std::uint32_t attempt_of(const detail::task_node& node) noexcept {
  return std::atomic_ref{const_cast<detail::task_node&>(node).attempt}.load(
      std::memory_order_relaxed);
}
/// By whoever has the task between two attempts.
inline void next_attempt(detail::task_node& node) noexcept {
  std::atomic_ref{node.attempt}.store(node.attempt + 1, std::memory_order_relaxed);
}
/// As the task is submitted. Requires: rules.
void begin_rules(detail::task_node& node) noexcept;
/// As its results are about to be published. Requires: has_attempts.
void end_rules(detail::task_node& node) noexcept;

/// Ends the task early once its time is over. Lives while its body runs.
class attempt_timer {
 public:
  attempt_timer() noexcept = default;
  /// One that keep() returned.
  explicit attempt_timer(timer_id kept) noexcept : id_{kept} {}
  attempt_timer(const attempt_timer&) = delete;
  attempt_timer& operator=(const attempt_timer&) = delete;
  ~attempt_timer() { stop(); }
  /// The attempt begins. Requires: the caller keeps a reference until stop(). `rules`: null for
  /// none.
  void start(detail::task_node& node, const task_rules* rules) noexcept;
  /// Step 1. Waits for a call that is under way.
  void stop() noexcept;
  /// The attempt goes on without this: whoever takes it up again makes a timer of the result.
  [[nodiscard]] timer_id keep() noexcept { return std::exchange(id_, 0); }

 private:
  timer_id id_ = 0;
};

/// Step 2, after the body: whether there is to be another attempt, which is written into the node.
void decide_another_attempt(detail::task_node& node) noexcept;
/// Step 3. Takes a reference of its own.
void run_again_later(detail::task_node& node) noexcept;

}  // namespace narke::internal
