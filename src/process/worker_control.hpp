// What a worker process and its parent share beside the messages: one page, mapped by both, and the
// numbers under which the worker finds what it inherits.
#pragma once

#include <atomic>
#include <cstdint>

namespace narke::internal {

/// Neither side believes in more than the comparison that is written here. The calls of a worker
/// are counted by both sides, from 1 on.
struct worker_control {
  /// The last call whose body may have run. Written by the worker, before the body; read by the
  /// parent when the worker is dead: a call that did not start may be made again.
  std::atomic<std::uint64_t> started{0};
  /// The last call that was asked to stop. Written by the parent.
  std::atomic<std::uint64_t> asked_to_stop{0};
};
static_assert(std::atomic<std::uint64_t>::is_always_lock_free);

inline constexpr int worker_socket = 3;
inline constexpr int worker_control_file = 4;
inline constexpr int worker_descriptors_end = 5;

/// The process id of the parent; its presence makes a process a worker. Removed at once.
inline constexpr const char* worker_variable = "NARKE_WORKER_OF";

}  // namespace narke::internal
