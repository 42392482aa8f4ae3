// The queue by which threads outside the pool hand tasks to it: first in, first out, linked through
// the tasks themselves, any number of producers, one consumer at a time. After Vyukov's intrusive
// multi-producer queue; the consumer's end is behind a try-lock, so that any worker can be the
// consumer.
//
// Protocol. `tail_` is the newest node, `head_` the oldest or a stub.
//  1. push: exchanges itself into tail_, then links its predecessor to itself. Between the two the
//     chain is broken there.
//  2. pop: follows `queue_next` from head_. At a broken link it stops: the item is not there *yet*.
//  3. The last item cannot be taken while it is tail_: the stub is pushed behind it first. An item
//     may slip in between, so that the stub is the newest while items stand before it.
//  4. `empty` is both ends at the stub: it counts an item from its exchange on (nobody falls asleep
//     on a broken link), and those before the stub of step 3. The ends are read one after the
//     other, so a reader may miss items that a consumer moves past at that moment; a consumer
//     therefore looks again after each pop and wakes another.
#pragma once

#include <atomic>
#include <cstddef>

#include <narke/detail/task_node.hpp>

namespace narke::internal {

class injection_queue {
  using node = detail::runnable;

 public:
  injection_queue() noexcept : head_{&stub_}, tail_{&stub_} {}
  injection_queue(const injection_queue&) = delete;
  injection_queue& operator=(const injection_queue&) = delete;

  /// Any thread, wait-free. Sequentially consistent with empty(), see worker_pool.
  void push(node& item) noexcept {
    item.queue_next.store(nullptr, std::memory_order_relaxed);
    node* previous = tail_.exchange(&item, std::memory_order_seq_cst);
    previous->queue_next.store(&item, std::memory_order_release);
  }
  /// Takes up to `most` of the oldest into `taken`. 0 when it is empty, or another thread is
  /// taking.
  std::size_t pop_some(node** taken, std::size_t most) noexcept {
    if (consumer_busy_.load(std::memory_order_relaxed) ||
        consumer_busy_.exchange(true, std::memory_order_acquire)) {
      return 0;
    }
    std::size_t count = 0;
    for (node* item = nullptr; count != most && (item = pop_locked()) != nullptr; ++count) {
      taken[count] = item;
    }
    consumer_busy_.store(false, std::memory_order_release);
    return count;
  }
  /// Any thread; out of date at once.
  [[nodiscard]] bool empty() const noexcept {
    return head_.load(std::memory_order_seq_cst) == &stub_ &&
           tail_.load(std::memory_order_seq_cst) == &stub_;
  }

 private:
  node* pop_locked() noexcept {
    node* head = head_.load(std::memory_order_relaxed);
    node* next = head->queue_next.load(std::memory_order_acquire);
    if (head == &stub_) {
      if (next == nullptr) {
        return nullptr;
      }
      head = next;
      head_.store(head, std::memory_order_seq_cst);
      next = head->queue_next.load(std::memory_order_acquire);
    }
    if (next != nullptr) {
      head_.store(next, std::memory_order_seq_cst);
      return head;
    }
    if (tail_.load(std::memory_order_acquire) != head) {
      return nullptr;
    }
    push(stub_);
    next = head->queue_next.load(std::memory_order_acquire);
    if (next != nullptr) {
      head_.store(next, std::memory_order_seq_cst);
      return head;
    }
    return nullptr;
  }

  std::atomic<node*> head_;                 // written by the consumer
  std::atomic<bool> consumer_busy_{false};  // the lock of the consumer's end
  alignas(64) std::atomic<node*> tail_;     // written by producers
  node stub_;
};

}  // namespace narke::internal
