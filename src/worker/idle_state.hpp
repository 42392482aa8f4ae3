// Who is idle and who may run, in one atomic word, so that every decision about waking is one
// compare-and-swap.
//
//   permits    CPUs that nobody uses. A worker holds one from wake to park. Below zero for a moment
//              after a blocked task resumed: it goes on at once (Ray's rule), and the next worker
//              between two tasks gives its permit up.
//   searching  workers that look for work and have none. While there are enough of them, a push
//              wakes nobody.
//   waking     workers that were woken to look for work, and do not run yet: they may wait for a
//              CPU. For a push they are searchers; a worker that runs out of work does not count
//              on them, and searches itself.
//   parked     workers that sleep and are in the list of sleepers.
//
// Protocol, "no task is ready while a permit and a sleeper are idle":
//  1. Who makes work visible (a push, sequentially consistent) then calls pool.notify(), which
//     reads this word. It wakes a sleeper only if nobody searches or wakes and a permit is free;
//     and one more when the last that was woken does not run after a time.
//  2. Who parks first puts its permit back and counts itself as parked, in one step, and then looks
//     at all queues once more. By the single order of these accesses, either 1 sees the permit or 2
//     sees the work.
//  3. Who was woken turns from waking to searching as it runs. A searcher that finds work stops
//     searching; if it was the last, it calls notify() when there is more. So one push wakes one
//     worker, and that one the next.
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
    std::uint16_t searching = 0;
    std::uint16_t waking = 0;
    std::uint16_t parked = 0;

    /// Nobody uses one, or who has one has nothing to do on it.
    [[nodiscard]] bool has_idle_cpu() const noexcept {
      return permits > 0 || searching > 0 || waking > 0;
    }
  };
  /// The most that searching, waking and parked can be.
  static constexpr std::uint16_t workers_max = (1U << 12) - 1;

  void reset(std::int32_t permits) noexcept {
    word_.store(packed({permits}), std::memory_order_seq_cst);
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
  // 28 bits and three times 12.
  static std::uint64_t packed(counts c) noexcept {
    return (static_cast<std::uint64_t>(std::int64_t{c.permits}) << 36) |
           (std::uint64_t{c.searching} & workers_max) << 24 |
           (std::uint64_t{c.waking} & workers_max) << 12 | (std::uint64_t{c.parked} & workers_max);
  }
  static counts unpacked(std::uint64_t word) noexcept {
    return {static_cast<std::int32_t>(static_cast<std::int64_t>(word) >> 36),
            static_cast<std::uint16_t>(word >> 24 & workers_max),
            static_cast<std::uint16_t>(word >> 12 & workers_max),
            static_cast<std::uint16_t>(word & workers_max)};
  }

  alignas(64) std::atomic<std::uint64_t> word_{0};
};

}  // namespace narke::internal
