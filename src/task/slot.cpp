#include <narke/detail/result_slot.hpp>

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
  std::uintptr_t head = dependents_.load(std::memory_order_acquire);
  do {
    if ((head & closed_mark) != 0) {
      return false;
    }
    entry.next = reinterpret_cast<dependent*>(head & ~thread_waits_mark);
    // Release: whoever closes the list reads the entry. The mark of waiting threads stays.
  } while (!dependents_.compare_exchange_weak(
      head, reinterpret_cast<std::uintptr_t>(&entry) | (head & thread_waits_mark),
      std::memory_order_acq_rel, std::memory_order_acquire));
  return true;
}

dependent* result_slot::take_dependents() noexcept {
  std::uintptr_t head = dependents_.load(std::memory_order_acquire);
  while ((head & closed_mark) == 0 &&
         !dependents_.compare_exchange_weak(head, head & thread_waits_mark,
                                            std::memory_order_acq_rel, std::memory_order_acquire)) {
  }
  return (head & closed_mark) != 0 ? nullptr
                                   : reinterpret_cast<dependent*>(head & ~thread_waits_mark);
}

bool result_slot::mark_thread_waits() noexcept {
  std::uintptr_t head = dependents_.load(std::memory_order_acquire);
  while ((head & closed_mark) == 0) {
    if ((head & thread_waits_mark) != 0 ||
        dependents_.compare_exchange_weak(head, head | thread_waits_mark, std::memory_order_acq_rel,
                                          std::memory_order_acquire)) {
      return true;
    }
  }
  return false;
}

bool result_slot::mark_stop() noexcept {
  std::uint32_t seen = refs_.load(std::memory_order_acquire);
  do {
    if ((seen & pending_mark) == 0) {
      return false;
    }
  } while (!refs_.compare_exchange_weak(seen, seen | stop_mark, std::memory_order_acq_rel,
                                        std::memory_order_acquire));
  return true;
}

void result_slot::settle_stopped() noexcept {
  constexpr std::uint32_t marks = pending_mark | stop_mark;
  if ((refs_.fetch_and(~marks, std::memory_order_acq_rel) & ~marks) == 0) {
    last_ref_gone();
  }
}

dependent* result_slot::those_of(std::uintptr_t head) noexcept {
  if ((head & thread_waits_mark) != 0) {
    internal::waiting_room::wake(*this);
  }
  return first_come_first(reinterpret_cast<dependent*>(head & ~thread_waits_mark));
}

}  // namespace narke::detail
