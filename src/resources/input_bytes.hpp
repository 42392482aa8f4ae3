// How many of a task's input bytes lie on which GPU already: a hint for the choice of a device. A
// small value without memory of its own.
#pragma once

#include <algorithm>
#include <array>
#include <cstddef>
#include <cstdint>
#include <initializer_list>
#include <span>

namespace narke::internal {

struct gpu_bytes {
  int gpu = 0;  ///< index into resource_totals::gpus
  std::int64_t bytes = 0;
};

class input_bytes {
 public:
  /// Of more GPUs than this the ones with the most bytes are kept.
  static constexpr std::size_t gpus_max = 4;

  input_bytes() = default;
  input_bytes(std::initializer_list<gpu_bytes> entries) {
    for (const auto& entry : entries) {
      add(entry.gpu, entry.bytes);
    }
  }

  void add(int gpu, std::int64_t bytes) {
    if (bytes <= 0) {
      return;
    }
    const auto end = entries_.begin() + count_;
    auto at = std::find_if(entries_.begin(), end, [gpu](const auto& e) { return e.gpu == gpu; });
    if (at != end) {
      at->bytes += bytes;
    } else if (static_cast<std::size_t>(count_) < gpus_max) {
      entries_[static_cast<std::size_t>(count_++)] = {gpu, bytes};
    } else {
      at = std::min_element(entries_.begin(), entries_.end(),
                            [](const auto& a, const auto& b) { return a.bytes < b.bytes; });
      if (at->bytes < bytes) {
        *at = {gpu, bytes};
      }
    }
  }

  [[nodiscard]] bool empty() const { return count_ == 0; }
  [[nodiscard]] std::span<const gpu_bytes> entries() const {
    return {entries_.data(), static_cast<std::size_t>(count_)};
  }
  [[nodiscard]] std::int64_t on(int gpu) const {
    for (const auto& entry : entries()) {
      if (entry.gpu == gpu) return entry.bytes;
    }
    return 0;
  }

 private:
  std::array<gpu_bytes, gpus_max> entries_;
  int count_ = 0;
};

}  // namespace narke::internal
