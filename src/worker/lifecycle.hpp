// The phase that the runtime is in: read on hot paths, written by init and shutdown alone.
#pragma once

#include <atomic>
#include <cstdint>
#include <exception>

namespace narke::internal {

enum class runtime_phase : std::uint8_t {
  never,  ///< nobody ever called init
  running,
  draining,  ///< shutdown has begun: what runs may end, what waits is dropped
  stopped,   ///< shutdown is done; init may come again
  forked,    ///< this process is a child of one that had a runtime: see base/forked_child.hpp
};

extern constinit std::atomic<runtime_phase> current_phase;

inline bool is_draining() noexcept {
  return current_phase.load(std::memory_order_relaxed) != runtime_phase::running;
}

/// What `get` of a dropped task throws.
std::exception_ptr dropped_by_shutdown();

}  // namespace narke::internal
