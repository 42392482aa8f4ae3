// promise: a ref that is completed from outside, by a thread or a callback that narke knows nothing
// of. Owned by whoever makes it, moved but not copied. Its ref is like any other: for get and wait,
// and as an argument of tasks, which wait for it without a thread.
#pragma once

#include <atomic>
#include <exception>
#include <type_traits>
#include <utility>

#include <narke/detail/node_memory.hpp>
#include <narke/detail/result_slot.hpp>
#include <narke/export.hpp>
#include <narke/object_ref.hpp>

namespace narke {

namespace detail {

/// What is known of a promise's slot whatever its type.
class NARKE_EXPORT promise_part {
 public:
  promise_part(const promise_part&) = delete;
  promise_part& operator=(const promise_part&) = delete;

  /// Of all who want to complete it, the first. Throws narke::error for the others.
  void begin_setting();
  /// It failed: the next one may try.
  void give_up_setting() noexcept { is_taken_.store(false, std::memory_order_release); }
  [[nodiscard]] bool is_taken() const noexcept { return is_taken_.load(std::memory_order_acquire); }
  /// The value or the error is there: everybody may see it.
  void publish() noexcept;
  /// An error for a promise that went without a value.
  [[nodiscard]] static std::exception_ptr broken();
  /// Throws std::invalid_argument: there is no exception.
  [[noreturn]] static void throw_null_exception();
  /// Throws narke::error: the promise was moved from.
  [[noreturn]] static void throw_moved_from();

 protected:
  explicit promise_part(result_slot& slot);
  ~promise_part() = default;

 private:
  friend struct open_promises;

  result_slot& slot_;
  std::atomic<bool> is_taken_{false};
  promise_part* previous_ = nullptr;  // in the list of open promises
  promise_part* next_ = nullptr;
};

template <class T>
class promise_slot final : public typed_slot<T>, public promise_part, public node_memory {
 public:
  promise_slot() : promise_part{static_cast<result_slot&>(*this)} {}

 private:
  void let_go() noexcept override {
    this->destroy_value();
    delete this;
  }
};

}  // namespace detail

/// `set_value` and `set_exception` may be called by any thread, once altogether. A promise that
/// goes without either leaves broken_promise_error. While the runtime shuts down, tasks that wait
/// for an open promise are dropped; the promise itself may be completed later.
template <class T>
class promise {
  static_assert(std::is_same_v<T, std::decay_t<T>>,
                "narke::promise<T>: T is a value or void, neither a reference nor const");
  using slot_type = detail::promise_slot<T>;

 public:
  promise() : slot_{new slot_type} {}
  promise(promise&& other) noexcept : slot_{std::exchange(other.slot_, nullptr)} {}
  promise& operator=(promise&& other) noexcept {
    promise taken{std::move(other)};
    std::swap(slot_, taken.slot_);
    return *this;
  }
  promise(const promise&) = delete;
  promise& operator=(const promise&) = delete;
  ~promise() {
    if (slot_ != nullptr) {
      if (!slot_->is_taken()) {
        set_exception(detail::promise_part::broken());
      }
      slot_->end_hold();
    }
  }

  /// The ref to what it will be, as often as wanted. The promise itself does not count as one: the
  /// value can be taken through the last ref while it lives.
  [[nodiscard]] object_ref<T> ref() const {
    detail::result_slot& slot = checked();
    slot.add_ref();
    return detail::ref_access::adopt<T>(slot);
  }

  /// Completes it with a value, made from `value`. Throws narke::error when it is complete already,
  /// and what making the value throws: it is then as before.
  template <class U = T>
  requires(!std::is_void_v<T> && std::is_convertible_v<U&&, T>) void set_value(U&& value) {
    set([&]() -> T { return std::forward<U>(value); });
  }
  void set_value() requires(std::is_void_v<T>) {
    set([] {});
  }
  /// Completes it with an error, which `get` throws. Throws narke::error when it is complete
  /// already, std::invalid_argument for null.
  void set_exception(std::exception_ptr error) {
    if (error == nullptr) {
      detail::promise_part::throw_null_exception();
    }
    slot_type& slot = checked();
    slot.begin_setting();
    slot.set_error(std::move(error));
    slot.publish();
  }

 private:
  slot_type& checked() const {
    if (slot_ == nullptr) {
      detail::promise_part::throw_moved_from();
    }
    return *slot_;
  }
  template <class Make>
  void set(Make&& make) {
    slot_type& slot = checked();
    slot.begin_setting();
    try {
      slot.emplace_from(std::forward<Make>(make));
    } catch (...) {
      slot.destroy_value();
      slot.give_up_setting();
      throw;
    }
    slot.publish();
  }

  slot_type* slot_;
};

}  // namespace narke
