// How many bytes a value takes in the object store. Specialise size_bytes for a type that owns
// memory which this cannot see:   template <> std::size_t narke::size_bytes(const image& value) {
// return value.pixels.size(); }
#pragma once

#include <cstddef>
#include <memory>
#include <optional>
#include <ranges>
#include <tuple>
#include <type_traits>
#include <utility>

namespace narke {

template <class T>
[[nodiscard]] std::size_t size_bytes(const T& value);

namespace detail {

template <class T>
inline constexpr bool is_optional = false;
template <class T>
inline constexpr bool is_optional<std::optional<T>> = true;
template <class T>
inline constexpr bool is_unique_ptr = false;
template <class T, class D>
inline constexpr bool is_unique_ptr<std::unique_ptr<T, D>> = true;
template <class T>
inline constexpr bool is_tuple_like = false;
template <class... T>
inline constexpr bool is_tuple_like<std::tuple<T...>> = true;
template <class A, class B>
inline constexpr bool is_tuple_like<std::pair<A, B>> = true;

// A path is a range of paths: such a type says nothing of what it owns.
template <class T>
concept is_range_of_others = std::ranges::forward_range<const T&> &&
    !std::is_same_v<std::remove_cvref_t<std::ranges::range_reference_t<const T&>>, T>;

/// The bytes of a value by size_bytes, a user's specialisation or overload included.
template <class T>
[[nodiscard]] std::size_t object_bytes(const T& value) {
  using narke::size_bytes;
  return size_bytes(value);
}

// What the elements of a range own, and the room that it has for more of them.
template <class Range>
[[nodiscard]] std::size_t owned_by_range(const Range& range) {
  using element = std::remove_cvref_t<std::ranges::range_reference_t<const Range&>>;
  std::size_t count = 0;
  if constexpr (requires { range.capacity(); }) {
    count = range.capacity();
  } else {
    count = static_cast<std::size_t>(std::ranges::distance(range));
  }
  std::size_t bytes = count * sizeof(element);
  if constexpr (!std::is_trivially_copyable_v<element>) {
    for (const element& each : range) {
      bytes += object_bytes(each) - sizeof(element);
    }
  }
  return bytes;
}

}  // namespace detail

/// The bytes of `value` with what it owns: elements of ranges, pointees of unique_ptr, members of
/// tuples, pairs and optionals. Anything else counts as sizeof(T). Safe to call from any thread
/// that may read `value`.
template <class T>
[[nodiscard]] std::size_t size_bytes(const T& value) {
  if constexpr (std::is_trivially_copyable_v<T>) {
    return sizeof(T);
  } else if constexpr (detail::is_optional<T>) {
    return sizeof(T) + (value ? detail::object_bytes(*value) - sizeof(*value) : 0);
  } else if constexpr (detail::is_unique_ptr<T>) {
    if constexpr (requires { sizeof(typename T::element_type); } &&
                  !std::is_array_v<typename T::element_type>) {
      return sizeof(T) + (value ? detail::object_bytes(*value) : 0);
    } else {
      return sizeof(T);
    }
  } else if constexpr (detail::is_tuple_like<T>) {
    return std::apply(
        [](const auto&... each) {
          return (sizeof(T) + ... + (detail::object_bytes(each) - sizeof(each)));
        },
        value);
  } else if constexpr (detail::is_range_of_others<T>) {
    return sizeof(T) + detail::owned_by_range(value);
  } else {
    return sizeof(T);
  }
}

}  // namespace narke
