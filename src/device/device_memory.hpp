// The memory of one GPU as narke uses it: slabs from a pool of the driver, cut into blocks. A block
// that is let go makes no call of the driver: it keeps the list of the work that still uses it, and
// is handed out again to a stream that comes after that work, or that is made to wait for it.
// Owned by the device; guarded by the engine's mutex.
//
//   let go:      block (used by streams 1 and 2) → the bin of its size
//   allocate S:  a block of the same size of whose users S has seen all; else the best fit of the
//                slabs' free ranges likewise; else one that S has to wait for; else a new slab
//   short:       bins back into slabs, neighbours joined, slabs that are empty and of which the
//                host knows all users complete back to the driver
#pragma once

#include <cstddef>
#include <cstdint>
#include <map>
#include <unordered_map>
#include <vector>

#include "device/stream_order.hpp"
#include "driver/driver_table.hpp"

namespace narke::internal {

struct device_block {
  cu_device_ptr begin = 0;
  std::size_t bytes = 0;  ///< rounded up; 0: no block
  point_list users;       ///< what still uses the bytes, once the block was let go

  explicit operator bool() const noexcept { return bytes != 0; }
};

struct device_memory_options {
  std::uint64_t capacity_bytes = 0;
  std::uint64_t slab_bytes = std::uint64_t{64} << 20;
  bool one_allocation_a_block = false;  ///< for tools that watch the driver's allocations
};

class device_memory {
 public:
  static constexpr std::size_t granularity_bytes = 512;

  /// `home`: the stream on which slabs come and go.
  device_memory(const driver_table& table, stream_order& order, gpu_stream& home, cu_mem_pool pool,
                const device_memory_options& options) noexcept
      : table_{table}, order_{order}, home_{home}, pool_{pool}, options_{options} {}
  device_memory(const device_memory&) = delete;
  device_memory& operator=(const device_memory&) = delete;

  /// What a request of `bytes` takes.
  [[nodiscard]] static std::size_t rounded(std::size_t bytes) noexcept {
    const std::size_t whole = (bytes + granularity_bytes - 1) / granularity_bytes;
    return (whole == 0 ? 1 : whole) * granularity_bytes;
  }

  /// A block that work on `stream` may use from here on; no block when there is no room in one
  /// piece. Issues the waits that it takes. `code`: of the driver call that failed, if one did.
  [[nodiscard]] device_block allocate(std::size_t bytes, gpu_stream& stream, cu_result& code);
  /// Takes a block back. Its users say until when its bytes are in use.
  void let_go(device_block block);

  /// Joins free neighbours, and gives slabs back to the driver that are free as a whole and whose
  /// users are complete. True when a slab was given back.
  bool trim();
  /// Takes what the driver still has for us as one slab, if it can be had.
  void gather();
  /// What the host would have to see complete so that trim can give back more.
  [[nodiscard]] point_list users_of_free_slabs();

  [[nodiscard]] std::uint64_t capacity_bytes() const noexcept { return options_.capacity_bytes; }
  /// The driver had less than that: other processes took it.
  void lower_capacity() noexcept;
  /// In blocks that are handed out.
  [[nodiscard]] std::uint64_t used_bytes() const noexcept { return used_bytes_; }
  [[nodiscard]] std::uint64_t peak_bytes() const noexcept { return peak_bytes_; }
  /// Not handed out: in slabs, or not taken from the driver yet.
  [[nodiscard]] std::uint64_t free_bytes() const noexcept {
    return options_.capacity_bytes > used_bytes_ ? options_.capacity_bytes - used_bytes_ : 0;
  }
  [[nodiscard]] std::uint64_t driver_allocations() const noexcept { return driver_allocations_; }
  /// Every slab back to the driver, whatever uses it. Requires: all work is done.
  void release_all() noexcept;

 private:
  struct free_range {
    std::size_t bytes = 0;
    point_list users;
  };
  using range_map = std::map<cu_device_ptr, free_range>;
  struct slab {
    std::size_t bytes = 0;
    range_map free;  ///< by where they begin; neighbours with users stay apart
  };
  /// Free ranges end to end; what is said of users is said of those that a block would take.
  struct free_run {
    slab* of = nullptr;
    range_map::iterator first = {};
    std::size_t bytes = 0;
    bool is_seen = true;
    bool has_ended = true;
  };
  using slab_map = std::map<cu_device_ptr, slab>;

  [[nodiscard]] std::vector<device_block>& bin_of(std::size_t bytes);
  [[nodiscard]] device_block take_from_bin(std::size_t bytes, const gpu_stream& stream);
  [[nodiscard]] device_block take_from_slabs(std::size_t bytes, const gpu_stream& stream,
                                             bool may_wait);
  [[nodiscard]] static free_run run_from(slab& of, range_map::iterator first, std::size_t bytes,
                                         const gpu_stream& stream);
  static device_block cut(const free_run& run, std::size_t bytes);
  static void join(slab& of, range_map::iterator first, range_map::iterator second);
  [[nodiscard]] bool add_slab(std::size_t bytes, cu_result& code);
  void empty_bins();
  void put_into_slab(device_block block);
  [[nodiscard]] slab& slab_of(cu_device_ptr address);
  device_block hand_out(device_block block) noexcept;

  const driver_table& table_;
  stream_order& order_;
  gpu_stream& home_;
  const cu_mem_pool pool_;
  device_memory_options options_;
  slab_map slabs_;
  std::unordered_map<std::size_t, std::vector<device_block>> bins_;  // by size
  std::vector<device_block>* last_bin_ = nullptr;                    // one of them
  std::size_t last_bin_bytes_ = 0;
  std::uint64_t slab_total_bytes_ = 0;
  std::uint64_t used_bytes_ = 0;
  std::uint64_t peak_bytes_ = 0;
  std::uint64_t driver_allocations_ = 0;
};

}  // namespace narke::internal
