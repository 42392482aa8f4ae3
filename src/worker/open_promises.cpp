#include "worker/open_promises.hpp"

#include <mutex>
#include <stdexcept>

#include <narke/errors.hpp>
#include <narke/promise.hpp>

#include "base/needed_memory.hpp"
#include "worker/execute.hpp"
#include "worker/lifecycle.hpp"

namespace narke::detail {

struct open_promises {
  std::mutex mutex;
  promise_part* first = nullptr;  // guarded by mutex

  static open_promises& all() {
    // Never destroyed: promises may be made and go while static objects go.
    static auto* list = new open_promises;
    return *list;
  }
  void add(promise_part& part) {
    const std::lock_guard lock{mutex};
    part.next_ = first;
    if (first != nullptr) {
      first->previous_ = &part;
    }
    first = &part;
  }
  void remove(promise_part& part) {
    const std::lock_guard lock{mutex};
    (part.previous_ != nullptr ? part.previous_->next_ : first) = part.next_;
    if (part.next_ != nullptr) {
      part.next_->previous_ = part.previous_;
    }
  }
  // Those that wait for any, in one list. A slot is not completed before it is removed.
  dependent* take_dependents() {
    const std::lock_guard lock{mutex};
    dependent* taken = nullptr;
    for (promise_part* each = first; each != nullptr; each = each->next_) {
      for (dependent* entry = each->slot_.take_dependents(); entry != nullptr;) {
        dependent* next = entry->next;
        entry->next = taken;
        taken = entry;
        entry = next;
      }
    }
    return taken;
  }
};

// The initial reference becomes the promise's hold.
promise_part::promise_part(result_slot& slot) : slot_{slot} {
  slot.hold();
  open_promises::all().add(*this);
}

void promise_part::begin_setting() {
  if (is_taken_.exchange(true, std::memory_order_acq_rel)) {
    throw error{
        "narke::promise: it is complete already. A promise is set once: make another for another "
        "value"};
  }
}

void promise_part::publish() noexcept {
  open_promises::all().remove(*this);
  internal::publish_held(slot_);
}

std::exception_ptr promise_part::broken() {
  const internal::memory_needed needed;
  return std::make_exception_ptr(broken_promise_error{
      "narke::promise: it went before it was given a value. Keep it until set_value or "
      "set_exception was called"});
}

void promise_part::throw_null_exception() {
  throw std::invalid_argument{
      "narke::promise: set_exception: the exception is null; give it std::current_exception() in a "
      "catch, or std::make_exception_ptr"};
}

void promise_part::throw_moved_from() {
  throw error{"narke::promise: it was moved from; make another"};
}

}  // namespace narke::detail

namespace narke::internal {

void drop_waiting_for_promises() noexcept {
  detail::dependent* entry = detail::open_promises::all().take_dependents();
  while (entry != nullptr) {
    detail::dependent* following = entry->next;
    drop_waiting(*entry);
    entry = following;
  }
}

}  // namespace narke::internal
