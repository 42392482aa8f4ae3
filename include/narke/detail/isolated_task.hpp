// The typed part of a task with isolation::process. It is made for callables whose handle was given
// options; no other task pays for it.
#pragma once

#include <cstddef>
#include <exception>
#include <functional>
#include <tuple>
#include <type_traits>
#include <utility>

#include <narke/detail/isolated_part.hpp>
#include <narke/detail/task_impl.hpp>
#include <narke/serialize.hpp>

namespace narke::detail {

template <class F>
inline constexpr bool is_stateless = std::is_empty_v<F>&& std::is_default_constructible_v<F>;

template <class P>
inline constexpr bool is_isolated_parameter = serializable<typename owned_for<P>::type>;

template <class R>
inline constexpr bool is_isolated_result = serializable<stored_result_t<R>>;
template <>
inline constexpr bool is_isolated_result<void> = true;

/// Whether calls of F with parameters P... can be made in another process.
template <class F, class... P>
inline constexpr bool can_be_isolated = (function_pointer<F> || is_stateless<F>)&&(
    true && ... && is_isolated_parameter<P>)&&is_isolated_result<std::invoke_result_t<F&, P...>>;

/// Throws std::invalid_argument that names what cannot leave this process.
template <class F, class... P>
[[noreturn]] void refuse_isolation_of() {
  if constexpr (!function_pointer<F> && !is_stateless<F>) {
    refuse_isolation("the callable", typeid(F));
  } else {
    const auto check = [](bool can, const std::type_info& type) {
      if (!can) {
        refuse_isolation("the parameter", type);
      }
    };
    (check(is_isolated_parameter<P>, typeid(typename owned_for<P>::type)), ...);
    refuse_isolation("the result", typeid(std::invoke_result_t<F&, P...>));
  }
}

// What `Owned` is read from; a view of its elements is written as they would be.
template <class Owned, class Value>
void write_as(message_writer& to, const Value& value) {
  if constexpr (std::is_same_v<Owned, Value>) {
    to.write(value);
  } else if constexpr (plain_bytes<typename Owned::value_type>) {
    to.write_block(value.data(), value.size() * sizeof(typename Owned::value_type));
  } else {
    write_elements<typename Owned::value_type>(to, value);
  }
}

template <class P>
void write_argument(message_writer& to, const argument<P>& given) {
  given.visit_value([&](const auto& value) { write_as<typename owned_for<P>::type>(to, value); });
}

template <class F>
F function_of(const worker_call& call) {
  if constexpr (function_pointer<F>) {
    return reinterpret_cast<F>(call.function());
  } else {
    return F{};
  }
}

/// What runs in the worker process.
template <class F, class... P>
void run_in_worker(worker_call& call) {
  F function = function_of<F>(call);
  message_reader& from = call.arguments();
  static_cast<void>(from);
  // In braces: read in the order in which they were written.
  std::tuple<argument<P>...> arguments{
      argument<P>(serializer<typename owned_for<P>::type>::read(from))...};
  call.start();
  const auto invoke = [&]() -> decltype(auto) {
    return std::apply(
        [&](auto&... each) -> decltype(auto) {
          (each.prepare(), ...);
          return std::invoke(function, each.deliver()...);
        },
        arguments);
  };
  if constexpr (std::is_void_v<std::invoke_result_t<F&, P...>>) {
    invoke();
  } else {
    using stored = stored_result_t<std::invoke_result_t<F&, P...>>;
    call.result().write(to_stored<stored>(invoke()));
  }
}

/// What tasks and methods in other processes have in common, in this one.
template <class Holder, std::size_t N, class... P>
class isolated_node : public typed_task<task_place::cpu, Holder,
                                        typename results_of_call<Holder, N, P...>::type, P...>,
                      public isolated_part {
  using result = std::invoke_result_t<std::remove_const_t<held_function<Holder>>&, P...>;

 public:
  /// The worker gets copies, whatever the parameters.
  static constexpr bool is_repeatable = true;

  void invoke() noexcept override {
    // The arguments stay as they were, for another attempt.
    this->invoke_with(false, [this] { run_isolated(*this, *this); });
  }
  code_address function() const noexcept override { return nullptr; }
  void write_arguments(message_writer& to) const override {
    std::apply([&](const auto&... each) { (write_argument<P>(to, each), ...); }, this->arguments_);
  }
  void read_result(message_reader& from) override {
    const auto check_end = [&from] {
      if (from.left() != 0) {
        from.refuse("the result has more bytes than its type");
      }
    };
    this->results_.set_from([&] {
      if constexpr (std::is_void_v<result>) {
        check_end();
      } else {
        auto value = from.read<stored_result_t<result>>();
        check_end();
        return value;
      }
    });
  }

 protected:
  template <class Source, class... A>
  explicit isolated_node(Source&& source, A&&... arguments)
      : isolated_node::typed_task{std::forward<Source>(source), std::forward<A>(arguments)...} {}
  ~isolated_node() override = default;
};

template <class Holder, std::size_t N, class... P>
class isolated_task final : public isolated_node<Holder, N, P...> {
  using function_type = std::remove_const_t<held_function<Holder>>;

 public:
  template <class Source, class... A>
  explicit isolated_task(Source&& source, A&&... arguments)
      : isolated_task::isolated_node{std::forward<Source>(source), std::forward<A>(arguments)...} {}

  worker_entry entry() const noexcept override { return &run_in_worker<function_type, P...>; }
  code_address function() const noexcept override {
    if constexpr (function_pointer<function_type>) {
      return reinterpret_cast<code_address>(const_cast<Holder&>(this->holder_).get());
    } else {
      return nullptr;
    }
  }
};

}  // namespace narke::detail
