// One array: its bytes in host memory, and its replicas on GPUs. Immutable once its producer is
// done, so a replica is there or it is not; none is ever stale. The buffer is owned by its handles
// and by work that is under way; its replicas are the engine's and guarded by the engine's mutex.
#pragma once

#include <atomic>
#include <cstddef>
#include <cstdint>
#include <exception>
#include <optional>
#include <utility>

#include <narke/detail/array_buffer.hpp>

#include "base/short_list.hpp"
#include "device/device_memory.hpp"
#include "device/stream_order.hpp"

namespace narke::internal {

/// Bytes in host memory, with the way to let them go.
struct host_memory {
  void* data = nullptr;
  void* owner = nullptr;
  void (*let_go)(void* owner) noexcept = nullptr;

  explicit operator bool() const noexcept { return let_go != nullptr; }
};

enum class replica_state : std::uint8_t {
  arriving,  ///< a copy to it is not enqueued to its end yet
  ordered,   ///< `producer` makes it: work that comes after may read it
};

/// The bytes of an array on one GPU.
struct replica {
  detail::array_buffer* buffer = nullptr;
  gpu_device* device = nullptr;
  device_block block;
  replica_state state = replica_state::arriving;
  stream_point producer;
  point_list readers;
  std::uint64_t made_on =
      0;                     ///< bits of the devices whose loss, before it is complete, is its loss
  int pins = 0;              ///< tasks that are admitted and have not been enqueued yet, and copies
  bool is_leaving = false;   ///< on its way to the host, to be dropped
  replica* older = nullptr;  ///< by last use, among those of the device
  replica* newer = nullptr;

  /// What has to be done before the bytes can be written again.
  [[nodiscard]] point_list users() const {
    point_list all = readers;
    all.add(producer);
    return all;
  }
};

enum class host_state : std::uint8_t {
  absent,
  arriving,  ///< a copy down is under way
  present,
};

}  // namespace narke::internal

namespace narke::detail {

class array_buffer {
 public:
  explicit array_buffer(std::size_t bytes) noexcept : bytes_{bytes} {}
  array_buffer(std::size_t bytes, internal::host_memory memory) noexcept
      : bytes_{bytes}, host_{memory}, host_state_{internal::host_state::present} {}
  array_buffer(const array_buffer&) = delete;
  array_buffer& operator=(const array_buffer&) = delete;
  ~array_buffer() {
    while (!replicas_.empty()) {
      remove_replica(*replicas_.back());
    }
    if (host_) {
      host_.let_go(host_.owner);
    }
  }

  [[nodiscard]] std::size_t bytes() const noexcept { return bytes_; }
  /// True only for the caller's own reference.
  [[nodiscard]] bool is_last_ref() const noexcept { return is_only(1); }
  [[nodiscard]] bool is_only(std::uint32_t references) const noexcept {
    return refs_.load(std::memory_order_acquire) == references;
  }
  [[nodiscard]] bool is_on_host() const noexcept {
    return host_state_.load(std::memory_order_acquire) == internal::host_state::present;
  }
  [[nodiscard]] void* host_data() const noexcept { return host_.data; }

  void add_ref() noexcept { refs_.fetch_add(1, std::memory_order_relaxed); }
  /// For the engine, which finds buffers by their replicas without having a reference. False when
  /// the last one is gone: whoever dropped it is about to destroy the buffer, under the engine's
  /// mutex.
  [[nodiscard]] bool try_add_ref() noexcept {
    std::uint32_t seen = refs_.load(std::memory_order_relaxed);
    while (seen != 0) {
      if (refs_.compare_exchange_weak(seen, seen + 1, std::memory_order_acq_rel,
                                      std::memory_order_relaxed)) {
        return true;
      }
    }
    return false;
  }
  [[nodiscard]] bool is_referenced() const noexcept {
    return refs_.load(std::memory_order_acquire) != 0;
  }
  /// True for the last one, who destroys the buffer. The count really gets to 0: see try_add_ref.
  [[nodiscard]] bool drop_ref() noexcept {
    return refs_.fetch_sub(1, std::memory_order_acq_rel) == 1;
  }

  // Guarded by the engine's mutex, but for those that are its owner's alone.

  [[nodiscard]] internal::replica* replica_on(const internal::gpu_device& device) const noexcept {
    for (internal::replica* each : replicas_) {
      if (each->device == &device) {
        return each;
      }
    }
    return nullptr;
  }
  using replica_list = internal::short_list<internal::replica*, 2>;
  [[nodiscard]] const replica_list& replicas() const noexcept { return replicas_; }
  /// The first needs no memory of its own: nearly every array is on one GPU.
  internal::replica& add_replica() {
    internal::replica* made = first_replica_ ? new internal::replica : &first_replica_.emplace();
    replicas_.push_back(made);
    return *made;
  }
  void remove_replica(internal::replica& gone) noexcept;
  [[nodiscard]] internal::host_state state_on_host() const noexcept {
    return host_state_.load(std::memory_order_acquire);
  }
  /// Memory for a copy that arrives. Throws std::bad_alloc.
  void expect_on_host();
  void set_on_host() noexcept {
    host_state_.store(internal::host_state::present, std::memory_order_release);
  }
  /// The copy did not come.
  void give_host_up() noexcept;
  /// The host's bytes are out of date: the buffer is written on a GPU.
  [[nodiscard]] internal::host_memory take_host_memory() noexcept;
  void set_lost(std::exception_ptr why) noexcept { lost_ = std::move(why); }
  /// Why it is nowhere any more; null when it is somewhere, or will be.
  [[nodiscard]] const std::exception_ptr& lost() const noexcept { return lost_; }
  /// Where the builder's bytes are.
  [[nodiscard]] void* builder_data() const noexcept {
    return host_ ? host_.data : reinterpret_cast<void*>(replicas_.front()->block.begin);
  }
  /// Whether it ever was on a GPU: then the engine has to be asked when it goes.
  [[nodiscard]] bool is_known_to_engine() const noexcept {
    return known_.load(std::memory_order_acquire);
  }
  void set_known_to_engine() noexcept { known_.store(true, std::memory_order_release); }

 private:
  const std::size_t bytes_;
  std::atomic<std::uint32_t> refs_{1};
  internal::host_memory host_;
  std::atomic<internal::host_state> host_state_{internal::host_state::absent};
  std::atomic<bool> known_{false};
  std::exception_ptr lost_;
  std::optional<internal::replica> first_replica_;  // in use while it has a value
  replica_list replicas_;                           // of which the others are on the heap
};

}  // namespace narke::detail
