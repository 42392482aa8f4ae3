// The wait of a suspended coroutine task for one slot: who ends it, and who goes on with the task.
// The lock-free part of worker/coroutine.hpp, which says who calls what.
//
//  1. The thread that has run the task up to its co_await holds it: nobody else touches it.
//  2. It counts the wait and itself among what the task waits for (`unready_` of the node), says
//     that the task is suspended, and opens the wait. From here on the wait may end.
//  3. It hangs the entry on the list of the slot; if that was closed before, it takes the wait
//     itself. Then it looks, by a read-modify-write of the mark, whether the task was asked to stop
//     meanwhile, and takes the wait if so: who asks marks first, and looks for open waits
//     after that.
//  4. Who wants to end the wait takes it: the producer of the slot, who finds the entry; who
//     cancels the task, its time limit, shutdown, who found a deadlock. One of them gets it, and
//     takes the wait's count down.
//  5. The thread of 2 takes its own count down, as the last thing that it does: so the slot stays
//     while it is hung on, and the task does not go on before.
//  6. A looker counts as one more, as with arguments (task_node.hpp): while he looks the task stays
//     where it is.
//  7. Who takes the last count down has the task, as in 1. He goes on with it, or has it wait for
//     another slot from 2 on.
//  8. A producer that comes after somebody else took the wait finds the entry, and only lets it go:
//     entry and wait lie in one piece of memory, which stays until both are done with it.
#pragma once

#include <atomic>
#include <cstdint>

#include <narke/detail/result_slot.hpp>
#include <narke/detail/task_node.hpp>

namespace narke::internal {

class co_wait;

/// Its `waiting` is null, which tells it from the entry of an argument.
struct co_entry : detail::dependent {
  co_wait* of = nullptr;
};

class co_wait {
 public:
  co_wait(const co_wait&) = delete;
  co_wait& operator=(const co_wait&) = delete;

  [[nodiscard]] detail::task_node& node() const noexcept { return node_; }

  /// Step 2. Requires: the entry is on no list.
  void open() noexcept {
    node_.begin_suspension();
    node_.set_state(detail::task_state::suspended);
    state_.store(state::open, std::memory_order_seq_cst);
  }
  /// Step 3. False: the slot is ready, and the entry on no list.
  [[nodiscard]] bool hang_on(detail::result_slot& slot) noexcept {
    refs_.fetch_add(1, std::memory_order_relaxed);
    if (slot.add_dependent(entry_)) {
      return true;
    }
    refs_.fetch_sub(1, std::memory_order_relaxed);  // never the last: the caller has one
    return false;
  }
  /// Step 4. True for one.
  [[nodiscard]] bool take() noexcept {
    state expected = state::open;
    return state_.compare_exchange_strong(expected, state::taken, std::memory_order_seq_cst,
                                          std::memory_order_acquire);
  }
  /// The wait that an entry is of. Requires: it came off its slot's list.
  static co_wait& of(detail::dependent& entry) noexcept {
    return *static_cast<co_entry&>(entry).of;
  }
  /// The entry is done with, or the coroutine is with the wait.
  void release() noexcept {
    if (refs_.fetch_sub(1, std::memory_order_acq_rel) == 1) {
      let_go();
    }
  }

 protected:
  explicit co_wait(detail::task_node& node) noexcept : node_{node} { entry_.of = this; }
  ~co_wait() = default;
  virtual void let_go() noexcept = 0;

 private:
  enum class state : std::uint8_t { closed, open, taken };

  detail::task_node& node_;
  co_entry entry_;
  std::atomic<state> state_{state::closed};  // opened by step 2, taken by step 4
  std::atomic<std::uint32_t> refs_{1};       // the coroutine, and the entry while it is on a list
};

}  // namespace narke::internal
