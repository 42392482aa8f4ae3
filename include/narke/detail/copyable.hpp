// Whether a value can really be copied. A std::vector of unique_ptr claims that it can and fails to
// compile.
#pragma once

#include <concepts>
#include <optional>
#include <tuple>
#include <type_traits>
#include <utility>
#include <variant>

namespace narke::detail {

template <class T>
struct copyable : std::bool_constant<std::is_copy_constructible_v<T>> {};

// Containers, and what else names the type of its values. A std::filesystem::path is its own value
// type.
template <class T>
requires requires {
  typename T::value_type;
} &&(!std::is_same_v<typename T::value_type, T>)struct copyable<T>
    : std::bool_constant<std::is_copy_constructible_v<T> &&
                         copyable<typename T::value_type>::value> {
};

template <class... T>
struct copyable<std::tuple<T...>> : std::bool_constant<(true && ... && copyable<T>::value)> {};
template <class A, class B>
struct copyable<std::pair<A, B>> : std::bool_constant<copyable<std::remove_const_t<A>>::value &&
                                                      copyable<std::remove_const_t<B>>::value> {};
template <class... T>
struct copyable<std::variant<T...>> : std::bool_constant<(true && ... && copyable<T>::value)> {};

template <class T>
inline constexpr bool is_copyable = copyable<T>::value;

}  // namespace narke::detail
