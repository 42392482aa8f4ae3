// The promises that are not complete yet, so that shutdown finds the tasks that wait for them.
#pragma once

namespace narke::internal {

/// Fails the tasks that wait for open promises. While the runtime drains. Any thread.
void drop_waiting_for_promises() noexcept;

}  // namespace narke::internal
