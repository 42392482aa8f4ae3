// The life of the runtime: one a process at a time.
#pragma once

#include <chrono>
#include <stop_token>
#include <string>

#include <narke/detail/waiting.hpp>
#include <narke/export.hpp>
#include <narke/object_ref.hpp>
#include <narke/options.hpp>

namespace narke {

/// Starts the runtime: threads, resources, store. Throws already_initialized, std::invalid_argument
/// naming a bad field or environment variable, narke::error when no thread can be made. Any thread.
NARKE_EXPORT void init(const runtime_options& options = {});

/// True between init and the end of shutdown; false in a child of fork.
NARKE_EXPORT bool is_initialized() noexcept;

namespace detail {
NARKE_EXPORT bool shutdown_within(std::chrono::nanoseconds timeout);
}

/// Asks running tasks to stop, waits for them, and drops queued ones: their refs throw
/// task_cancelled_error. Does nothing when there is no runtime. Throws narke::error when called
/// from inside a task. Logs every 10 s who still runs.
NARKE_EXPORT void shutdown();

/// As shutdown, but waits no longer than `timeout`. False: still draining, nothing new starts; call
/// again to go on.
template <class Rep, class Period>
bool shutdown(std::chrono::duration<Rep, Period> timeout) {
  return detail::shutdown_within(time_limit{timeout}.value());
}

/// The runtime for the length of a scope.
class session {
 public:
  explicit session(const runtime_options& options = {}) { init(options); }
  session(const session&) = delete;
  session& operator=(const session&) = delete;
  ~session() {
    if (is_initialized()) {  // a child of fork has none
      shutdown();
    }
  }
};

/// In a task or actor call: true when it should end early, because it was cancelled or timed out,
/// its actor was killed, or the runtime shuts down. Elsewhere: true while the runtime shuts down.
/// Cheap enough for a loop.
NARKE_EXPORT bool stop_requested() noexcept;
/// The same as a token, for std::condition_variable_any, std::stop_callback and the like. Callbacks
/// run on the thread that cancels. A task's token is its own: it never stops once the task has
/// ended.
NARKE_EXPORT std::stop_token stop_token();

namespace this_task {
/// The name that the task was given; else the file and line of its `remote`. Empty outside a task.
NARKE_EXPORT std::string name();
/// Unique in this process; 0 outside a task.
NARKE_EXPORT std::uint64_t id() noexcept;
/// 0 for the first attempt.
NARKE_EXPORT int attempt() noexcept;
}  // namespace this_task

}  // namespace narke
