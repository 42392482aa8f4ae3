// The bytes of one memory pool: what it holds of its device, what is in use, and what was freed at
// some point of a stream and may be used again by whom. Bytes only, no addresses: a driver maps
// any of its pages anywhere. A pure value; the emulator holds its lock around every call.
#pragma once

#include <cstdint>
#include <list>
#include <memory>
#include <vector>

#include "driver/emulated/stream_knowledge.hpp"

namespace narke::internal::emulation {

struct pool_settings {
  bool follow_event_dependencies = true;
  bool allow_opportunistic = true;
  bool allow_internal_dependencies = true;
  std::uint64_t release_threshold_bytes = 0;
  std::uint64_t size_bytes_max = UINT64_MAX;
};

class pool_ledger {
 public:
  /// What a pool takes from its device at a time.
  static constexpr std::uint64_t grain_bytes = std::uint64_t{2} << 20;

  struct taken {
    bool is_success = false;
    std::vector<std::shared_ptr<record_point>> waits;  ///< that the stream has to do first
  };

  /// Takes `bytes` for an allocation on `stream`: from what the three rules of reuse allow, then
  /// from the device, which has `device_free_bytes`. Nothing changes when there is not enough.
  taken take(std::uint64_t bytes, std::uint32_t stream, const stream_knowledge& knowledge,
             std::uint64_t device_free_bytes);
  /// `bytes` are free once `point` is complete.
  void put(std::uint64_t bytes, std::shared_ptr<record_point> point);
  /// Takes notice of frees that were completed.
  void settle();
  /// Gives back to the device what is free for sure, as long as `keep_bytes` stay held.
  void trim(std::uint64_t keep_bytes);

  void reset_reserved_high() { reserved_high_ = reserved_; }
  void reset_used_high() { used_high_ = used_; }
  [[nodiscard]] std::uint64_t reserved_bytes() const { return reserved_; }
  [[nodiscard]] std::uint64_t reserved_high_bytes() const { return reserved_high_; }
  [[nodiscard]] std::uint64_t used_bytes() const { return used_; }
  [[nodiscard]] std::uint64_t used_high_bytes() const { return used_high_; }

  pool_settings settings;

 private:
  struct freed_bytes {
    std::uint64_t bytes;
    std::shared_ptr<record_point> point;
  };

  [[nodiscard]] bool may_reuse(const freed_bytes& freed, std::uint32_t stream,
                               const stream_knowledge& knowledge) const;

  std::uint64_t reserved_ = 0;
  std::uint64_t reserved_high_ = 0;
  std::uint64_t used_ = 0;
  std::uint64_t used_high_ = 0;
  std::uint64_t spare_ = 0;  // free for whoever comes
  std::list<freed_bytes> freed_;
};

}  // namespace narke::internal::emulation
