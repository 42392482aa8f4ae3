// A reference to a value that will be there: the result of a task, of an actor call, or of put.
// Regular: empty by default, copyable, comparable, hashable. Copies may be used from different
// threads at once; one object_ref may be read by many threads or changed by one, like a shared_ptr.
#pragma once

#include <cstddef>
#include <functional>
#include <stdexcept>
#include <type_traits>
#include <utility>

#include <narke/detail/result_slot.hpp>
#include <narke/export.hpp>

namespace narke {

namespace detail {
struct ref_access;
}

template <class T>
class object_ref {
  static_assert(std::is_same_v<T, std::decay_t<T>>, "object_ref<T>: T is a plain type, as stored");

 public:
  using value_type = T;

  object_ref() noexcept = default;
  object_ref(const object_ref& other) noexcept : slot_{other.slot_} {
    if (slot_ != nullptr) {
      slot_->add_ref();
    }
  }
  object_ref(object_ref&& other) noexcept : slot_{std::exchange(other.slot_, nullptr)} {}
  object_ref& operator=(const object_ref& other) noexcept {
    object_ref{other}.swap(*this);
    return *this;
  }
  object_ref& operator=(object_ref&& other) noexcept {
    object_ref{std::move(other)}.swap(*this);
    return *this;
  }
  ~object_ref() {
    if (slot_ != nullptr) {
      slot_->release_ref();
    }
  }

  /// A ref of any type becomes one of void: for lists of mixed types.
  template <class U>
  requires(std::is_void_v<T> && !std::is_void_v<U>) object_ref(const object_ref<U>& other)
  noexcept : slot_{other.slot_} {
    if (slot_ != nullptr) {
      slot_->add_ref();
    }
  }
  template <class U>
  requires(std::is_void_v<T> && !std::is_void_v<U>) object_ref(object_ref<U>&& other)
  noexcept : slot_{std::exchange(other.slot_, nullptr)} {}

  /// False for an empty ref.
  explicit operator bool() const noexcept { return slot_ != nullptr; }
  /// Equal when both point to the same object, or both are empty.
  friend bool operator==(const object_ref& a, const object_ref& b) noexcept {
    return a.slot_ == b.slot_;
  }

  void swap(object_ref& other) noexcept { std::swap(slot_, other.slot_); }
  friend void swap(object_ref& a, object_ref& b) noexcept { a.swap(b); }

 private:
  template <class U>
  friend class object_ref;
  friend struct detail::ref_access;

  detail::result_slot* slot_ = nullptr;
};

namespace detail {

template <class T>
inline constexpr bool is_object_ref = false;
template <class T>
inline constexpr bool is_object_ref<object_ref<T>> = true;

/// Throws std::invalid_argument: `call` was given an empty ref.
[[noreturn]] NARKE_EXPORT void throw_empty_ref(const char* call);

/// The way from a ref to its slot, for the library alone.
struct ref_access {
  template <class T>
  static result_slot* slot(const object_ref<T>& ref) noexcept {
    return ref.slot_;
  }
  template <class T>
  static result_slot& checked(const object_ref<T>& ref, const char* call) {
    if (ref.slot_ == nullptr) [[unlikely]] {
      throw_empty_ref(call);
    }
    return *ref.slot_;
  }
  /// The new ref owns the reference that the caller had.
  template <class T>
  static object_ref<T> adopt(result_slot& slot) noexcept {
    object_ref<T> ref;
    ref.slot_ = &slot;
    return ref;
  }
  /// The caller owns the reference that the ref had.
  template <class T>
  static result_slot* release(object_ref<T>& ref) noexcept {
    return std::exchange(ref.slot_, nullptr);
  }
  template <class T>
  static typed_slot<T>& typed(result_slot& slot) noexcept {
    return static_cast<typed_slot<T>&>(slot);
  }
};

}  // namespace detail

}  // namespace narke

template <class T>
struct std::hash<narke::object_ref<T>> {
  std::size_t operator()(const narke::object_ref<T>& ref) const noexcept {
    return std::hash<const void*>{}(narke::detail::ref_access::slot(ref));
  }
};
