// What a task owns for each kind of parameter, and what is refused with a sentence that says what
// to write instead.
#pragma once

#include <concepts>
#include <span>
#include <string>
#include <string_view>
#include <type_traits>
#include <vector>

#include <narke/array.hpp>
#include <narke/object_ref.hpp>

namespace narke::detail {

/// Where the body of a task does its work.
enum class task_place : unsigned char { cpu, gpu };

enum class parameter_kind : unsigned char {
  plain,      ///< T, const T&, T&&: the owned type itself
  host_view,  ///< std::string_view, std::span<const T>: elements in host memory
  gpu_view,   ///< device_span<const T>: an array on the GPU of the task
  builder,    ///< array_builder<T>: an array to be written
};

// What a task owns for a parameter declared as P.
template <class P>
struct owned_for {
  using type = std::remove_cvref_t<P>;
  static constexpr parameter_kind kind = parameter_kind::plain;
};
template <class Owned, parameter_kind Kind>
struct owned_as {
  using type = Owned;
  static constexpr parameter_kind kind = Kind;
};

template <class P>
concept string_view_parameter = requires {
  typename std::remove_cvref_t<P>::traits_type;
  requires std::same_as < std::remove_cvref_t<P>,
      std::basic_string_view < typename std::remove_cvref_t<P>::value_type,
  typename std::remove_cvref_t<P>::traits_type >> ;
};
template <class P>
concept host_span_parameter = requires {
  typename std::remove_cvref_t<P>::element_type;
  requires std::same_as<std::remove_cvref_t<P>,
                        std::span<const typename std::remove_cvref_t<P>::value_type>>;
};

template <class T>
inline constexpr bool is_array = false;
template <class T>
inline constexpr bool is_array<array<T>> = true;
template <class T>
inline constexpr bool is_array_builder = false;
template <class T>
inline constexpr bool is_array_builder<array_builder<T>> = true;
template <class T>
inline constexpr bool is_device_span = false;
template <class T>
inline constexpr bool is_device_span<device_span<T>> = true;
template <class T>
inline constexpr bool is_written_device_span = false;
template <class T>
inline constexpr bool is_written_device_span<device_span<T>> = !std::is_const_v<T>;

template <class P>
concept device_span_parameter = is_device_span<std::remove_cvref_t<P>>;
template <class P>
concept builder_parameter = is_array_builder<std::remove_cvref_t<P>>;

template <string_view_parameter P>
struct owned_for<P> : owned_as<std::basic_string<typename std::remove_cvref_t<P>::value_type,
                                                 typename std::remove_cvref_t<P>::traits_type>,
                               parameter_kind::host_view> {};
template <host_span_parameter P>
struct owned_for<P> : owned_as<std::vector<typename std::remove_cvref_t<P>::value_type>,
                               parameter_kind::host_view> {};
template <device_span_parameter P>
struct owned_for<P>
    : owned_as<array<typename std::remove_cvref_t<P>::value_type>, parameter_kind::gpu_view> {};
template <builder_parameter P>
struct owned_for<P>
    : owned_as<array<typename std::remove_cvref_t<P>::value_type>, parameter_kind::builder> {};

/// None of these is a gpu_context, which stands first or not at all.
template <class... P>
constexpr bool check_no_context() {
  static_assert((true && ... && !std::is_same_v<std::remove_cvref_t<P>, gpu_context>),
                "narke: a GPU task takes narke::gpu_context& as its first parameter, and once");
  return true;
}

/// Refuses a parameter that no argument can be delivered to.
template <class P, task_place Place>
struct checked_parameter {
  using plain = std::remove_cvref_t<P>;
  static constexpr bool is_mutable_lvalue =
      std::is_lvalue_reference_v<P> && !std::is_const_v<std::remove_reference_t<P>>;

  static_assert(check_no_context<P>());
  static_assert(
      !is_array_builder<plain> || !std::is_reference_v<P>,
      "narke: a reference to an array_builder is refused: take narke::array_builder<T> by "
      "value, which consumes its argument, and return it");
  static_assert(!is_mutable_lvalue || is_array_builder<plain> || std::is_same_v<plain, gpu_context>,
                "narke::task: a parameter T& is refused: stored values are immutable and shared. "
                "Take const T& to read "
                "in place, or T to own a copy");
  static_assert(!is_written_device_span<plain>,
                "narke: a parameter device_span<T> is refused: stored elements are immutable. Take "
                "narke::device_span<const T> to read them, or narke::array_builder<T> by value to "
                "write into them or into a copy");
  static_assert(!is_device_span<plain> || Place == task_place::gpu,
                "narke: a narke::device_span parameter needs a GPU task, whose first parameter is "
                "narke::gpu_context&; a CPU task takes std::span<const T>");
  static constexpr bool is_fine = true;
};

}  // namespace narke::detail
