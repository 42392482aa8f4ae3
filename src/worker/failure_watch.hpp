// Who waits for many slots by the last of them, and has to know when another has failed.
//
//  1. The watcher puts itself on the list, and only then looks for slots that have failed.
//  2. Who publishes a failure closes the slot, and only then looks for watchers.
//  3. Both look by a read-modify-write in the single order of those: one of them sees the other.
//     The watcher is told under the list's lock, under which it also leaves.
//
// Any thread. Programs in which nothing fails pay for a watcher, and nothing else.
#pragma once

#include <cstdint>

#include "worker/parker.hpp"

namespace narke::internal {

class failure_watcher {
 public:
  /// Wakes `sleeper` at each failure, until it is destroyed. For this thread's parker.
  explicit failure_watcher(parker& sleeper) noexcept;
  failure_watcher(const failure_watcher&) = delete;
  failure_watcher& operator=(const failure_watcher&) = delete;
  ~failure_watcher();

  /// A slot was closed that has failed, whichever it is.
  static void tell_all() noexcept;
  /// How many there were in this process.
  [[nodiscard]] static std::uint64_t failures() noexcept;

 private:
  parker& sleeper_;
  // Guarded by the list's lock.
  failure_watcher* previous_ = nullptr;
  failure_watcher* next_ = nullptr;
};

}  // namespace narke::internal
