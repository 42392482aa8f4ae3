// serialize: values as bytes, for what crosses the border between processes (isolation::process).
//
// Serialisable without help are: trivially copyable types without pointers, std::string, vector,
// deque, list, set, map and their unordered and multi forms, array, pair, tuple, optional, variant,
// std::filesystem::path and narke::array, as far as what they hold is serialisable. A struct of
// your own that is not trivially copyable becomes so by a specialisation, right after the type:
//
//   template <>
//   struct narke::serializer<person> {
//     static void write(narke::message_writer& to, const person& value) {
//       to.write(value.name);
//       to.write(value.age);
//     }
//     static person read(narke::message_reader& from) {
//       auto name = from.read<std::string>();
//       return {std::move(name), from.read<int>()};
//     }
//   };
//
// A trivially copyable struct is copied as it lies in memory: a pointer inside of it means nothing
// in another process, and the compiler cannot see it. Reader and writer are the same program, so
// there are no versions and no byte orders. One thread at a time.
#pragma once

#include <array>
#include <bit>
#include <concepts>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <functional>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <tuple>
#include <type_traits>
#include <utility>
#include <variant>
#include <vector>

#include <narke/array.hpp>
#include <narke/export.hpp>

namespace narke {

/// How a T becomes bytes and comes back: write(message_writer&, const T&) and
/// T read(message_reader&), both static. Specialise it for types of your own.
template <class T>
struct serializer;

namespace detail {

struct message_access;

/// Bytes that were sent aside: mapped here, let go with their owner.
struct received_block {
  const std::byte* data = nullptr;
  std::size_t size = 0;
  std::size_t descriptor = 0;  ///< of those that came with the message; 0: in its body
};

// Types whose bytes alone mean the same elsewhere. A struct's members cannot be looked at.
template <class T>
inline constexpr bool is_without_address = !std::is_pointer_v<T> && !std::is_member_pointer_v<T> &&
                                           !std::is_null_pointer_v<T> && !std::is_reference_v<T>;
template <class C, class R>
inline constexpr bool is_without_address<std::basic_string_view<C, R>> = false;
template <class T, std::size_t N>
inline constexpr bool is_without_address<std::span<T, N>> = false;
template <class T>
inline constexpr bool is_without_address<std::reference_wrapper<T>> = false;
template <class T>
inline constexpr bool is_without_address<device_span<T>> = false;
template <class T, std::size_t N>
inline constexpr bool is_without_address<std::array<T, N>> = is_without_address<T>;
template <class T>
inline constexpr bool is_without_address<std::optional<T>> = is_without_address<T>;
template <class A, class B>
inline constexpr bool is_without_address<std::pair<A, B>> =
    is_without_address<A>&& is_without_address<B>;
template <class... T>
inline constexpr bool is_without_address<std::tuple<T...>> = (true && ... && is_without_address<T>);
template <class... T>
inline constexpr bool is_without_address<std::variant<T...>> = (true && ... &&
                                                                is_without_address<T>);

template <class T>
concept plain_bytes = std::is_trivially_copyable_v<T> && std::is_copy_constructible_v<T> &&
                      std::is_object_v<T> && !std::is_const_v<T> &&
                      !std::is_volatile_v<T> && is_without_address<T>;

}  // namespace detail

class message_writer;
class message_reader;

/// What can cross the border between processes.
template <class T>
concept serializable = requires(message_writer& to, message_reader& from, const T& value) {
  serializer<T>::write(to, value);
  { serializer<T>::read(from) } -> std::same_as<T>;
};

/// What a message is written into.
class NARKE_EXPORT message_writer {
 public:
  message_writer();
  message_writer(const message_writer&) = delete;
  message_writer& operator=(const message_writer&) = delete;
  ~message_writer();

  /// A value. Throws std::bad_alloc, and what a serializer throws.
  template <class T>
  void write(const T& value) {
    serializer<T>::write(*this, value);
  }
  /// So many bytes as they are.
  void write_bytes(const void* data, std::size_t size);
  /// The same with their number before them, aligned for any type. Many bytes go beside the message
  /// in shared memory.
  void write_block(const void* data, std::size_t size);
  [[nodiscard]] std::size_t size() const noexcept;

 private:
  friend struct detail::message_access;
  struct state;
  std::unique_ptr<state> state_;
};

/// What a message is read from, in the order in which it was written. Nothing in it is trusted:
/// each call throws narke::error when the message is too short or makes no sense.
class NARKE_EXPORT message_reader {
 public:
  message_reader(const message_reader&) = delete;
  message_reader& operator=(const message_reader&) = delete;
  ~message_reader();

