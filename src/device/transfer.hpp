// Copies between host memory and a GPU, in chunks through registered staging slots: the driver
// copies from and to registered memory without blocking, and from nothing else. A transfer is a
// state machine that is moved on by whoever submits for the device; the copies between the user's
// memory and a slot are made outside the engine's mutex. Guarded by that mutex.
//
//   to the GPU:   host → slot (a chore), slot → GPU (enqueued); the slot is free when the host has
//                 seen that copy complete; the replica is ordered when the last is enqueued
//   to the host:  GPU → slot (enqueued), seen complete, slot → host (a chore), the slot is free;
//                 the block may go when the last copy is enqueued
#pragma once

#include <cstddef>
#include <cstdint>
#include <deque>
#include <vector>

#include "device/array_buffer.hpp"
#include "device/stream_order.hpp"

namespace narke::internal {

/// A piece of registered host memory.
struct staging_slot {
  std::byte* data = nullptr;
  bool is_taken = false;
  stream_point last_use;  ///< the copy that reads it, once that is enqueued
};

/// Host memory registered for the driver, in slots for each direction.
struct staging_area {
  std::byte* begin = nullptr;
  std::size_t bytes = 0;
  std::size_t chunk_bytes = 0;
  std::vector<staging_slot> to_device;
  std::vector<staging_slot> to_host;
};

enum class transfer_direction : std::uint8_t { to_device, to_host };

enum class transfer_urgency : std::uint8_t {
  prefetch,  ///< somebody may want it
  eviction,  ///< somebody waits for the room
  waited_for,
};

struct transfer {
  transfer_direction direction = transfer_direction::to_host;
  transfer_urgency urgency = transfer_urgency::prefetch;
  detail::array_buffer* buffer = nullptr;  ///< with a reference
  replica* on_device = nullptr;            ///< pinned until the last chunk is enqueued
  std::size_t enqueued_bytes = 0;
  std::size_t landed_bytes = 0;  ///< to the host: copied to where they belong
  bool has_begun = false;
  bool has_chore = false;  ///< a thread copies for it
  struct chunk {
    staging_slot* slot = nullptr;
    std::size_t offset = 0;
    std::size_t bytes = 0;
    stream_point copied;
  };
  std::deque<chunk> chunks;  ///< to the host: enqueued, not landed
};

/// A copy in host memory that a transfer needs next.
struct copy_chore {
  transfer* of = nullptr;
  void* to = nullptr;
  const void* from = nullptr;
  std::size_t bytes = 0;
  std::size_t offset = 0;
  staging_slot* slot = nullptr;

  explicit operator bool() const noexcept { return of != nullptr; }
};

}  // namespace narke::internal
