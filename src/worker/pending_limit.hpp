// Limits on the unfinished tasks of a handle.
#pragma once

#include <string>

#include <narke/detail/task_node.hpp>

namespace narke::internal {

class task_rules;

/// Counts one more unfinished task of `info`; true. Waits until there is room, with the CPUs of
/// this thread given back, or throws pending_limit_error, as the rules say; task_cancelled_error
/// when the runtime shuts down meanwhile. A task of the same handle never waits: it may be what is
/// waited for. `who`: for messages.
bool wait_for_room(const detail::task_info& info, task_rules& rules, const std::string& who);

}  // namespace narke::internal
