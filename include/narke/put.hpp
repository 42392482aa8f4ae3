// put: a value into the store.
#pragma once

#include <type_traits>
#include <utility>

#include <narke/detail/node_memory.hpp>
#include <narke/detail/source_location.hpp>
#include <narke/object_ref.hpp>

namespace narke {

namespace detail {

/// Starts a runtime when nobody ever has. Throws as check_can_submit does.
NARKE_EXPORT void check_can_put();
/// Throws object_store_full_error when the store has no room for `bytes` more.
NARKE_EXPORT void check_room(std::size_t bytes);

/// A slot that has its value from the start.
template <class T>
class put_slot final : public typed_slot<T>, public node_memory {
 public:
  template <class U>
  explicit put_slot(U&& value) {
    this->emplace_from([&]() -> T { return T(std::forward<U>(value)); });
    this->publish_unshared();
  }

 private:
  void let_go() noexcept override {
    this->destroy_value();
    delete this;
  }
};

}  // namespace detail

/// Stores `value` and returns a ref to it: an lvalue is copied once, an rvalue moved. Any thread.
/// Throws object_store_full_error when it does not fit into object_store_memory, and what its copy
/// or move throws.
template <class U>
object_ref<std::decay_t<U>> put(U&& value, source_location = source_location::current()) {
  using stored = std::decay_t<U>;
  static_assert(!detail::is_object_ref<stored>,
                "narke::put: this is a ref already; pass it on as it is");
  detail::check_can_put();
  if constexpr (detail::is_counted<stored>) {
    const stored& seen = value;
    if (const std::size_t bytes = detail::object_bytes(seen); bytes > detail::uncounted_bytes_max) {
      detail::check_room(bytes);
    }
  }
  return detail::ref_access::adopt<stored>(*new detail::put_slot<stored>(std::forward<U>(value)));
}

}  // namespace narke
