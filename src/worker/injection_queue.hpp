// The queue by which threads outside the pool hand tasks to it: first in, first out, any number of
// producers, one consumer at a time. A row of places with numbers, in segments that come and go;
// the consumer's end is behind a try-lock, so that any worker can be the consumer. Who takes eight
// items reads a cache line or two that another core wrote, and none of the items.
//
// Protocol. `tail_` is the number of the next item to come, `head_` that of the oldest. The segment
// of a number stands in a directory, which is gone through in rounds.
//  1. push takes the number at tail_ by fetch_add. At end_ or above, its place in the directory is
//     still that of the round before: it waits until that is consumed. Then it looks for its
//     segment; if there is none it makes one, and of several who do, one puts it there by
//     compare-and-swap.
//  2. It stores the item in its place. It does not touch the segment after that.
//  3. pop goes from head_ on, and stops where no segment or no item is: it will come. After the
//     last of a segment, all who looked for it have stored their items: it takes the segment out
//     of the directory, only then moves end_, and may reuse the segment. In the end it moves
//     head_.
//  4. `empty` is head_ at tail_, which are read in this order: it counts an item from its number on
//     (nobody falls asleep on an item that is not there yet), and head_ never passes tail_.
#pragma once

#include <array>
#include <atomic>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <thread>

#include <narke/detail/task_node.hpp>

#include "base/needed_memory.hpp"

namespace narke::internal {

/// Holds `Slots` times `Segments` items; who pushes more waits for a consumer. Both are powers of
/// two.
template <std::size_t Slots, std::size_t Segments>
class basic_injection_queue {
  using node = detail::runnable;
  static_assert((Slots & (Slots - 1)) == 0 && (Segments & (Segments - 1)) == 0);

 public:
  basic_injection_queue() = default;
  basic_injection_queue(const basic_injection_queue&) = delete;
  basic_injection_queue& operator=(const basic_injection_queue&) = delete;
  /// Requires: nobody pushes or pops.
  ~basic_injection_queue() {
    const std::uint64_t last = tail_.load(std::memory_order_relaxed) / Slots;
    for (std::uint64_t i = head_.load(std::memory_order_relaxed) / Slots; i <= last; ++i) {
      delete place_of(i * Slots).exchange(nullptr, std::memory_order_relaxed);
    }
    delete spare_.load(std::memory_order_relaxed);
  }

  /// Any thread. Sequentially consistent with empty(), see worker_pool. Once in `Slots` times it
  /// may need memory, as a step that cannot be refused.
  void push(node& item) noexcept {
    const std::uint64_t number = tail_.fetch_add(1, std::memory_order_seq_cst);
    segment* its = nullptr;
    if (number >= end_.load(std::memory_order_acquire) ||
        (its = place_of(number).load(std::memory_order_acquire)) == nullptr) [[unlikely]] {
      its = segment_for(number);
    }
    its->items[number % Slots].store(&item, std::memory_order_release);
  }
  /// Takes up to `most` of the oldest into `taken`. 0 when it is empty, or another thread is
  /// taking.
  std::size_t pop_some(node** taken, std::size_t most) noexcept {
    if (consumer_busy_.load(std::memory_order_relaxed) ||
        consumer_busy_.exchange(true, std::memory_order_acquire)) {
      return 0;
    }
    const std::uint64_t first = head_.load(std::memory_order_relaxed);
    std::uint64_t head = first;
    while (head != first + most) {
      segment* const its = place_of(head).load(std::memory_order_acquire);
      node* const item =
          its != nullptr ? its->items[head % Slots].load(std::memory_order_acquire) : nullptr;
      if (item == nullptr) {
        break;
      }
      taken[head - first] = item;
      ++head;
      if (head % Slots == 0) {
        place_of(head - 1).store(nullptr, std::memory_order_relaxed);
        end_.store(head + Segments * Slots, std::memory_order_release);
        clear(*its);
        keep(its);
      }
    }
    if (head != first) {
      head_.store(head, std::memory_order_seq_cst);
    }
    consumer_busy_.store(false, std::memory_order_release);
    return head - first;
  }
  /// Any thread; out of date at once.
  [[nodiscard]] bool empty() const noexcept {
    const std::uint64_t head = head_.load(std::memory_order_seq_cst);
    return head == tail_.load(std::memory_order_seq_cst);
  }

 private:
  struct alignas(64) segment {
    std::array<std::atomic<node*>, Slots> items{};
  };
  [[nodiscard]] std::atomic<segment*>& place_of(std::uint64_t number) const noexcept {
    return directory_[number / Slots % Segments];
  }
  [[gnu::noinline]] segment* segment_for(std::uint64_t number) noexcept {
    const memory_needed needed;
    while (number >= end_.load(std::memory_order_acquire)) {
      std::this_thread::yield();
    }
    std::atomic<segment*>& place = place_of(number);
    segment* found = place.load(std::memory_order_acquire);
    if (found != nullptr) {
      return found;
    }
    segment* made = spare_.exchange(nullptr, std::memory_order_acquire);
    if (made == nullptr) {
      made = new segment;
    }
    if (place.compare_exchange_strong(found, made, std::memory_order_acq_rel,
                                      std::memory_order_acquire)) {
      return made;
    }
    keep(made);
    return found;
  }
  static void clear(segment& consumed) noexcept {
    for (std::atomic<node*>& item : consumed.items) {
      item.store(nullptr, std::memory_order_relaxed);
    }
  }
  void keep(segment* clean) noexcept { delete spare_.exchange(clean, std::memory_order_acq_rel); }

  const std::unique_ptr<std::atomic<segment*>[]> directory_ {
    std::make_unique<std::atomic<segment*>[]>(Segments)
  };
  // Below it numbers may be pushed: they are of this round of the directory, or of one before. By
  // the consumer.
  std::atomic<std::uint64_t> end_{Segments * Slots};
  std::atomic<segment*> spare_{nullptr};            // every place of it is null
  alignas(64) std::atomic<std::uint64_t> head_{0};  // written by the consumer
  std::atomic<bool> consumer_busy_{false};          // the lock of the consumer's end
  alignas(64) std::atomic<std::uint64_t> tail_{0};  // written by producers
};

/// Of some 67 million items, whose nodes alone are 13 GB.
using injection_queue = basic_injection_queue<4'096, 16'384>;

}  // namespace narke::internal
