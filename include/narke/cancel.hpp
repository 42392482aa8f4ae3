// cancel: a task that need not run any more.
#pragma once

#include <narke/object_ref.hpp>

namespace narke {

struct cancel_options {
  /// Ends a task that runs in a process of its own at once. A body on a thread of this process
  /// cannot be ended from outside: for it, as false.
  bool force = false;
  /// The tasks and actor calls that the task has submitted, and these theirs, are cancelled too.
  bool recursive = true;
};

namespace detail {
NARKE_EXPORT bool cancel_slot(result_slot& slot, bool force, bool recursive);
}

/// Whether it was still in time. A task that has not started never runs, and `get` throws
/// task_cancelled_error at once. One that runs sees stop_requested() turn true, and fails so when
/// its body ends, even if it returns a value; a body that waits in `get` or `wait` is not woken.
/// One that has finished: false, no effect. What the task submitted fails before it begins, or is
/// asked to stop; once the task has ended it is on its own. Actor calls and GPU tasks likewise:
/// work that is in a stream goes on to its end. A value from `put` or a promise cannot be
/// cancelled: false. Any thread, the task's own too.
template <class T>
bool cancel(const object_ref<T>& ref, const cancel_options& options = {}) {
  return detail::cancel_slot(detail::ref_access::checked(ref, "cancel"), options.force,
                             options.recursive);
}

}  // namespace narke
