// On which CPUs workers are awake, as far as they have said: so that one that is woken does not
// share a CPU with another while a third CPU is idle. Some kernels wake a thread where it fell
// asleep, or where its waker runs, without a look at other CPUs, and leave two threads on one CPU
// for many milliseconds.
//
// All of it is a hint: CPUs are told apart by their numbers modulo `places`, and the kernel moves
// threads as it likes. Any thread.
#pragma once

#include <array>
#include <atomic>
#include <cstddef>
#include <cstdint>

namespace narke::internal {

class cpu_places {
 public:
  /// The CPU that the calling thread runs on.
  [[nodiscard]] static int here() noexcept;

  /// A worker is awake on the calling thread's CPU, which this returns. When another is there, and
  /// a CPU that the thread may use has none, the thread moves there first.
  [[nodiscard]] int arrive() noexcept;
  /// The worker that is noted for this CPU falls asleep, or ends.
  void leave(int cpu) noexcept { at(cpu).fetch_sub(1, std::memory_order_relaxed); }
  /// The worker that is noted for `cpu` may have been moved: where it is noted from now on.
  [[nodiscard]] int follow(int cpu) noexcept {
    const int now = here();
    if (now != cpu) [[unlikely]] {
      at(now).fetch_add(1, std::memory_order_relaxed);
      leave(cpu);
    }
    return now;
  }
  [[nodiscard]] bool is_used(int cpu) const noexcept {
    return at(cpu).load(std::memory_order_relaxed) != 0;
  }

 private:
  static constexpr std::size_t places = 256;

  void move_aside() noexcept;
  [[nodiscard]] const std::atomic<std::uint16_t>& at(int cpu) const noexcept {
    return workers_[static_cast<std::size_t>(cpu) % places];
  }
  [[nodiscard]] std::atomic<std::uint16_t>& at(int cpu) noexcept {
    return workers_[static_cast<std::size_t>(cpu) % places];
  }

  std::array<std::atomic<std::uint16_t>, places> workers_{};  // awake there
};

}  // namespace narke::internal
