// One result: the place where a value or an error will be, and what every object_ref points to.
// Written once by its producer (a task, an actor call, or put), then read by any number of threads
// without a lock.
//
// Life of a slot. What happens to the result is decided in one word, by one compare-and-swap each:
//  1. It is made open and pending, with one reference.
//  2. The producer constructs the value or sets the error, then publishes:
//     a. it settles: takes the pending mark off. If the mark of an unwanted slot is there, no
//        reference is left, and nobody will ever read: the value goes at once;
//     b. it closes the list of dependents, which releases the value to every reader, and then
//        resumes those that were on the list; of an unwanted one, tasks that were cancelled while
//        they waited.
//     Both are one step. They are two, b first, where an error is published early, while the body
//     still runs, and where the producer was asked to stop.
//  3. A dependent that finds the list closed does not wait.
//  4. The last reference lets the slot go: destroys the value and lets the memory go. While the
//     pending mark stands, it sets the mark of an unwanted slot instead, and leaves that to 2a.
//  5. A producer that has one reference to the slot's node and is done with it may leave that to
//     the slot, by a mark that it sets as it closes: whoever lets the slot go gives up both.
//
// Cancelling a task that runs, against 2a: who cancels sets stop_mark while the pending mark
// stands. The producer, in 2a, takes the pending mark off only while there is no stop_mark; if
// there is one it leaves both, puts the error in the place of the value, which nobody can see yet,
// and then takes both off. So a cancel that found the pending mark was in time.
//
// Who makes results from outside of tasks holds the slot from its begin to its end: by a mark in
// the count of references, which does not keep the last of them from taking the value.
#pragma once

#include <atomic>
#include <cstddef>
#include <cstdint>
#include <exception>
#include <memory>
#include <new>
#include <type_traits>
#include <utility>

#include <narke/export.hpp>
#include <narke/size_bytes.hpp>

namespace narke::detail {

class task_node;

/// A task on a slot's list: it waits for the slot. Lives inside the waiting task.
struct dependent {
  dependent* next = nullptr;
  task_node* waiting = nullptr;
};

/// A list that has the newest entry first, the other way round.
inline dependent* first_come_first(dependent* newest) noexcept {
  dependent* in_order = nullptr;
  while (newest != nullptr) {
    dependent* next = newest->next;
    newest->next = in_order;
    in_order = newest;
    newest = next;
  }
  return in_order;
}

class NARKE_EXPORT result_slot {
 public:
  result_slot(const result_slot&) = delete;
  result_slot& operator=(const result_slot&) = delete;

  /// True when the value or the error is there; it then stays so.
  [[nodiscard]] bool is_ready() const noexcept {
    return (word_.load(std::memory_order_acquire) & closed_mark) != 0;
  }
  /// Requires: is_ready().
  [[nodiscard]] bool failed() const noexcept { return error() != nullptr; }
  [[nodiscard]] const std::exception_ptr& error() const noexcept {
    return *std::launder(reinterpret_cast<const std::exception_ptr*>(error_));
  }
  void throw_if_failed() const {
    if (failed()) [[unlikely]] {
      rethrow();
    }
  }

  void add_ref() noexcept { refs_.fetch_add(1, std::memory_order_relaxed); }
  /// The sole owner skips the locked instruction: nobody can add a reference without having one.
  void release_ref() noexcept {
    if (refs_.load(std::memory_order_acquire) == 1 ||
        refs_.fetch_sub(1, std::memory_order_acq_rel) == 1) {
      last_ref_dropped();
    }
  }
  /// Requires: the value is there, and the caller has a reference. True when nobody else has one,
  /// but who holds it: the value is the caller's to move from. A GPU task's value is there before
  /// it is published; its producer no longer looks at it then.
  [[nodiscard]] bool is_last_ref() const noexcept {
    return (refs_.load(std::memory_order_acquire) & ~held_mark) == 1;
  }
  /// One of the references becomes a hold, until end_hold(). Requires: nobody else knows the slot.
  void hold() noexcept {
    refs_.store(refs_.load(std::memory_order_relaxed) - 1 + held_mark, std::memory_order_relaxed);
  }
  void end_hold() noexcept {
    if (refs_.load(std::memory_order_acquire) == held_mark ||
        refs_.fetch_sub(held_mark, std::memory_order_acq_rel) == held_mark) {
      last_ref_dropped();
    }
  }

  /// Who fills this slot; null for put. Requires: the caller has a reference.
  [[nodiscard]] task_node* producer() const noexcept;
  /// Requires: it has one.
  [[nodiscard]] task_node& its_producer() const noexcept;

