#include "task/waiting_room.hpp"

#include <array>
#include <cstdint>
#include <mutex>

#include "base/forked_child.hpp"
#include "base/needed_memory.hpp"

namespace narke::internal {

namespace {

constexpr std::size_t bucket_count = 256;

struct alignas(64) bucket {
  std::mutex mutex;
  wait_entry* first = nullptr;  // guarded by mutex

  void link_locked(wait_entry& entry) noexcept {
    entry.previous = nullptr;
    entry.next = first;
    if (first != nullptr) {
      first->previous = &entry;
    }
    first = &entry;
  }
  void unlink_locked(wait_entry& entry) noexcept {
    (entry.previous != nullptr ? entry.previous->next : first) = entry.next;
    if (entry.next != nullptr) {
      entry.next->previous = entry.previous;
    }
    entry.slot = nullptr;
  }
};

bucket& bucket_of(const detail::result_slot& slot) noexcept {
  // Never destroyed: threads of the user may still wait when static objects go.
  static auto* buckets = [] {
    const memory_needed needed;
    return new std::array<bucket, bucket_count>;
  }();
  const auto address = reinterpret_cast<std::uintptr_t>(&slot);
  return (*buckets)[((address >> 6) ^ (address >> 14)) % bucket_count];
}

}  // namespace

constinit std::atomic<void (*)() noexcept> waiting_room::before_wake{nullptr};

bool waiting_room::enter(wait_entry& entry, detail::result_slot& slot, wait_group& group) {
  entry.slot = &slot;
  entry.group = &group;
  {
    bucket& its = bucket_of(slot);
    const std::lock_guard lock{its.mutex};
    its.link_locked(entry);
  }
  if (slot.mark_thread_waits()) {
    return true;
  }
  // Ready; but if another thread's bit was there, its producer may have called the group already.
  bucket& its = bucket_of(slot);
  const std::lock_guard lock{its.mutex};
  if (entry.slot == nullptr) {
    return true;
  }
  its.unlink_locked(entry);
  return false;
}

void waiting_room::leave(wait_entry& entry, const detail::result_slot& slot) noexcept {
  if (is_forked_child()) {
    return;  // its parent's bucket, and perhaps its lock
  }
  bucket& its = bucket_of(slot);
  const std::lock_guard lock{its.mutex};
  if (entry.slot != nullptr) {
    its.unlink_locked(entry);
  }
}

void waiting_room::wake(const detail::result_slot& slot) noexcept {
  if (is_forked_child()) {
    return;  // nobody waits here, and a thread of the parent may have had the lock
  }
  if (const auto before = before_wake.load(std::memory_order_relaxed)) {
    before();
  }
  bucket& its = bucket_of(slot);
  const std::lock_guard lock{its.mutex};
  for (wait_entry* entry = its.first; entry != nullptr;) {
    wait_entry* next = entry->next;
    if (entry->slot == &slot) {
      its.unlink_locked(*entry);
      entry->group->on_ready(*entry);
    }
    entry = next;
  }
}

}  // namespace narke::internal
