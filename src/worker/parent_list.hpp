// The tasks that run on one thread, were submitted by a task, and have submitted tasks themselves:
// the way up from a task to those that it comes from, for cancel_tree. Written by its thread alone,
// last in, first out, as tasks nest on a thread; read by any thread, without a lock.
//
// An entry is used again. The writer: 1. clears the id; 2. writes the parent; 3. writes the id. The
// reader: 4. finds the id; 5. reads the parent; 6. finds the id again. Ids are never used twice, so
// what was read in 5 belongs to the id: had 2 of a later use come before 5, then 6 would see 1 of
// it.
#pragma once

#include <atomic>
#include <cstddef>
#include <cstdint>
#include <new>

#include "base/needed_memory.hpp"

namespace narke::internal {

class parent_list {
 public:
  parent_list() = default;
  parent_list(const parent_list&) = delete;
  parent_list& operator=(const parent_list&) = delete;
  ~parent_list() {
    for (chunk* each = first_.next; each != nullptr;) {
      chunk* gone = each;
      each = each->next;
      delete gone;
    }
  }

  /// False when there is no memory for it. The thread's own.
  [[nodiscard]] bool push(std::uint64_t id, std::uint64_t parent_id) noexcept {
    entry* const place = place_at(count_.load(std::memory_order_relaxed));
    if (place == nullptr) {
      return false;
    }
    place->id.store(0, std::memory_order_relaxed);
    place->parent_id.store(parent_id, std::memory_order_release);
    place->id.store(id, std::memory_order_release);
    count_.store(count_.load(std::memory_order_relaxed) + 1, std::memory_order_release);
    return true;
  }
  /// Takes out what was pushed last. The thread's own.
  void pop() noexcept {
    const std::size_t last = count_.load(std::memory_order_relaxed) - 1;
    place_at(last)->id.store(0, std::memory_order_relaxed);
    count_.store(last, std::memory_order_release);
  }
  /// Who submitted the task of this id; 0 when it is not here. Any thread.
  [[nodiscard]] std::uint64_t parent_of(std::uint64_t id) const noexcept {
    const std::size_t count = count_.load(std::memory_order_acquire);
    const chunk* in = &first_;
    for (std::size_t i = 0; i != count && in != nullptr; ++i) {
      const entry& each = in->entries[i % chunk_size];
      if (each.id.load(std::memory_order_acquire) == id) {
        const std::uint64_t parent = each.parent_id.load(std::memory_order_acquire);
        return each.id.load(std::memory_order_relaxed) == id ? parent : 0;
      }
      in = (i + 1) % chunk_size == 0 ? in->next.load(std::memory_order_acquire) : in;
    }
    return 0;
  }

 private:
  static constexpr std::size_t chunk_size = 16;
  struct entry {
    std::atomic<std::uint64_t> id{0};
    std::atomic<std::uint64_t> parent_id{0};
  };
  struct chunk {
    entry entries[chunk_size];
    std::atomic<chunk*> next{nullptr};  // written once
  };

  entry* place_at(std::size_t index) noexcept {
    chunk* in = &first_;
    for (; index >= chunk_size; index -= chunk_size) {
      if (in->next.load(std::memory_order_relaxed) == nullptr) {
        const memory_refusable it_can_be_left_out;
        in->next.store(new (std::nothrow) chunk, std::memory_order_release);
      }
      in = in->next.load(std::memory_order_relaxed);
      if (in == nullptr) {
        return nullptr;
      }
    }
    return &in->entries[index];
  }

  chunk first_;
  std::atomic<std::size_t> count_{0};
};

}  // namespace narke::internal
