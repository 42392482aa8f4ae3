// task: makes a callable remote. A handle is a value: copy it, call remote on it from any thread.
#pragma once

#include <cstddef>
#include <functional>
#include <type_traits>
#include <utility>

#include <narke/detail/callable.hpp>
#include <narke/detail/task_impl.hpp>
#include <narke/detail/task_info_ref.hpp>
#include <narke/options.hpp>

namespace narke {

namespace detail {

template <std::size_t N, class F, class... P, class... A>
auto launch_task(const callable_source<F>& source, const task_info_ref& info,
                 const source_location& location, parameter_list<P...>, A&&... arguments) {
  using holder = typename callable_source<F>::template holder<P...>;
  using node = task_impl<holder, N, P...>;
  check_can_submit(info.get());
  return launch(new node{source.template source<holder>(), std::forward<A>(arguments)...},
                info.get(), location);
}

}  // namespace detail

/// A callable whose parameters are known: arguments are converted to them when `remote` is called.
template <class F, std::size_t N, class Parameters>
class remote_function;

template <class F, std::size_t N, class... P>
class remote_function<F, N, detail::parameter_list<P...>> {
 public:
  remote_function(detail::callable_source<F> source, detail::task_info_ref info)
      : source_{std::move(source)}, info_{std::move(info)} {}

  /// Submits a task and returns at once with the ref to its result, or with N refs. Throws
  /// infeasible_request when this machine can never meet its options, task_cancelled_error while
  /// the runtime shuts down, narke::error after an explicit shutdown, std::invalid_argument for an
  /// empty ref, and what converting the arguments throws. Any thread.
  auto remote(detail::argument<P>... arguments,
              source_location location = source_location::current()) const {
    return detail::launch_task<N>(source_, info_, location, detail::parameter_list<P...>{},
                                  std::move(arguments)...);
  }
  /// The same callable with these options and no others.
  remote_function options(const task_options& replaced) const {
    return {source_, detail::task_info_ref{replaced}};
  }
  /// The same callable, whose tuple, pair or array of M elements becomes M refs. They share
  /// failure, not lifetime.
  template <std::size_t M>
  remote_function<F, M, detail::parameter_list<P...>> num_returns() const {
    return {source_, info_};
  }

 private:
  detail::callable_source<F> source_;
  detail::task_info_ref info_;
};

/// A callable with a template or several signatures: it receives a ref's value as const U&, a
/// vector of refs as it is, and everything else as its own.
template <class F, std::size_t N>
class generic_remote_function {
 public:
  generic_remote_function(detail::callable_source<F> source, detail::task_info_ref info)
      : source_{std::move(source)}, info_{std::move(info)} {}

  // One overload an arity: a source_location cannot stand after a deduced pack.
  auto remote(source_location location = source_location::current()) const {
    return launch(location);
  }
  template <class A>
  auto remote(A&& a, source_location location = source_location::current()) const {
    return launch(location, std::forward<A>(a));
  }
  template <class A, class B>
  auto remote(A&& a, B&& b, source_location location = source_location::current()) const {
    return launch(location, std::forward<A>(a), std::forward<B>(b));
  }
  template <class A, class B, class C>
  auto remote(A&& a, B&& b, C&& c, source_location location = source_location::current()) const {
    return launch(location, std::forward<A>(a), std::forward<B>(b), std::forward<C>(c));
  }
  template <class A, class B, class C, class D>
  auto remote(A&& a, B&& b, C&& c, D&& d,
              source_location location = source_location::current()) const {
    return launch(location, std::forward<A>(a), std::forward<B>(b), std::forward<C>(c),
                  std::forward<D>(d));
  }
  template <class A, class B, class C, class D, class E, class... Rest>
  auto remote(A&& a, B&& b, C&& c, D&& d, E&& e, Rest&&... rest) const {
    return launch(source_location{}, std::forward<A>(a), std::forward<B>(b), std::forward<C>(c),
                  std::forward<D>(d), std::forward<E>(e), std::forward<Rest>(rest)...);
  }

  generic_remote_function options(const task_options& replaced) const {
    return {source_, detail::task_info_ref{replaced}};
  }
  template <std::size_t M>
  generic_remote_function<F, M> num_returns() const {
    return {source_, info_};
  }

 private:
  template <class... A>
  auto launch(const source_location& location, A&&... arguments) const {
    return detail::launch_task<N>(source_, info_, location,
                                  detail::parameter_list<detail::generic_parameter_t<A>...>{},
                                  std::forward<A>(arguments)...);
  }

  detail::callable_source<F> source_;
  detail::task_info_ref info_;
};

/// Makes `function` remote: a function pointer, lambda, function object or std::function. A
/// callable that can be called as const is shared by its tasks; a mutable one is copied for each.
/// Throws std::invalid_argument for bad options.
template <class F>
auto task(F&& function, const task_options& options) {
  using callable = std::decay_t<F>;
  detail::task_info_ref info{options};
  detail::callable_source<callable> source{std::forward<F>(function)};
  if constexpr (detail::has_declared_parameters<callable>) {
    using parameters = typename detail::parameters_of<callable>::type;
    return remote_function<callable, 0, parameters>{std::move(source), std::move(info)};
  } else {
    return generic_remote_function<callable, 0>{std::move(source), std::move(info)};
  }
}
template <class F>
auto task(F&& function) {
  using callable = std::decay_t<F>;
  detail::callable_source<callable> source{std::forward<F>(function)};
  if constexpr (detail::has_declared_parameters<callable>) {
    using parameters = typename detail::parameters_of<callable>::type;
    return remote_function<callable, 0, parameters>{std::move(source), detail::task_info_ref{}};
  } else {
    return generic_remote_function<callable, 0>{std::move(source), detail::task_info_ref{}};
  }
}

}  // namespace narke
