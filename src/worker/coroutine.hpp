// Coroutine tasks: a task whose body comes back before its end, and goes on later, on any thread.
//
// Life of one, beside that of any task:
//  1. *Begun.* A thread has claimed it, as any task, and calls the body.
//  2. *At a co_await* for a slot that is not ready, and whose task cannot be run in place, the
//     coroutine notes a suspension in its co_part and comes back to the thread: nothing of it is on
//     a stack. The thread lists the suspension (suspended_tasks.hpp), which is then the way up for
//     what the task has submitted, and takes the task off its own books.
//  3. *Suspended.* The CPU goes back as at the end of a task; GPUs and custom resources stay, and
//     the placement lane knows the task as blocked. Then publish() opens the wait (co_wait.hpp),
//     which keeps one reference to the node.
//  4. *Resumed.* Who has the task after its wait puts the suspension, not the node, into a queue:
//  an
//     earlier entry of the node may still lie there. A wait for a list goes to its next slot there
//     and then, without a queue.
//  5. *Goes on.* A worker takes the suspension from the queue, puts the task on its books again and
//     calls the body. co_await looks why: the task is to stop, the wait had an error (a deadlock),
//     or the slot is ready.
//  6. *Ended*: like any task, once the body has. The frame goes first, then what it refers to.
// Nobody fails or claims a task that has begun: `waiting` and `ready` are not among its states
// until another attempt. Who wants it to end marks its first slot, and wakes it.
//
// A task that asks for one CPU beside other things goes on with a permit of the fast lane, and
// stays blocked in the placement lane until it ends: so a thousand that are resumed at once need no
// thread each. One that asks for parts of a CPU, for several or for none goes on at once, as after
// get.
#pragma once

#include <narke/detail/co_part.hpp>
#include <narke/detail/task_node.hpp>

#include "worker/attempts.hpp"
#include "worker/placement_lane.hpp"
#include "worker/thread_state.hpp"

namespace narke::internal {

/// Whether it is about to begin, and runs up to there as any task does: one with rules does not.
/// Requires: a coroutine task.
[[nodiscard]] inline bool begins_as_any_task(const detail::task_node& node) noexcept {
  return !node.is_at_co_await && !has_attempts(node);
}
/// Such a one has come back at a co_await. `began`: in ticks; 0: nobody asks.
void end_first_piece(detail::task_node& node, const execution& running,
                     std::uint64_t began) noexcept;
/// As run_body of a coroutine task that does not begin so, or that goes on.
void run_coroutine(detail::task_node& node, const std::vector<int>* gpu_ids,
                   std::uint64_t submitter_id) noexcept;
/// Whether the body came back from run_body before its end. That thread, before step 3.
[[nodiscard]] inline bool is_suspended(const detail::task_node& node) noexcept {
  return node.is_at_co_await;
}
/// Step 3, of one of which that is so. Takes a reference of its own.
void open_wait(detail::task_node& node, detail::runnable** next) noexcept;
/// Step 4, by who has taken the last count of a task down that could not be made ready. False: it
/// is not suspended.
[[nodiscard]] bool resume_suspended(detail::task_node& node, detail::runnable** next) noexcept;
/// An entry came off the list of a slot, whose `waiting` is null.
void end_wait_of(detail::dependent& entry, detail::runnable** next) noexcept;

/// Whether a task of the placement lane goes on with a permit.
[[nodiscard]] bool goes_on_by_permit(const placement_record& record) noexcept;

/// Calls `visit` for what the task waits for: its arguments, or at a co_await the slot. Requires: a
/// looker holds it.
void visit_what_it_waits_for(const detail::task_node& node,
                             bool (*visit)(void* context, const detail::result_slot& slot),
                             void* context);

/// Cancelled, below somebody who was, or shutdown: those wake up.
void wake_suspended_below_cancelled() noexcept;
void wake_all_suspended() noexcept;

}  // namespace narke::internal