  /// Puts `entry` on the list. False when the slot is ready: the entry was not put there.
  bool add_dependent(dependent& entry) noexcept;
  /// Marks that a thread waits in the waiting room. False when the slot is ready.
  bool mark_thread_waits() noexcept;
  /// Asks the producer to stop. True when it was in time: the producer has not settled, and will
  /// find the mark when it does. Of a task, its first slot stands for all.
  bool mark_stop() noexcept;
  [[nodiscard]] bool is_marked_to_stop() const noexcept {
    return (word_.load(std::memory_order_acquire) & stop_mark) != 0;
  }
  /// The same in one order with mark_stop(): what was written before this is seen by whoever marks
  /// after it.
  [[nodiscard]] bool look_for_stop() noexcept {
    return (word_.fetch_add(0, std::memory_order_acq_rel) & stop_mark) != 0;
  }
  /// Step 2a: takes the pending mark off. When no reference is left, the value goes here. False,
  /// and nothing is done, when the producer was asked to stop. Requires: the value or the error is
  /// set; the caller keeps the memory alive, until close() as well if that is still to come.
  bool settle() noexcept {
    std::uintptr_t seen = word_.load(std::memory_order_relaxed);
    do {
      if ((seen & stop_mark) != 0) [[unlikely]] {
        return false;
      }
    } while (!word_.compare_exchange_weak(seen, seen & ~pending_mark, std::memory_order_acq_rel,
                                          std::memory_order_relaxed));
    if ((seen & unwanted_mark) != 0) {
      last_ref_gone();
    }
    return true;
  }
  /// The same after settle() was false, the mark of a stop with it.
  void settle_stopped() noexcept;
  /// Step 2b alone, before settle(): closes the list, wakes threads, and hands out the dependents,
  /// first come first. It publishes an error early, while the body that it replaces still runs; the
  /// memory stays until settle().
  [[nodiscard]] dependent* close() noexcept;
  /// Both steps at once, where nobody waits, nor asked the producer to stop, and a reference is
  /// left. False, and nothing is done, where it is not so. `leaves_node` is step 5: the caller then
  /// touches neither the slot nor its node any more. Requires: the value or the error is set; the
  /// list is open; the caller has a reference to the node.
  [[nodiscard]] bool settle_and_close_alone(bool leaves_node) noexcept {
    std::uintptr_t seen = word_.load(std::memory_order_relaxed);
    return seen == pending_mark &&
           word_.compare_exchange_strong(seen, closed_word(leaves_node), std::memory_order_acq_rel,
                                         std::memory_order_relaxed);
  }
  enum class settled { done, unwanted, stopped };
  /// The same whatever there is. `stopped`: the producer was asked to stop, and nothing is done.
  /// Else `first` is the first of the dependents, and the slot, where it is unwanted, the caller's
  /// to let go. `leaves_node` says whether step 5 was done, too. It is not where threads wait, who
  /// are found by the address of the slot: no other may lie there meanwhile.
  [[nodiscard]] settled settle_and_close(dependent*& first, bool& leaves_node) noexcept;
  /// Requires: settle_and_close said so.
  void let_go_unwanted() noexcept { last_ref_gone(); }
  /// Whether the caller, who has a reference, is alone: nobody else has one, nobody waits, and the
  /// producer has not settled.
  [[nodiscard]] bool is_unshared() const noexcept {
    return refs_.load(std::memory_order_acquire) == 1 &&
           word_.load(std::memory_order_relaxed) == pending_mark;
  }
  /// Takes off those that wait, newest first; the slot stays open. They are not told.
  [[nodiscard]] dependent* take_dependents() noexcept;
  /// Like settle_and_close, for a value that is there before anybody can have asked for it.
  void publish_unshared(bool leaves_node = false) noexcept {
    word_.store(closed_word(leaves_node), std::memory_order_release);
  }

  void set_error(std::exception_ptr its) noexcept {
    const_cast<std::exception_ptr&>(error()) = std::move(its);
  }
  /// Requires: this slot lies in `producer`, not further than `producer_distance_max` behind its
  /// begin.
  void set_producer(const task_node& producer) noexcept;

  static constexpr std::size_t producer_distance_max = (std::size_t{1} << 27) - 1;

 protected:
  result_slot() noexcept { ::new (static_cast<void*>(error_)) std::exception_ptr; }
  // Trivial, so that the end of a task writes nothing to memory that was brought here only to be
  // let go: an error goes before let_go() is called.
  ~result_slot() = default;

  /// Destroys the value, if there is one, and lets go of the memory that the slot is in. There is
  /// no error any more.
  virtual void let_go() noexcept = 0;
  /// For let_go() of a slot in a node: how many references to the node go with the slot (step 5).
  [[nodiscard]] std::uint32_t node_refs() const noexcept {
    return (word_.load(std::memory_order_relaxed) & leaves_node_mark) != 0 ? 2 : 1;
  }

 private:
  [[noreturn]] void rethrow() const;
  dependent* those_of(std::uintptr_t word) noexcept;
  void last_ref_dropped() noexcept;
  [[nodiscard]] bool leave_to_producer() noexcept;
  void last_ref_gone() noexcept;
  void let_go_or_chain() noexcept;
  void let_error_and_self_go() noexcept;
  void let_error_go() noexcept;
  void chain() noexcept;
  static void let_chained_go() noexcept;

