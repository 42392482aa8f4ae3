// Waits that can never end. A task that has waited in get, wait or as_completed without a timeout
// for a while (`first_look`) writes down what it waits for, and looks whether anything can still
// bring it; later it looks again, less and less often. Waits that end sooner cost nothing.
//
// What can still move is found by taking away from the waits that are written down those for which
// something else can act, until none is left to take. A wait is for slots; a slot can still come
//  - when no task fills it: a thread outside has the promise;
//  - when its task runs and is not among the waits left, or may be ended by a timeout;
//  - when its task is queued for CPUs: who waits has given his back;
//  - when its task waits for a resource, and those who hold parts of it and are not among those
//    left hold as much as it lacks. An actor is left when it has no turn to give and all calls that
//    run there are; a placement group never is, nor is a wait for a part of its bundles seen;
//  - when its task waits for a turn of an actor that has one to give, or whose calls are not all
//    among those left; of an actor that is not there yet, when this can have its resources;
//  - when its task waits for arguments, and each of these can still come.
// Of coroutine tasks nobody waits on a thread: a timer looks for them (suspended_watch.hpp), and
// ends one wait of each cycle. A wait at a co_await is pictured like one for an argument; what the
// task holds, it holds as one that waits in get.
// What is left waits for itself: the wait that finds itself there throws. The decision is a pure
// function of the picture that is taken of all waits (wait_graph.hpp).
//
// Nothing that was written down changes under the lock: a wait ends by taking itself off, under the
// same lock. So a task that was found waiting still waits, holds what it held, and can neither
// publish its results nor let others have its turn.
#pragma once

#include <chrono>
#include <cstddef>
#include <vector>

#include <narke/detail/result_slot.hpp>

#include "worker/thread_state.hpp"

namespace narke::internal {

class watched_wait {
 public:
  static constexpr std::chrono::milliseconds first_look{50};
  static constexpr std::chrono::seconds pause_max{8};

  /// `goal`: of the slots, how many have to be ready. `until_failure`: all, or one that has failed.
  /// Requires: this thread runs a task; the caller holds references to the slots.
  watched_wait(std::vector<detail::result_slot*> slots, std::size_t goal, bool until_failure);
  watched_wait(const watched_wait&) = delete;
  watched_wait& operator=(const watched_wait&) = delete;
  ~watched_wait();

  /// Throws deadlock_error, naming the tasks, when nothing can end this wait.
  void look() const;

 private:
  friend struct wait_picture;

  const execution* const top_;  // the task that waits, and those that wait for it on its stack
  const std::vector<detail::result_slot*> slots_;
  const std::size_t goal_;
  const bool until_failure_;
};

/// What look_at_suspended found.
struct suspended_look {
  bool is_any = false;
  bool is_any_young = false;  ///< it was there for the first or second time
  bool is_any_old = false;    ///< it was there the last time, too
};
/// Looks at the tasks that are suspended. Of those that were there at the last look and can never
/// go on, one has its co_await throw deadlock_error. Any thread, one at a time.
suspended_look look_at_suspended();

}  // namespace narke::internal
