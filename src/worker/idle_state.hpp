// Who is idle and who may run, in one atomic word, so that every decision about waking is one
// compare-and-swap.
//
//   permits    CPUs that nobody uses. A worker holds one from wake to park. Below zero for a moment
//              after a blocked task resumed: it goes on at once (Ray's rule), and the next worker
//              between two tasks gives its permit up.
//   searching  workers that look for work and have none. While there are enough of them, a push
//              wakes nobody.
//   parked     workers that sleep and are in the list of sleepers.
//
// Protocol, "no task is ready while a permit and a sleeper are idle":
//  1. Who makes work visible (a push, sequentially consistent) then calls pool.notify(), which
//     reads this word. It wakes a sleeper only if nobody searches and a permit is free.
//  2. Who parks first puts its permit back and counts itself as parked, in one step, and then looks
//     at all queues once more. By the single order of these accesses, either 1 sees the permit or 2
//     sees the work.
//  3. A searcher that finds work stops searching; if it was the last, it calls notify() when there
//     is more. So one push wakes one worker, and that one the next.
//  4. Who gives a permit back for another reason (a blocked get, the placement lane) looks at the
//     queues after it, as in 2.
#pragma once

#include <atomic>
#include <cstdint>

namespace narke::internal {

class idle_state {
 public:
  struct counts {
    std::int32_t permits;
    std::uint16_t searching;
    std::uint16_t parked;
  };

  void reset(std::int32_t permits) noexcept {
    word_.store(packed({permits, 0, 0}), std::memory_order_seq_cst);
  }
  [[nodiscard]] counts read() const noexcept {
    return unpacked(word_.load(std::memory_order_seq_cst));
  }
  [[nodiscard]] counts glance() const noexcept {
    return unpacked(word_.load(std::memory_order_relaxed));
  }

  /// Replaces the counts by what `change` makes of them, unless it says no (returns false). Returns
  /// whether it said yes.
  template <class Change>
  bool update(Change&& change) noexcept {
    std::uint64_t seen = word_.load(std::memory_order_seq_cst);
    for (;;) {
      counts wanted = unpacked(seen);
      if (!change(wanted)) {
        return false;
      }
      if (word_.compare_exchange_weak(seen, packed(wanted), std::memory_order_seq_cst,
                                      std::memory_order_seq_cst)) {
        return true;
      }
    }
  }

  /// One permit, if one is free.
  bool try_take_permit() noexcept { return try_take_permits(1) == 1; }
  /// Up to `most` permits; how many there were.
  int try_take_permits(int most) noexcept {
    int taken = 0;
    update([&](counts& now) {
      taken = now.permits < most ? now.permits : most;
      now.permits -= taken > 0 ? taken : 0;
      return taken > 0;
    });
    return taken > 0 ? taken : 0;
  }
  void give_permits(int count) noexcept {
    update([&](counts& now) {
      now.permits += count;
      return true;
    });
  }

 private:
  static std::uint64_t packed(counts c) noexcept {
    return (std::uint64_t{static_cast<std::uint32_t>(c.permits)} << 32) |
           (std::uint64_t{c.searching} << 16) | c.parked;
  }
  static counts unpacked(std::uint64_t word) noexcept {
    return {static_cast<std::int32_t>(word >> 32), static_cast<std::uint16_t>(word >> 16),
            static_cast<std::uint16_t>(word)};
  }

  alignas(64) std::atomic<std::uint64_t> word_{0};
};

}  // namespace narke::internal
