// Puts the worker processes and the rest of the runtime together: what a process is told of its
// task, and what a task sees in one.
#pragma once

#include "runtime/settings.hpp"

namespace narke::internal {

/// Before the first runtime starts.
void connect_isolation() noexcept;
/// When a runtime starts.
void start_isolation(const runtime_settings& settings) noexcept;

}  // namespace narke::internal
