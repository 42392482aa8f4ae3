// Where threads wait for slots. A slot has one bit for "threads wait"; who they are stands in a
// table of buckets by the slot's address, so that a slot costs nothing for it and a thread can
// leave again when its time is up.
//
// A thread comes in, and a producer publishes:
//  1. the thread puts its entry into the slot's bucket, under the bucket's lock;
//  2. it sets the slot's bit. If the slot was closed before that, it takes its entry out and does
//     not wait; unless the entry is out already, as step 4 was under way for another thread.
//  3. the producer closes the slot by one exchange. If the bit was set, then so was the entry in
//     the bucket (1 before 2):
//  4. it takes the entries of this slot out of the bucket and calls their groups, under the
//     bucket's lock.
//  5. the thread leaves: it takes the lock of each of its entries' buckets once, so that a producer
//     in step 4 is done with the entry and its group before they are destroyed.
#pragma once

#include <atomic>
#include <cstddef>

#include <narke/detail/result_slot.hpp>

namespace narke::internal {

struct wait_entry;

/// Who waits: told of each slot that becomes ready.
class wait_group {
 public:
  /// Called by the producer's thread, under a lock: quick, and nothing that could wait.
  virtual void on_ready(wait_entry& entry) noexcept = 0;

 protected:
  ~wait_group() = default;
};

/// One slot that a group waits for. Owned by the waiting thread.
struct wait_entry {
  detail::result_slot* slot = nullptr;  ///< null when it is in no bucket
  wait_group* group = nullptr;
  std::size_t index = 0;  ///< the group's own
  wait_entry* previous = nullptr;
  wait_entry* next = nullptr;
};

struct waiting_room {
  /// Puts `entry` in. False when the slot is ready and the group was not told; the entry is then
  /// not in the room. True otherwise: the group is told, or has been.
  static bool enter(wait_entry& entry, detail::result_slot& slot, wait_group& group);
  /// Takes `entry` out, if it still is in, and waits for a producer that is busy with it.
  /// Requires: enter returned true for it, and `slot` was the slot.
  static void leave(wait_entry& entry, const detail::result_slot& slot) noexcept;
  /// Called by the producer's thread before it wakes one, which may then take its CPU. Set once, by
  /// the worker layer.
  static std::atomic<void (*)() noexcept> before_wake;
  /// Called by the producer of `slot`, which is ready.
  static void wake(const detail::result_slot& slot) noexcept;
};

}  // namespace narke::internal
