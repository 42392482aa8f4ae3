// The typed part of an actor with isolation::process: what its handles make instead of calls on a
// thread, and what runs in the process that has the state. A method is a pointer to a member
// function: it goes there as the place of its code, or, when it is virtual, as its place in the
// table of its class, which is the same there.
#pragma once

#include <array>
#include <bit>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <string>
#include <string_view>
#include <tuple>
#include <type_traits>
#include <utility>

#include <narke/detail/isolated_task.hpp>
#include <narke/serialize.hpp>

namespace narke::detail {

// The state of the actor that this process has.
NARKE_EXPORT void set_state_here(void* state, void (*destroy)(void* state) noexcept) noexcept;
NARKE_EXPORT void* state_here() noexcept;

/// A pointer to a member function, as the ABI has it.
struct method_words {
  std::uintptr_t function;
  std::ptrdiff_t adjustment;
};
NARKE_EXPORT void write_method(message_writer& to, const method_words& words);
NARKE_EXPORT method_words read_method(message_reader& from);

template <class Method>
struct sent_method {
  static_assert(sizeof(Method) == sizeof(method_words),
                "narke: isolation::process: pointers to members of this class have a form of their "
                "own");
  Method method;
};
template <class Method>
inline constexpr bool is_without_address<sent_method<Method>> = false;

/// An actor's object.
template <class T, class... A>
T* make_state(A&&... arguments) {
  if constexpr (std::is_constructible_v<T, A...>) {
    return new T(std::forward<A>(arguments)...);
  } else {
    return new T{std::forward<A>(arguments)...};
  }
}

/// Makes the state, there.
template <class T>
struct construct_here {
  template <class... A>
  void operator()(A&&... arguments) const {
    set_state_here(make_state<T>(std::forward<A>(arguments)...),
                   [](void* object) noexcept { delete static_cast<T*>(object); });
  }
};

/// Calls a method of the state, there.
template <class T, class Method>
struct call_here {
  template <class... A>
  decltype(auto) operator()(sent_method<Method> sent, A&&... arguments) const {
    return std::invoke(sent.method, *static_cast<T*>(state_here()), std::forward<A>(arguments)...);
  }
};

// What a constructor's argument goes as: text as a string.
template <class P>
struct sent_parameter {
  using type = P;
};
template <>
struct sent_parameter<const char*&&> {
  using type = std::string&&;
};
template <>
struct sent_parameter<char*&&> {
  using type = std::string&&;
};

/// The call of the constructor.
template <class T, class Holder, class... P>
class isolated_constructor final : public isolated_node<Holder, 0, P...> {
 public:
  template <class Source, class... A>
  explicit isolated_constructor(Source&& source, A&&... arguments)
      : isolated_constructor::isolated_node{std::forward<Source>(source),
                                            std::forward<A>(arguments)...} {}

  worker_entry entry() const noexcept override { return &run_in_worker<construct_here<T>, P...>; }
};

/// The call of a method.
template <class T, class Method, class Holder, std::size_t N, class... P>
class isolated_call final : public isolated_node<Holder, N, P...> {
 public:
  template <class Source, class... A>
  explicit isolated_call(Source&& source, A&&... arguments)
      : isolated_call::isolated_node{std::forward<Source>(source), std::forward<A>(arguments)...} {
    // Its process may have ended before it began: then it is given again, and does not count.
    this->keeps_arguments = true;
  }

  worker_entry entry() const noexcept override {
    return &run_in_worker<call_here<T, Method>, sent_method<Method>, P...>;
  }
  void write_arguments(message_writer& to) const override {
    to.write(sent_method<Method>{const_cast<Holder&>(this->holder_).get().method});
    isolated_call::isolated_node::write_arguments(to);
  }
};

}  // namespace narke::detail

template <class Method>
struct narke::serializer<narke::detail::sent_method<Method>> {
  using sent = narke::detail::sent_method<Method>;
  static void write(message_writer& to, const sent& value) {
    detail::write_method(to, std::bit_cast<detail::method_words>(value.method));
  }
  static sent read(message_reader& from) {
    return {std::bit_cast<Method>(detail::read_method(from))};
  }
};
