// Threads that everybody relies on, such as the timer's: nothing of the user's that may wait is to
// run there, or it could wait for the thread that it is on.
#pragma once

namespace narke::internal {

extern constinit thread_local bool is_service_thread;

}  // namespace narke::internal