  template <class T>
  [[nodiscard]] T read() {
    return serializer<T>::read(*this);
  }
  void read_bytes(void* data, std::size_t size);
  /// What write_block wrote; valid as long as the reader.
  [[nodiscard]] std::span<const std::byte> read_block();
  /// How many bytes are still to be read.
  [[nodiscard]] std::size_t left() const noexcept;
  /// Reads the number of elements of a list. No more than there are bytes.
  [[nodiscard]] std::size_t read_count();
  /// Throws narke::error: the message is damaged.
  [[noreturn]] void refuse(const char* why) const;

 private:
  friend struct detail::message_access;
  struct state;
  explicit message_reader(std::unique_ptr<state> made) noexcept;
  std::unique_ptr<state> state_;
};

namespace detail {

struct message_access {
  NARKE_EXPORT static received_block next_block(message_reader& from);
  /// An array of the bytes of a block: in place when they came in shared memory, else a copy.
  NARKE_EXPORT static array_ptr take_block(message_reader& from, const received_block& block);

  // For the library: what is to be sent, and the reader of what came.
  static std::span<const std::byte> body(const message_writer& writer) noexcept;
  static std::span<const int> descriptors(const message_writer& writer) noexcept;
  static message_reader make_reader(std::vector<std::byte> body, std::vector<int> descriptors);
};

// A list of T from a block, which need not lie where a T may.
template <class T>
void append_block(std::vector<T>& values, message_reader& from) {
  const std::span<const std::byte> bytes = from.read_block();
  if (bytes.size() % sizeof(T) != 0) {
    from.refuse("a list ends within an element");
  }
  const std::size_t count = bytes.size() / sizeof(T);
  if (reinterpret_cast<std::uintptr_t>(bytes.data()) % alignof(T) == 0) {
    const T* elements = reinterpret_cast<const T*>(bytes.data());
    values.assign(elements, elements + count);
    return;
  }
  values.reserve(count);
  for (std::size_t i = 0; i != count; ++i) {
    std::array<std::byte, sizeof(T)> one;
    std::memcpy(one.data(), bytes.data() + i * sizeof(T), sizeof(T));
    values.push_back(std::bit_cast<T>(one));
  }
}

// Elements one by one. One that takes no byte is given one: so a count is never larger than what
// is left.
template <class Element, class Range>
void write_elements(message_writer& to, const Range& range) {
  const std::uint64_t count = static_cast<std::uint64_t>(range.size());
  to.write(count);
  for (auto&& each : range) {
    const std::size_t before = to.size();
    to.write(static_cast<const Element&>(each));
    if (to.size() == before) {
      to.write(std::byte{});
    }
  }
}
template <class Element, class Add>
void read_elements(message_reader& from, Add&& add) {
  for (std::size_t count = from.read_count(); count != 0; --count) {
    const std::size_t before = from.left();
    add(from.read<Element>());
    if (from.left() == before) {
      static_cast<void>(from.read<std::byte>());
    }
  }
}

// As the elements of a map are given on: their keys are const in the map alone.
template <class T>
struct movable_element {
  using type = T;
};
template <class K, class V>
struct movable_element<std::pair<const K, V>> {
  using type = std::pair<K, V>;
};

template <class T>
concept element_container =
    !plain_bytes<T> && std::is_default_constructible_v<T> &&
    requires(const T& value, T& made, typename movable_element<typename T::value_type>::type each) {
  { value.size() } -> std::convertible_to<std::size_t>;
  value.begin() != value.end();
  made.insert(made.end(), std::move(each));
  requires serializable<decltype(each)>;
};

// std::filesystem::path, without its header.
template <class T>
concept path_like = std::is_default_constructible_v<T> &&
    requires(const T& value, typename T::string_type text) {
  requires std::is_constructible_v<T, typename T::string_type>;
  { value.native() } -> std::same_as<const typename T::string_type&>;
};

}  // namespace detail

template <detail::plain_bytes T>
struct serializer<T> {
  static void write(message_writer& to, const T& value) { to.write_bytes(&value, sizeof(T)); }
  static T read(message_reader& from) {
    if constexpr (std::is_same_v<T, bool>) {
      return from.read<unsigned char>() != 0;
    } else {
      std::array<std::byte, sizeof(T)> bytes;
      from.read_bytes(bytes.data(), sizeof(T));
      return std::bit_cast<T>(bytes);
    }
  }
};

template <class C, class R, class A>
struct serializer<std::basic_string<C, R, A>> {
  static void write(message_writer& to, const std::basic_string<C, R, A>& value) {
    to.write_block(value.data(), value.size() * sizeof(C));
  }
  static std::basic_string<C, R, A> read(message_reader& from) {
    std::vector<C> characters;
    if constexpr (sizeof(C) == 1) {
      const std::span<const std::byte> bytes = from.read_block();
      return {reinterpret_cast<const C*>(bytes.data()), bytes.size()};
    } else {
      detail::append_block(characters, from);
      return {characters.begin(), characters.end()};
    }
  }
};

template <class T, class A>
requires serializable<T>
struct serializer<std::vector<T, A>> {
  static constexpr bool is_block =
      detail::plain_bytes<T> && !std::is_same_v<T, bool> && std::is_same_v<A, std::allocator<T>>;

