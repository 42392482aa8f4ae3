#include <narke/detail/result_slot.hpp>

#include <utility>

#include <narke/detail/task_node.hpp>

#include "task/waiting_room.hpp"

namespace narke::detail {

// Lets slots go without recursion. A value may hold refs whose values hold refs …: a chain of
// 100,000 must not need 100,000 frames. The outermost call on a thread works a list off; calls
// inside it only append to the list.
struct slot_release {
  static void run(result_slot& slot) noexcept {
    if (active_) {
      std::destroy_at(std::addressof(slot.error_));  // what it lets go in turn comes here, too
      slot.release_next_ = list_;
      list_ = &slot;
      return;
    }
    active_ = true;
    slot.let_go();
    while (list_ != nullptr) {
      result_slot* next = list_;
      list_ = next->release_next_;
      std::construct_at(std::addressof(next->error_));
      next->let_go();
    }
    active_ = false;
  }

 private:
  static constinit thread_local bool active_ __attribute__((tls_model("initial-exec")));
  static constinit thread_local result_slot* list_ __attribute__((tls_model("initial-exec")));
};

constinit thread_local bool slot_release::active_
    __attribute__((tls_model("initial-exec"))) = false;
constinit thread_local result_slot* slot_release::list_
    __attribute__((tls_model("initial-exec"))) = nullptr;

void result_slot::last_ref_gone() noexcept {
  slot_release::run(*this);
}

void result_slot::rethrow() const {
  std::rethrow_exception(error_);
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

void result_slot::leave_to_producer() noexcept {
  std::uintptr_t seen = word_.load(std::memory_order_acquire);
  do {
    if ((seen & pending_mark) == 0) {
      last_ref_gone();
      return;
    }
  } while (!word_.compare_exchange_weak(seen, seen | unwanted_mark, std::memory_order_acq_rel,
                                        std::memory_order_acquire));
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
  } while (!word_.compare_exchange_weak(seen, closed_word(leaves) | (seen & held_mark),
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
