// Memory for steps that cannot be refused. A task that was submitted has to reach its queue, its
// result has to be published, resources have to go back: nobody is there who could be told
// std::bad_alloc. In such a step an allocation that finds no memory waits for some: other tasks
// end, and give theirs back. The user's own code throws std::bad_alloc as ever.
//
// Done by the standard's own means: operator new calls the new-handler until it finds memory, and
// ours decides by thread.
//   1. In a step that needs its memory it gives back the reserve of `memory_reserve_bytes`, then
//      pauses for a millisecond each time, and returns, so that operator new tries again. After
//      `memory_wait_max` in one step it says so in the log and throws std::bad_alloc; the step is
//      noexcept, so the process ends.
//   2. Elsewhere it does what there was before: calls the program's own handler, or throws.
//   3. A handler of the program's is called first in 1, too: it may have memory to give.
//   4. A worker that has nothing to do puts the reserve back.
#pragma once

#include <atomic>
#include <chrono>
#include <cstddef>

namespace narke::internal {

/// How long one step waits for memory before the process ends.
inline constexpr std::chrono::seconds memory_wait_max{10};
/// What such steps have when nothing else is left.
inline constexpr std::size_t memory_reserve_bytes = std::size_t{256} << 10;

extern constinit thread_local unsigned memory_needs __attribute__((tls_model("initial-exec")));

/// This thread is in a step that cannot be refused, as long as this lives.
class memory_needed {
 public:
  memory_needed() noexcept { ++memory_needs; }
  memory_needed(const memory_needed&) = delete;
  memory_needed& operator=(const memory_needed&) = delete;
  ~memory_needed() { --memory_needs; }
};

/// Inside such a step: what runs here is the user's, and may be refused memory.
class memory_refusable {
 public:
  memory_refusable() noexcept : outer_{memory_needs} { memory_needs = 0; }
  memory_refusable(const memory_refusable&) = delete;
  memory_refusable& operator=(const memory_refusable&) = delete;
  ~memory_refusable() { memory_needs = outer_; }

 private:
  const unsigned outer_;
};

/// Puts our new-handler before the program's; once a process. A program that sets another one later
/// has it call the one that it replaces.
void wait_for_needed_memory() noexcept;

extern constinit std::atomic<bool> memory_reserve_is_out;
void put_memory_reserve_back() noexcept;
/// Quick when the reserve is there.
inline void keep_memory_reserve() noexcept {
  if (memory_reserve_is_out.load(std::memory_order_relaxed)) [[unlikely]] {
    put_memory_reserve_back();
  }
}

}  // namespace narke::internal
