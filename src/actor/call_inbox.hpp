// The way of a call to the mailbox of its actor without a lock: who calls, and who runs the calls,
// do not meet at the actor's mutex.
//
// Protocol. `is_watched_` says that somebody will look into the queue.
//  1. put: the call goes into the queue; then who calls looks whether it is watched. If not, he
//  says
//     so by an exchange, and if it was he who did, he is the one to wake the actor: he takes the
//     mutex, moves the calls on to the mailbox, and schedules a turn if one is wanted.
//  2. Under the mutex calls are moved on before anything else is put into the mailbox, and before
//  it
//     is said to be empty. So they stay in the order of each caller.
//  3. Who finds the mailbox empty, and does not know of a turn that will look later, sets
//  is_watched_
//     back and looks once more: either the caller of 1 sees that, or his call is seen. The queue is
//     not empty from the first step of a push on, before the call can be taken out: that is waited
//     for, as the second step may become visible after the caller's look.
//  4. Who closes the mailbox for good sets is_watched_ back, and then takes the calls out. Who
//  comes
//     later finds it so and wakes the actor by 1; he sets it back again, and does with what is in
//     the queue what is done with late calls. In between others may have found it set: what they
//     put in came before he looked.
#pragma once

#include <atomic>
#include <cstddef>
#include <thread>

#include <narke/detail/task_node.hpp>

#include "worker/injection_queue.hpp"

namespace narke::internal {

class call_inbox {
 public:
  /// Step 1. Any thread. True: the caller is the one to wake the actor.
  [[nodiscard]] bool put(detail::runnable& call) noexcept {
    queue_.push(call);
    return !is_watched_.load(std::memory_order_seq_cst) &&
           !is_watched_.exchange(true, std::memory_order_seq_cst);
  }
  /// Calls `take` with each, in order. Under the mutex of the actor.
  template <class Take>
  void take_all(Take&& take) noexcept {
    constexpr std::size_t batch_size = 16;
    detail::runnable* batch[batch_size];
    while (!queue_.empty()) {
      const std::size_t count = queue_.pop_some(batch, batch_size);
      for (std::size_t i = 0; i != count; ++i) {
        take(*batch[i]);
      }
      if (count == 0) {
        std::this_thread::yield();  // between the two steps of a push
      }
    }
  }
  [[nodiscard]] bool empty() const noexcept { return queue_.empty(); }

  // Under the mutex: steps 3 and 4 set it back before they look.
  void set_watched() noexcept { is_watched_.store(true, std::memory_order_seq_cst); }
  void set_unwatched() noexcept { is_watched_.store(false, std::memory_order_seq_cst); }

 private:
  injection_queue queue_;
  std::atomic<bool> is_watched_{false};
};

}  // namespace narke::internal
