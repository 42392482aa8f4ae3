// The compiled half of get, wait and as_completed.
#pragma once

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <vector>

#include <narke/detail/result_slot.hpp>
#include <narke/detail/source_location.hpp>
#include <narke/export.hpp>

namespace narke::detail {

/// Refs of any type, as the slots that they point to.
struct slot_list {
  const void* refs;
  std::size_t size;
  result_slot* (*at)(const void* refs, std::size_t index);

  result_slot* operator[](std::size_t index) const { return at(refs, index); }
};

/// Brings a slot, with a small value, near: the slots of a long list lie far apart.
inline void prefetch(const result_slot& slot) noexcept {
  __builtin_prefetch(&slot);
  __builtin_prefetch(reinterpret_cast<const std::byte*>(&slot) + sizeof(result_slot) + 8);
}
/// So many before it is looked at.
inline constexpr std::size_t slots_ahead = 16;

inline constexpr std::chrono::nanoseconds for_ever = std::chrono::nanoseconds::max();

/// Waits until `slot` is ready; runs its task right here when nobody has started it and the CPU is
/// to be had. False when `timeout` passed first. In a task, its CPUs are free meanwhile. `at`: of
/// the get, for the advisor.
NARKE_EXPORT bool wait_for_slot(result_slot& slot, std::chrono::nanoseconds timeout,
                                const source_location& at = {});
/// The same without a timeout. `is_given_up`: the caller's ref goes with the value, and nobody
/// else looks at it meanwhile.
NARKE_EXPORT void wait_for_slot(result_slot& slot, bool is_given_up, const source_location& at);
enum class slots_are : unsigned char {
  ready,    ///< all, and none failed
  failed,   ///< one of them, and those before it are ready
  not_yet,  ///< the timeout passed first
};
/// A wait for a list, part by part, so that values are taken while later tasks run.
struct list_wait {
  slot_list slots;
  std::chrono::nanoseconds timeout;
  const source_location& at;  ///< of the get, for the advisor
  std::size_t ready = 0;      ///< so many from the front are, and none of them failed

  // Of wait_for_next.
  std::chrono::steady_clock::time_point deadline{};
  std::size_t sleeps = 0;
  std::uint64_t begin_ticks = 0;  ///< 0: the advisor does not ask
  bool were_ready = false;
  bool has_begun = false;
};
/// Waits until more of them are ready. Requires: not all are.
NARKE_EXPORT slots_are wait_for_next(list_wait& wait);
/// What a slot adds to the mark of a list: the sum over all, in any order.
inline std::uint64_t mark_of(const result_slot& slot) noexcept {
  // Not linear: two slots that change places with two others would leave a plain sum as it was.
  const std::uint64_t mixed = reinterpret_cast<std::uintptr_t>(&slot) * 0x9e3779b97f4a7c15U;
  return mixed ^ (mixed >> 29U);
}
/// Ray's wait: the indices of the first `num_returns` ready slots in input order. Checks its
/// arguments. `mark`: of the list; the list that the last wait of this thread left over is known by
/// its length and mark, and not searched for duplicates again.
NARKE_EXPORT std::vector<std::size_t> wait_for_some(slot_list slots, std::uint64_t mark,
                                                    double num_returns, bool has_timeout,
                                                    std::chrono::nanoseconds timeout);

[[noreturn]] NARKE_EXPORT void throw_get_timeout(std::chrono::nanoseconds timeout,
                                                 const result_slot& slot);
[[noreturn]] NARKE_EXPORT void throw_get_timeout(std::chrono::nanoseconds timeout, slot_list slots);

/// Hands out indices of slots in the order in which they become ready.
class NARKE_EXPORT completion_queue {
 public:
  explicit completion_queue(slot_list slots);
  completion_queue(completion_queue&&) noexcept;
  completion_queue& operator=(completion_queue&&) noexcept;
  ~completion_queue();
  /// Waits for the next. Requires: fewer calls than there are slots.
  std::size_t next();

 private:
  struct state;
  std::unique_ptr<state> state_;
};

}  // namespace narke::detail
