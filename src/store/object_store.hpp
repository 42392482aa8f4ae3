// How many bytes the values in the store take, against its limit. Counts every value that owns
// memory or is longer than detail::uncounted_bytes_max; kept over shutdown, as refs may outlive the
// runtime. Any thread.
#pragma once

#include <atomic>
#include <cstdint>

namespace narke::internal {

extern constinit std::atomic<std::int64_t> store_used;   // by every thread that stores or lets go
extern constinit std::atomic<std::int64_t> store_limit;  // written by init

/// Sets the limit of `put`. 0: no runtime, no limit.
void set_store_limit_bytes(std::int64_t bytes) noexcept;
[[nodiscard]] inline std::int64_t store_limit_bytes() noexcept {
  return store_limit.load(std::memory_order_relaxed);
}
[[nodiscard]] inline std::int64_t stored_bytes() noexcept {
  return store_used.load(std::memory_order_relaxed);
}
/// Results are always kept, so there may be more than the limit: then new tasks wait for room.
[[nodiscard]] inline bool store_is_over_limit() noexcept {
  const std::int64_t limit = store_limit_bytes();
  return limit != 0 && stored_bytes() > limit;
}

}  // namespace narke::internal
