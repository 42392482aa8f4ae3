// Whether this process is a child of fork, made while its parent had a runtime. Nothing of the
// runtime works in it: the threads are not there, and their locks may be held for ever. So every
// call throws fork_error, what only lets go leaks instead, and nothing waits. A child that executes
// another program is not concerned, nor one of posix_spawn.
#pragma once

#include <atomic>

namespace narke::internal {

/// Set by the handler that runs in the child, which may do nothing but that.
extern constinit std::atomic<bool> is_forked_child_flag;

[[nodiscard]] inline bool is_forked_child() noexcept {
  return is_forked_child_flag.load(std::memory_order_relaxed);
}

[[noreturn]] void throw_fork_error(const char* call);
/// `call`: what was asked for, as "get".
inline void refuse_in_forked_child(const char* call) {
  if (is_forked_child()) [[unlikely]] {
    throw_fork_error(call);
  }
}

}  // namespace narke::internal
