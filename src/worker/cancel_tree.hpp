// Tasks that were cancelled together with what they submit, and the stop tokens of tasks. Nothing
// is kept of a task that nobody cancels and that asks for no token, but its parent's id.
//
// Who cancels a task that runs, and all below it:
//  1. marks its first slot (result_slot::mark_stop), which decides whether it was in time;
//  2. `add`: its id stands here, unless it has finished and has submitted nothing;
//  3. asks the tokens below it to stop, and fails what waits in the placement lane.
// A task looks for somebody above it that stands here when it starts, when it asks
// stop_requested(), and when its body ends; only while there is somebody at all. It goes up by its
// parent's id and the lists of parents that run (parent_list.hpp); the way ends at a task that has
// ended. A parent is on its list before the child can run, so the child finds all of it, whatever
// the order of 2 and the look. Who finds somebody marks its own slot, so that a body that ends
// after it was asked to stop fails as one that was cancelled by name.
//  4. `forget`: a task that has finished is taken out, unless it has submitted others, which may
//     still be queued. Both 2 and 4 hold the mutex, and a task is finished before its 4: either 2
//     sees that, or 4 finds what 2 has put here. What has ended is forgotten once no task is left,
//     or 65,536 others were cancelled after it.
#pragma once

#include <atomic>
#include <cstdint>
#include <stop_token>

#include <narke/detail/task_node.hpp>

#include "worker/thread_state.hpp"

namespace narke::internal::cancel_tree {

/// How often somebody was added; 0: nobody stands here.
extern constinit std::atomic<std::uint64_t> changes;

inline bool is_active() noexcept {
  return changes.load(std::memory_order_acquire) != 0;
}

/// Step 2. Requires: a reference to the node.
void add(const detail::task_node& node);
/// Step 3, the tokens: of `node` itself, and when `recursive` of all below it.
void stop_tokens_of(const detail::task_node& node, bool recursive);
/// Whether somebody above a task with this parent stands here.
[[nodiscard]] bool is_below_cancelled(std::uint64_t parent_id) noexcept;

/// The first time that the task of `running` submits another. That task's own thread.
void list_as_parent(execution& running) noexcept;
/// The body of a parent ends: when it stands below somebody here, what it has submitted does too.
void end_parent(const execution& running) noexcept;
/// Step 4, of a task that was marked to stop. Requires: it is finished.
void forget(const detail::task_node& node) noexcept;

/// Whether the task is to stop: cancelled, or below somebody who was. That task's own thread.
[[nodiscard]] bool is_below_one_since_seen(execution& running) noexcept;
[[nodiscard]] inline bool is_asked_to_stop(execution& running) noexcept {
  return running.node->first_slot().is_marked_to_stop() ||
         (changes.load(std::memory_order_acquire) != running.changes_seen &&
          is_below_one_since_seen(running));
}
/// The same as a token. That task's own thread.
[[nodiscard]] std::stop_token token_of(execution& running);
/// The body of a task that has asked for a token has ended.
void drop_token(const detail::task_node& node) noexcept;
/// Once no task is left, and none can come: what is kept of those that have ended goes, so that
/// the tasks of the next runtime have nobody to look for.
void forget_ended() noexcept;
/// Shutdown asks everybody.
void stop_all_tokens();

}  // namespace narke::internal::cancel_tree
