// How many bytes the values in the store take, against its limit. Counts every value that owns
// memory or is longer than detail::uncounted_bytes_max; kept over shutdown, as refs may outlive the
// runtime. Any thread.
#pragma once

#include <cstdint>

namespace narke::internal {

/// Sets the limit of `put`. 0: no runtime, no limit.
void set_store_limit_bytes(std::int64_t bytes) noexcept;
[[nodiscard]] std::int64_t store_limit_bytes() noexcept;
[[nodiscard]] std::int64_t stored_bytes() noexcept;

}  // namespace narke::internal
