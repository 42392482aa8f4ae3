// The deque of one worker: the owner pushes and pops at the bottom, anybody steals at the top.
// After Chase and Lev, "Dynamic circular work-stealing deque", SPAA 2005, with sequentially
// consistent accesses where the later corrected versions (Lê et al., PPoPP 2013) use fences, which
// ThreadSanitizer cannot see.
//
// Protocol. Items stand at [top_, bottom_) of a ring.
//  1. push (owner): writes the item, or several, then bottom_ above them. A thief who sees the new
//     bottom_ sees what is below it.
//  2. pop (owner): first lowers bottom_, then reads top_. With more than one item left, no thief
//     can reach the lowered one: a thief reads top_, then bottom_, so either he sees it lowered or
//     the owner sees his top_. With one left, both race for top_ by compare-and-swap; the owner
//     then sets bottom_ back.
//  3. steal (anybody): reads top_, then bottom_, then the item, and owns it only if his
//     compare-and-swap moves top_. An item that he read too late (the ring has gone round) is
//     thrown away with the failed swap.
//  4. A full ring is copied to one twice as large. Old rings stay until the deque goes, as a thief
//     may still read them.
#pragma once

#include <atomic>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <new>
#include <vector>

#include "base/needed_memory.hpp"

namespace narke::internal {

template <class T>
class work_deque {
 public:
  /// Requires: `capacity` is a power of two.
  explicit work_deque(std::size_t capacity = 256) { grow_to(capacity, 0, 0); }

  /// Owner only. Throws std::bad_alloc when it is full and cannot grow.
  void push(T* item) { push_backwards(&item, 1); }
  /// Owner only. The same for several, of which items[0] is then the newest: they come to be seen
  /// at once.
  void push_backwards(T* const* items, std::size_t count) {
    const std::int64_t bottom = bottom_.load(std::memory_order_relaxed);
    const std::int64_t top = top_.load(std::memory_order_acquire);
    const auto end = bottom + static_cast<std::int64_t>(count);
    ring* to = ring_.load(std::memory_order_relaxed);
    while (end - top > static_cast<std::int64_t>(to->capacity)) {
      to = grow_to(to->capacity * 2, top, bottom);
    }
    for (std::size_t i = 0; i != count; ++i) {
      to->at(end - 1 - static_cast<std::int64_t>(i)).store(items[i], std::memory_order_relaxed);
    }
    // Sequentially consistent: whoever pushes looks for sleepers next, and whoever falls asleep
    // looks here last.
    bottom_.store(end, std::memory_order_seq_cst);
  }
  /// Owner only. False when it is full and there is no memory to grow; it does not wait for any.
  [[nodiscard]] bool try_push(T* item) noexcept {
    const std::int64_t bottom = bottom_.load(std::memory_order_relaxed);
    ring* const items = ring_.load(std::memory_order_relaxed);
    if (bottom - top_.load(std::memory_order_acquire) >=
        static_cast<std::int64_t>(items->capacity)) [[unlikely]] {
      return try_push_slowly(item);
    }
    items->at(bottom).store(item, std::memory_order_relaxed);
    bottom_.store(bottom + 1, std::memory_order_seq_cst);  // as push
    return true;
  }
  /// Owner only: the newest, or null.
  T* pop() noexcept {
    const std::int64_t bottom = bottom_.load(std::memory_order_relaxed) - 1;
    ring* items = ring_.load(std::memory_order_relaxed);
    bottom_.store(bottom, std::memory_order_seq_cst);
    std::int64_t top = top_.load(std::memory_order_seq_cst);
    if (top > bottom) {
      bottom_.store(bottom + 1, std::memory_order_relaxed);
      return nullptr;
    }
    T* item = items->at(bottom).load(std::memory_order_relaxed);
    if (top == bottom) {
      if (!top_.compare_exchange_strong(top, top + 1, std::memory_order_seq_cst,
                                        std::memory_order_relaxed)) {
        item = nullptr;
      }
      bottom_.store(bottom + 1, std::memory_order_relaxed);
    }
    return item;
  }
  /// Owner only: takes `item` when it is the newest. What is written at that place may be left from
  /// an item that was stolen, so it is taken as any.
  [[nodiscard]] bool pop_if(const T* item) noexcept {
    const std::int64_t newest = bottom_.load(std::memory_order_relaxed) - 1;
    ring* const items = ring_.load(std::memory_order_relaxed);
    return items->at(newest).load(std::memory_order_relaxed) == item && pop() != nullptr;
  }
  /// Owner only: what pop would give after `count` others, or anything where there are fewer: it
  /// may be gone, or null.
  [[nodiscard]] const T* glance(std::int64_t count) const noexcept {
    ring* const items = ring_.load(std::memory_order_relaxed);
    return items->at(bottom_.load(std::memory_order_relaxed) - 1 - count)
        .load(std::memory_order_relaxed);
  }
  /// Anybody: the oldest; null when it is empty or another took it first.
  T* steal() noexcept {
    std::int64_t top = top_.load(std::memory_order_seq_cst);
    const std::int64_t bottom = bottom_.load(std::memory_order_seq_cst);
    if (top >= bottom) {
      return nullptr;
    }
    T* item = ring_.load(std::memory_order_acquire)->at(top).load(std::memory_order_relaxed);
    if (!top_.compare_exchange_strong(top, top + 1, std::memory_order_seq_cst,
                                      std::memory_order_relaxed)) {
      return nullptr;
    }
    return item;
  }
  /// Anybody; out of date at once.
  [[nodiscard]] bool empty() const noexcept {
    return top_.load(std::memory_order_seq_cst) >= bottom_.load(std::memory_order_seq_cst);
  }

 private:
  struct ring {
    explicit ring(std::size_t size)
        : capacity{size}, slots{std::make_unique<std::atomic<T*>[]>(size)} {}
    std::atomic<T*>& at(std::int64_t index) noexcept {
      return slots[static_cast<std::size_t>(index) & (capacity - 1)];
    }
    const std::size_t capacity;
    const std::unique_ptr<std::atomic<T*>[]> slots;
  };

  [[gnu::noinline]] bool try_push_slowly(T* item) noexcept {
    const memory_refusable full_is_no_harm;
    try {
      push(item);
      return true;
    } catch (const std::bad_alloc&) {
      return false;
    }
  }

  ring* grow_to(std::size_t capacity, std::int64_t top, std::int64_t bottom) {
    auto larger = std::make_unique<ring>(capacity);
    for (std::int64_t i = top; i != bottom; ++i) {
      larger->at(i).store(
          ring_.load(std::memory_order_relaxed)->at(i).load(std::memory_order_relaxed),
          std::memory_order_relaxed);
    }
    rings_.push_back(std::move(larger));
    ring_.store(rings_.back().get(), std::memory_order_release);
    return rings_.back().get();
  }

  alignas(64) std::atomic<std::int64_t> top_{
      0};  // written by thieves, and by the owner for the last item
  alignas(64) std::atomic<std::int64_t> bottom_{0};  // written by the owner
  std::atomic<ring*> ring_{nullptr};                 // written by the owner
  std::vector<std::unique_ptr<ring>> rings_;         // the owner's
};

}  // namespace narke::internal
