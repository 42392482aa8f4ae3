// What a worker process does: its start, which takes the place of the program's main, and its loop.
#pragma once

#include <cstdint>
#include <functional>

#include "process/call_message.hpp"

namespace narke::internal {

/// Calls `body` as the task that `call` says. For this_task and get_gpu_ids.
using run_as_task = void (*)(const call_head& call, const std::function<void()>& body);

/// In a process that was spawned as a worker: the program's main will not be called, but a loop
/// that makes calls, once all static objects are there. Returns in any other process. Called while
/// the program is loaded.
void become_worker_if_spawned(run_as_task runner) noexcept;

/// The loop, until the parent hangs up. Returns the exit code.
int run_calls(int socket, run_as_task runner) noexcept;

/// Whether the call that this worker makes was asked to stop. False in other processes. Any thread.
[[nodiscard]] bool worker_call_is_to_stop() noexcept;

}  // namespace narke::internal
