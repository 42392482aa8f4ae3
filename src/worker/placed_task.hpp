// Tasks of the placement lane: those that ask for anything but one CPU.
#pragma once

#include <exception>

#include <narke/detail/task_node.hpp>

namespace narke::internal {

/// A task whose arguments are ready. Takes over one reference.
void submit_placed(detail::task_node& node) noexcept;
/// The error of a task that was feasible when it was submitted and is not any more.
[[nodiscard]] std::exception_ptr no_place_left(const detail::task_node& node);
/// A task whose request was granted, on a thread without a permit. Takes over one reference.
/// Returns an item that got room by its end, to be run next in the same way; or null.
[[nodiscard]] detail::runnable* execute_placed(detail::task_node& node) noexcept;
/// The same for a coroutine task that goes on, in which case its request was granted before, and
/// publishes nothing. Takes over nothing.
void go_on_placed(detail::task_node& node) noexcept;
/// Takes a task that its caller has claimed out of the lane. True: it was waiting, and its
/// reference is the caller's.
bool withdraw_placed(detail::task_node& node) noexcept;
/// Fails the tasks in the lane that stand below somebody in the cancel tree.
void fail_placed_below_cancelled();

}  // namespace narke::internal
