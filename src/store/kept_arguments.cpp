// Arguments that tasks hold and that others may share: the last few large ones that were copied.
// Only the copy's owner keeps it alive; the table only points to it.
#include <array>
#include <cstddef>
#include <cstring>
#include <memory>
#include <mutex>

#include <narke/detail/watching.hpp>

namespace narke::detail {

namespace {

struct kept_argument {
  const void* type = nullptr;
  const void* source = nullptr;  ///< where it was copied from; compared, never read
  std::size_t bytes = 0;
  const void* copied = nullptr;
  std::weak_ptr<const void> copy;
};

struct kept_table {
  std::mutex mutex;
  std::array<kept_argument, 8> all;  // guarded by mutex
  std::size_t next = 0;              // guarded by mutex
};

kept_table& table() {
  static auto* kept = new kept_table;
  return *kept;
}

}  // namespace

std::shared_ptr<const void> find_equal_argument(const void* type, const void* data,
                                                std::size_t bytes) noexcept {
  std::shared_ptr<const void> copy;
  const void* copied = nullptr;
  {
    const std::lock_guard lock{table().mutex};
    for (const kept_argument& each : table().all) {
      if (each.source == data && each.bytes == bytes && each.type == type) {
        copy = each.copy.lock();
        copied = each.copied;
        if (copy != nullptr) {
          break;
        }
      }
    }
  }
  // Outside the lock: it may take long, and `copy` keeps the bytes.
  return copy != nullptr && std::memcmp(copied, data, bytes) == 0 ? copy : nullptr;
}

void remember_argument(const void* type, const void* data, std::size_t bytes,
                       const std::shared_ptr<const void>& copy, const void* copied) noexcept {
  kept_argument made{type, data, bytes, copied, copy};
  const std::lock_guard lock{table().mutex};
  for (kept_argument& each : table().all) {
    if (each.source == data && each.bytes == bytes && each.type == type) {
      std::swap(each, made);
      return;
    }
  }
  std::swap(table().all[table().next++ % table().all.size()], made);
}

}  // namespace narke::detail
