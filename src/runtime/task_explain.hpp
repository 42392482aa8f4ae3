// Why a task waits, or where it ran: as text for people, and as facts for the report. What it says
// may be out of date at once. Any thread.
#pragma once

#include <cstddef>
#include <string>
#include <vector>

#include <narke/detail/result_slot.hpp>

#include "observe/report.hpp"

namespace narke::internal {

/// Several lines. Requires: the caller has a reference to `slot`.
std::string explain(detail::result_slot& slot);

/// The oldest `most` tasks that are not finished, then the last `most` that ended and that the
/// timeline has.
task_list_facts task_list(std::size_t most);

}  // namespace narke::internal
