#include "store/object_store.hpp"

#include <fmt/format.h>

#include <narke/errors.hpp>
#include <narke/put.hpp>

namespace narke::internal {

constinit std::atomic<std::int64_t> store_used{0};
constinit std::atomic<std::int64_t> store_limit{0};

void set_store_limit_bytes(std::int64_t bytes) noexcept {
  store_limit.store(bytes, std::memory_order_relaxed);
}

}  // namespace narke::internal

namespace narke::detail {

void count_stored_bytes(std::int64_t bytes) noexcept {
  internal::store_used.fetch_add(bytes, std::memory_order_relaxed);
}

void check_room(std::size_t bytes) {
  const std::int64_t limit = internal::store_limit_bytes();
  const std::int64_t used = internal::stored_bytes();
  const std::int64_t room = limit > used ? limit - used : 0;
  if (limit != 0 && bytes > static_cast<std::uint64_t>(room)) {
    throw object_store_full_error{
        fmt::format("narke::put: the value takes {} bytes, and {} of {} bytes of the object store "
                    "are in use. Let refs "
                    "go that are no longer needed, or give init a larger object_store_memory",
                    bytes, used, limit)};
  }
}

}  // namespace narke::detail
