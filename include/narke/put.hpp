// put: a value into the store.
#pragma once

#include <type_traits>
#include <utility>

#include <narke/detail/put_slot.hpp>
#include <narke/detail/task_results.hpp>
#include <narke/detail/source_location.hpp>
#include <narke/object_ref.hpp>

namespace narke {

namespace detail {

/// Starts a runtime when nobody ever has. Throws as check_can_submit does.
NARKE_EXPORT void check_can_put();
/// Throws object_store_full_error when the store has no room for `bytes` more.
NARKE_EXPORT void check_room(std::size_t bytes);

}  // namespace detail

/// Stores `value` and returns a ref to it: an lvalue is copied once, an rvalue moved. Any thread.
/// Throws object_store_full_error when it does not fit into object_store_memory, and what its copy
/// or move throws. An array_builder becomes an array.
template <class U>
object_ref<detail::stored_result_t<U>> put(U&& value,
                                           source_location = source_location::current()) {
  using stored = detail::stored_result_t<U>;
  static_assert(!detail::is_object_ref<stored>,
                "narke::put: this is a ref already; pass it on as it is");
  detail::check_can_put();
  if constexpr (detail::is_counted<stored>) {
    const std::decay_t<U>& seen = value;
    if (const std::size_t bytes = detail::object_bytes(seen); bytes > detail::uncounted_bytes_max) {
      detail::check_room(bytes);
    }
  }
  using slot = detail::put_slot<stored>;
  if constexpr (std::is_same_v<stored, std::decay_t<U>>) {
    return detail::ref_access::adopt<stored>(*new slot(std::forward<U>(value)));
  } else {
    return detail::ref_access::adopt<stored>(
        *new slot(detail::to_stored<stored>(std::forward<U>(value))));
  }
}

}  // namespace narke
