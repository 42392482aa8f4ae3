// What a callable takes and returns, and how its tasks hold it.
#pragma once

#include <array>
#include <cstddef>
#include <functional>
#include <memory>
#include <new>
#include <tuple>
#include <type_traits>
#include <utility>

#include <narke/export.hpp>

namespace narke::detail {

template <class... P>
struct parameter_list {
  static constexpr std::size_t size = sizeof...(P);
};

// The declared parameters of a callable that has one signature.
template <class F>
struct declared_parameters {};

#define NARKE_DECLARED_PARAMETERS(CV, NOEXCEPT)            \
  template <class R, class C, class... P>                  \
  struct declared_parameters<R (C::*)(P...) CV NOEXCEPT> { \
    using call_operator = parameter_list<P...>;            \
    using member_function = parameter_list<P...>;          \
    using object = C;                                      \
    using result = R;                                      \
  };
NARKE_DECLARED_PARAMETERS(, )
NARKE_DECLARED_PARAMETERS(, noexcept)
NARKE_DECLARED_PARAMETERS(const, )
NARKE_DECLARED_PARAMETERS(const, noexcept)
NARKE_DECLARED_PARAMETERS(&, )
NARKE_DECLARED_PARAMETERS(&, noexcept)
NARKE_DECLARED_PARAMETERS(const&, )
NARKE_DECLARED_PARAMETERS(const&, noexcept)
#undef NARKE_DECLARED_PARAMETERS

template <class R, class... P>
struct declared_parameters<R (*)(P...)> {
  using function = parameter_list<P...>;
};
template <class R, class... P>
struct declared_parameters<R (*)(P...) noexcept> {
  using function = parameter_list<P...>;
};

template <class F>
concept function_pointer = requires {
  typename declared_parameters<F>::function;
};
template <class F>
concept single_signature = requires {
  typename declared_parameters<decltype(&F::operator())>::call_operator;
};

template <class F>
struct parameters_of {};
template <function_pointer F>
struct parameters_of<F> {
  using type = typename declared_parameters<F>::function;
};
template <single_signature F>
struct parameters_of<F> {
  using type = typename declared_parameters<decltype(&F::operator())>::call_operator;
};

template <class F>
concept has_declared_parameters = requires {
  typename parameters_of<F>::type;
};

/// Throws std::invalid_argument: there is no function to call.
[[noreturn]] NARKE_EXPORT void throw_null_function();

/// A callable so small and plain that each task has a copy of its own.
template <class F>
inline constexpr bool is_plain_callable = std::is_trivially_copyable_v<F> && sizeof(F) <= 64;

/// A task's own copy of its callable.
template <class F>
class owned_callable {
 public:
  explicit owned_callable(const F& function) { ::new (static_cast<void*>(storage_)) F(function); }
  owned_callable(const owned_callable&) = delete;
  owned_callable& operator=(const owned_callable&) = delete;
  ~owned_callable() { let_go(); }
  F& get() noexcept { return *std::launder(reinterpret_cast<F*>(storage_)); }
  void let_go() noexcept {
    if constexpr (!is_trivial) {
      if (std::exchange(there_.is, false)) {
        std::destroy_at(std::addressof(get()));
      }
    }
  }

 private:
  static constexpr bool is_trivial = std::is_trivially_destructible_v<F>;
  struct always_there {};
  struct maybe_there {
    bool is = true;
  };

  alignas(F) std::byte storage_[sizeof(F)];
  [[no_unique_address]] std::conditional_t<is_trivial, always_there, maybe_there> there_;
};

/// A callable that the tasks of a handle share: called as const, or one that cannot be copied.
template <class F>
class shared_callable {
 public:
  explicit shared_callable(std::shared_ptr<F> function) noexcept : function_{std::move(function)} {}
  F& get() noexcept { return *function_; }
  void let_go() noexcept { function_.reset(); }

 private:
  std::shared_ptr<F> function_;
};

/// A handle's callable, from which each task gets its own. A callable that can be called as const
/// is shared by its tasks, however much it captures; a mutable one is copied for each task.
template <class F>
class callable_source {
 public:
  template <class G>
  explicit callable_source(G&& function) : function_{make(std::forward<G>(function))} {
    if constexpr (std::is_pointer_v<F> || std::is_member_pointer_v<F>) {
      if (function_ == nullptr) {
        throw_null_function();
      }
    }
  }

  /// What a task with arguments of types P... calls.
  template <class... P>
  using holder = std::conditional_t<
      is_plain_callable<F>, owned_callable<F>,
      std::conditional_t<std::is_invocable_v<const F&, P...>, shared_callable<const F>,
                         std::conditional_t<std::is_copy_constructible_v<F>, owned_callable<F>,
                                            shared_callable<F>>>>;

  /// What the holder of type Holder is made from.
  template <class Holder>
  decltype(auto) source() const {
    if constexpr (is_plain_callable<F>) {
      return static_cast<const F&>(function_);
    } else if constexpr (std::is_same_v<Holder, owned_callable<F>>) {
      return static_cast<const F&>(*function_);
    } else {
      return static_cast<const std::shared_ptr<F>&>(function_);
    }
  }

 private:
  template <class G>
  static auto make(G&& function) {
    if constexpr (is_plain_callable<F>) {
      return F(std::forward<G>(function));
    } else {
      return std::make_shared<F>(std::forward<G>(function));
    }
  }

  std::conditional_t<is_plain_callable<F>, F, std::shared_ptr<F>> function_;
};

}  // namespace narke::detail
