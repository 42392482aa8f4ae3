#include <narke/detail/result_slot.hpp>

#include <utility>

#include <narke/detail/task_node.hpp>

#include "task/waiting_room.hpp"

namespace narke::detail {

namespace {

// Of a thread that lets slots go: whether it does, and those that come to be let go meanwhile.
constinit thread_local bool lets_go __attribute__((tls_model("initial-exec"))) = false;
constinit thread_local result_slot* chained __attribute__((tls_model("initial-exec"))) = nullptr;

}  // namespace

[[gnu::noinline]] void result_slot::chain() noexcept {
  const std::uintptr_t mark = word_.load(std::memory_order_relaxed) & leaves_node_mark;
  word_.store(reinterpret_cast<std::uintptr_t>(chained) | mark, std::memory_order_relaxed);
  chained = this;
}

[[gnu::noinline]] void result_slot::let_error_go() noexcept {
  set_error(nullptr);
}

inline void result_slot::let_error_and_self_go() noexcept {
  if (failed()) [[unlikely]] {
    let_error_go();
  }
  let_go();
}

[[gnu::noinline]] void result_slot::let_chained_go() noexcept {
  while (chained != nullptr) {
    result_slot* const each = chained;
    chained = reinterpret_cast<result_slot*>(each->word_.load(std::memory_order_relaxed) &
                                             address_mask);
    each->let_error_and_self_go();
  }
}

// Lets slots go without recursion. A value, or an error, may hold refs whose values hold refs …: a
// chain of 100,000 must not need 100,000 frames. The outermost call on a thread works a list off;
// calls inside it only append to the list.
inline void result_slot::let_go_or_chain() noexcept {
  if (lets_go) [[unlikely]] {
    chain();
    return;
  }
  lets_go = true;
  let_error_and_self_go();
  if (chained != nullptr) [[unlikely]] {
    let_chained_go();
  }
  lets_go = false;
}

void result_slot::last_ref_gone() noexcept {
  let_go_or_chain();
}

void result_slot::last_ref_dropped() noexcept {
  if ((word_.load(std::memory_order_acquire) & pending_mark) != 0 && leave_to_producer())
      [[unlikely]] {
    return;
  }
  let_go_or_chain();
}

void result_slot::rethrow() const {
  std::rethrow_exception(error());
}

bool result_slot::add_dependent(dependent& entry) noexcept {
  std::uintptr_t seen = word_.load(std::memory_order_acquire);
  do {
    if ((seen & closed_mark) != 0) {
      return false;
    }
    entry.next = newest_of(seen);
    // Release: whoever closes the list reads the entry. The marks stay.
  } while (!word_.compare_exchange_weak(
      seen, reinterpret_cast<std::uintptr_t>(&entry) | (seen & ~address_mask),
      std::memory_order_acq_rel, std::memory_order_acquire));
  return true;
}

dependent* result_slot::take_dependents() noexcept {
  std::uintptr_t seen = word_.load(std::memory_order_acquire);
  while ((seen & closed_mark) == 0 &&
         !word_.compare_exchange_weak(seen, seen & ~address_mask, std::memory_order_acq_rel,
                                      std::memory_order_acquire)) {
  }
  return (seen & closed_mark) != 0 ? nullptr : newest_of(seen);
}

bool result_slot::mark_thread_waits() noexcept {
  std::uintptr_t seen = word_.load(std::memory_order_acquire);
  while ((seen & closed_mark) == 0) {
    if ((seen & thread_waits_mark) != 0 ||
        word_.compare_exchange_weak(seen, seen | thread_waits_mark, std::memory_order_acq_rel,
                                    std::memory_order_acquire)) {
      return true;
    }
  }
  return false;
}

bool result_slot::mark_stop() noexcept {
  std::uintptr_t seen = word_.load(std::memory_order_acquire);
  do {
    if ((seen & pending_mark) == 0) {
      return false;
    }
  } while (!word_.compare_exchange_weak(seen, seen | stop_mark, std::memory_order_acq_rel,
                                        std::memory_order_acquire));
  return true;
}

// False when the producer has settled.
[[gnu::noinline]] bool result_slot::leave_to_producer() noexcept {
  std::uintptr_t seen = word_.load(std::memory_order_acquire);
  do {
    if ((seen & pending_mark) == 0) {
      return false;
    }
  } while (!word_.compare_exchange_weak(seen, seen | unwanted_mark, std::memory_order_acq_rel,
                                        std::memory_order_acquire));
  return true;
}

void result_slot::settle_stopped() noexcept {
  const std::uintptr_t seen =
      word_.fetch_and(~(pending_mark | stop_mark), std::memory_order_acq_rel);
  if ((seen & unwanted_mark) != 0) {
    last_ref_gone();
  }
}

dependent* result_slot::close() noexcept {
  std::uintptr_t seen = word_.load(std::memory_order_relaxed);
  while (!word_.compare_exchange_weak(
      seen, closed_mark | (seen & ~(address_mask | thread_waits_mark)), std::memory_order_acq_rel,
      std::memory_order_relaxed)) {
  }
  return those_of(seen);
}

result_slot::settled result_slot::settle_and_close(dependent*& first, bool& leaves_node) noexcept {
  const bool is_asked = std::exchange(leaves_node, false);
  std::uintptr_t seen = word_.load(std::memory_order_relaxed);
  bool leaves = false;
  do {
    if ((seen & stop_mark) != 0) {
      return settled::stopped;
    }
    leaves = is_asked && (seen & thread_waits_mark) == 0;
  } while (!word_.compare_exchange_weak(seen, closed_word(leaves),
                                        std::memory_order_acq_rel, std::memory_order_relaxed));
  leaves_node = leaves;
  first = those_of(seen);
  return (seen & unwanted_mark) != 0 ? settled::unwanted : settled::done;
}

dependent* result_slot::those_of(std::uintptr_t word) noexcept {
  if ((word & thread_waits_mark) != 0) {
    internal::waiting_room::wake(*this);
  }
  return first_come_first(newest_of(word));
}

}  // namespace narke::detail