  // What word_ says beside the address of a dependent, which is a multiple of 8 and, in a user's
  // half of the memory, has the highest bits clear.
  static_assert(sizeof(std::uintptr_t) == 8 && alignof(dependent) == 8);
  static constexpr std::uintptr_t thread_waits_mark = 1;
  static constexpr std::uintptr_t closed_mark = 2;  // there is no address any more
  static constexpr std::uintptr_t pending_mark = 4;
  static constexpr std::uintptr_t leaves_node_mark = std::uintptr_t{1} << 61;  // of a closed one
  static constexpr std::uintptr_t stop_mark = std::uintptr_t{1} << 62;  // only while it is pending
  static constexpr std::uintptr_t unwanted_mark = std::uintptr_t{1} << 63;
  static constexpr std::uintptr_t address_mask = ~(std::uintptr_t{7} | std::uintptr_t{7} << 61);

  static constexpr std::uintptr_t closed_word(bool leaves_node) noexcept {
    return closed_mark | (leaves_node ? leaves_node_mark : 0);
  }
  static dependent* newest_of(std::uintptr_t word) noexcept {
    return reinterpret_cast<dependent*>(word & address_mask);
  }

  // A million of these may wait at a time: each member has the least room that does.

  static constexpr std::uint32_t held_mark = std::uint32_t{1} << 31;

  // Written by whoever copies or drops a reference.
  std::atomic<std::uint32_t> refs_{1};
  // How many times 8 bytes this is behind its producer's begin, in 24 bits; 0: it has none. It is
  // constant once anybody else sees the slot.
  std::uint16_t producer_distance_low_ = 0;
  std::uint8_t producer_distance_high_ = 0;

 protected:
  bool has_value_ = false;  // of typed_slot

 private:
  // The address of the newest dependent, and marks. Of a slot that a thread is about to let go, the
  // next of these.
  std::atomic<std::uintptr_t> word_{pending_mark};
  // An exception_ptr, until it is let go.
  alignas(std::exception_ptr) std::byte error_[sizeof(std::exception_ptr)];
};

/// Values of no more bytes than this, with all that they own, are too small to be counted in the
/// store.
inline constexpr std::size_t uncounted_bytes_max = 64;
/// False for types of which no value is counted, and for which nobody can say otherwise by
/// size_bytes.
template <class T>
inline constexpr bool is_counted = std::is_class_v<T> || std::is_union_v<T> ||
                                   sizeof(T) > uncounted_bytes_max;

/// Adds to (or takes from) the bytes of the object store.
NARKE_EXPORT void count_stored_bytes(std::int64_t bytes) noexcept;

template <class T, bool Counted = is_counted<T>>
struct stored_bytes {
  void count(const T&) noexcept {}
  void forget() noexcept {}
};
template <class T>
struct stored_bytes<T, true> {
  void count(const T& value) {
    const std::size_t all = object_bytes(value);
    if (all > uncounted_bytes_max) {
      bytes = static_cast<std::int64_t>(all);
      count_stored_bytes(bytes);
    }
  }
  void forget() noexcept {
    if (bytes != 0) {
      count_stored_bytes(-std::exchange(bytes, 0));
    }
  }
  std::int64_t bytes = 0;
};

/// A slot with room for a value of type T.
template <class T>
class typed_slot : public result_slot {
 public:
  /// Constructs the value from what `make` returns, in place. Throws what `make` throws; the slot
  /// is then as before.
  template <class Make>
  void emplace_from(Make&& make) {
    ::new (static_cast<void*>(storage_)) T(std::forward<Make>(make)());
    if constexpr (!is_trivial) {
      has_value_ = true;
      bytes_.count(value());
    }
  }
  void destroy_value() noexcept {
    if constexpr (!is_trivial) {
      if (has_value_) {
        has_value_ = false;
        bytes_.forget();
        std::destroy_at(std::addressof(value()));
      }
    }
  }
  /// Requires: is_ready() and not failed(); or, for the GPU tasks that take it, that its producer's
  /// work is ordered.
  [[nodiscard]] T& value() noexcept { return *std::launder(reinterpret_cast<T*>(storage_)); }

 protected:
  ~typed_slot() = default;

 private:
  /// Nothing is to be done at its end, nor written.
  static constexpr bool is_trivial = std::is_trivially_destructible_v<T> && !is_counted<T>;

  alignas(T) std::byte storage_[sizeof(T)];
  [[no_unique_address]] stored_bytes<T> bytes_;
};

template <>
class typed_slot<void> : public result_slot {
 public:
  template <class Make>
  void emplace_from(Make&& make) {
    static_cast<void>(std::forward<Make>(make)());
  }
  void destroy_value() noexcept {}

 protected:
  ~typed_slot() = default;
};

}  // namespace narke::detail