  static void write(message_writer& to, const std::vector<T, A>& value) {
    if constexpr (is_block) {
      to.write_block(value.data(), value.size() * sizeof(T));
    } else {
      detail::write_elements<T>(to, value);
    }
  }
  static std::vector<T, A> read(message_reader& from) {
    std::vector<T, A> all;
    if constexpr (is_block) {
      detail::append_block(all, from);
    } else {
      detail::read_elements<T>(from, [&](T&& each) { all.push_back(std::move(each)); });
    }
    return all;
  }
};

// deque, list, set, map, their unordered and multi forms, and containers of others that are alike.
template <detail::element_container T>
struct serializer<T> {
  static void write(message_writer& to, const T& value) {
    detail::write_elements<typename T::value_type>(to, value);
  }
  static T read(message_reader& from) {
    T all;
    using element = typename detail::movable_element<typename T::value_type>::type;
    detail::read_elements<element>(
        from, [&](element&& each) { static_cast<void>(all.insert(all.end(), std::move(each))); });
    return all;
  }
};

template <class A, class B>
requires serializable<std::remove_const_t<A>> && serializable<B>
struct serializer<std::pair<A, B>> {
  static void write(message_writer& to, const std::pair<A, B>& value) {
    to.write(value.first);
    to.write(value.second);
  }
  static std::pair<A, B> read(message_reader& from) {
    return {from.read<std::remove_const_t<A>>(), from.read<B>()};  // in braces: in this order
  }
};

template <class... T>
requires(true && ... && serializable<T>) struct serializer<std::tuple<T...>> {
  static void write(message_writer& to, const std::tuple<T...>& value) {
    std::apply([&](const T&... each) { (to.write(each), ...); }, value);
  }
  static std::tuple<T...> read([[maybe_unused]] message_reader& from) {
    return std::tuple<T...>{from.read<T>()...};
  }
};

template <class T, std::size_t N>
requires(serializable<T> && !detail::plain_bytes<T>) struct serializer<std::array<T, N>> {
  static void write(message_writer& to, const std::array<T, N>& value) {
    for (const T& each : value) {
      to.write(each);
    }
  }
  static std::array<T, N> read(message_reader& from) {
    return [&]<std::size_t... I>(std::index_sequence<I...>) {
      return std::array<T, N>{(static_cast<void>(I), from.read<T>())...};
    }
    (std::make_index_sequence<N>{});
  }
};

template <class T>
requires serializable<T>
struct serializer<std::optional<T>> {
  static void write(message_writer& to, const std::optional<T>& value) {
    to.write(value.has_value());
    if (value) {
      to.write(*value);
    }
  }
  static std::optional<T> read(message_reader& from) {
    return from.read<bool>() ? std::optional<T>{from.read<T>()} : std::nullopt;
  }
};

template <class... T>
requires(true && ... && serializable<T>) struct serializer<std::variant<T...>> {
  static void write(message_writer& to, const std::variant<T...>& value) {
    to.write(static_cast<std::uint64_t>(value.index()));
    std::visit([&](const auto& each) { to.write(each); }, value);
  }
  static std::variant<T...> read(message_reader& from) {
    const auto index = from.read<std::uint64_t>();
    std::optional<std::variant<T...>> made;
    [&]<std::size_t... I>(std::index_sequence<I...>) {
      static_cast<void>(
          (false || ... ||
           (index == I && (made.emplace(std::in_place_index<I>, from.read<T>()), true))));
    }
    (std::index_sequence_for<T...>{});
    if (!made) {
      from.refuse("a variant has no such alternative");
    }
    return std::move(*made);
  }
};

template <detail::path_like T>
struct serializer<T> {
  static void write(message_writer& to, const T& value) { to.write(value.native()); }
  static T read(message_reader& from) { return T{from.read<typename T::string_type>()}; }
};

/// The elements, in shared memory when they are many: the other process maps them.
template <class T>
struct serializer<array<T>> {
  static void write(message_writer& to, const array<T>& value) {
    const std::span<const T> elements = value.host();
    to.write_block(elements.data(), elements.size_bytes());
  }
  static array<T> read(message_reader& from) {
    const detail::received_block block = detail::message_access::next_block(from);
    if (block.size % sizeof(T) != 0) {
      from.refuse("an array ends within an element");
    }
    if (block.size == 0) {
      return {};
    }
    return detail::array_access::make_array<T>(detail::message_access::take_block(from, block),
                                               block.size / sizeof(T));
  }
};

}  // namespace narke
