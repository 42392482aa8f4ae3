// cancel: a task that need not run any more.
#pragma once

#include <narke/object_ref.hpp>

namespace narke {

struct cancel_options {
  bool force = false;
  bool recursive = true;
};

namespace detail {
NARKE_EXPORT bool cancel_slot(result_slot& slot, bool force, bool recursive);
}

/// A task that has not started never runs, and `get` throws task_cancelled_error at once: true. One
/// that has finished: false, no effect. One that runs: narke::error, as running work cannot be
/// cancelled yet. Any thread.
template <class T>
bool cancel(const object_ref<T>& ref, const cancel_options& options = {}) {
  return detail::cancel_slot(detail::ref_access::checked(ref, "cancel"), options.force,
                             options.recursive);
}

}  // namespace narke
