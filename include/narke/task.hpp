// task: makes a callable remote. A handle is a value: copy it, call remote on it from any thread. A
// callable whose first parameter is a gpu_context& is a GPU task: see gpu_context.hpp.
#pragma once

#include <cstddef>
#include <functional>
#include <type_traits>
#include <utility>

#include <narke/detail/callable.hpp>
#include <narke/detail/either_argument.hpp>
#include <narke/detail/gpu_task_impl.hpp>
#include <narke/detail/isolated_task.hpp>
#include <narke/detail/task_impl.hpp>
#include <narke/detail/task_info_ref.hpp>
#include <narke/options.hpp>

namespace narke {

namespace detail {

template <std::size_t N, class F, class... P, class... A>
auto launch_task(const callable_source<F>& source, const task_info* info,
                 const source_location& location, parameter_list<P...>, A&&... arguments) {
  using holder = typename callable_source<F>::template holder<P...>;
  using node = task_impl<holder, N, P...>;
  submission permit{info, node::is_repeatable};
  auto* made = new node{source.template source<holder>(), std::forward<A>(arguments)...};
  permit.pass_on();
  return launch(made, info, location);
}

// The same in a process of its own.
template <std::size_t N, class F, class... P, class... A>
auto launch_isolated(const callable_source<F>& source, const task_info* info,
                     const source_location& location, parameter_list<P...>, A&&... arguments) {
  using holder = typename callable_source<F>::template holder<P...>;
  using node = isolated_task<holder, N, P...>;
  submission permit{info, node::is_repeatable};
  auto* made = new node{source.template source<holder>(), std::forward<A>(arguments)...};
  permit.pass_on();
  return launch(made, info, location);
}

// How the tasks of a handle are isolated: made only where options are given, as it costs code.
template <class F, std::size_t N, class Parameters>
struct isolated_launch;
template <class F, std::size_t N, class... P>
struct isolated_launch<F, N, parameter_list<P...>> {
  using holder = typename callable_source<F>::template holder<P...>;
  using refs = typename task_impl<holder, N, P...>::refs;
  using function = refs (*)(const callable_source<F>& source, const task_info* info,
                            const source_location& location, argument<P>... arguments);

  static refs launch(const callable_source<F>& source, const task_info* info,
                     const source_location& location, argument<P>... arguments) {
    return launch_isolated<N>(source, info, location, parameter_list<P...>{},
                              std::move(arguments)...);
  }
  /// Null when the options do not ask for it. Throws std::invalid_argument when they do, and it
  /// cannot be.
  static code_address wanted_by(const task_info_ref& info) {
    if (!is_isolated(info.get())) {
      return nullptr;
    }
    if constexpr (can_be_isolated<F, P...>) {
      return reinterpret_cast<code_address>(&launch);
    } else {
      refuse_isolation_of<F, P...>();
    }
  }
};

// The parameters after the gpu_context&.
template <std::size_t N, class F, class... P, class... A>
auto launch_gpu_task(const callable_source<F>& source, const task_info* info,
                     const source_location& location, parameter_list<P...>, A&&... arguments) {
  using holder = typename callable_source<F>::template holder<gpu_context&, P...>;
  using node = gpu_task_impl<holder, N, P...>;
  submission permit{info, node::is_repeatable};
  auto* made = new node{source.template source<holder>(), std::forward<A>(arguments)...};
  permit.pass_on();
  return launch(made, info, location);
}

/// Whether a task is better run by its GPU implementation, with what it asks of the GPU and the
/// refs among its arguments. False without a GPU.
[[nodiscard]] NARKE_EXPORT bool gpu_is_the_better_place(const task_info& gpu_info,
                                                        const result_slot* const* inputs,
                                                        std::size_t count) noexcept;

}  // namespace detail

template <class Cpu, class Gpu, std::size_t N, class CpuParameters, class GpuParameters>
class two_way_function;

/// A callable whose parameters are known: arguments are converted to them when `remote` is called.
template <class F, std::size_t N, class Parameters>
class remote_function;

template <class F, std::size_t N, class... P>
class remote_function<F, N, detail::parameter_list<P...>> {
  static_assert(detail::check_no_context<P...>());

  using isolated_launch = detail::isolated_launch<F, N, detail::parameter_list<P...>>;

 public:
  remote_function(detail::callable_source<F> source, detail::task_info_ref info,
                  detail::code_address isolated = nullptr)
      : source_{std::move(source)}, info_{std::move(info)}, isolated_{isolated} {}

  /// Submits a task and returns at once with the ref to its result, or with N refs. Throws
  /// infeasible_request when this machine can never meet its options, task_cancelled_error while
  /// the runtime shuts down, narke::error after an explicit shutdown, std::invalid_argument for an
  /// empty ref, or when max_retries is set and an argument cannot be given twice (a move-only
  /// value, an array_builder), pending_limit_error, and what converting the arguments throws. Any
  /// thread.
  auto remote(detail::argument<P>... arguments,
              source_location location = source_location::current()) const {
    if (isolated_ != nullptr) [[unlikely]] {
      return reinterpret_cast<typename isolated_launch::function>(isolated_)(
          source_, info_.get(), location, std::move(arguments)...);
    }
    return detail::launch_task<N>(source_, info_.get(), location, detail::parameter_list<P...>{},
                                  std::move(arguments)...);
  }
  /// The same callable with these options and no others. Throws as task().
  remote_function options(const task_options& replaced) const {
    detail::task_info_ref info{replaced};
    const detail::code_address isolated = isolated_launch::wanted_by(info);
    return {source_, std::move(info), isolated};
  }
  /// The same callable, whose tuple, pair or array of M elements becomes M refs. They share
  /// failure, not lifetime.
  template <std::size_t M>
  remote_function<F, M, detail::parameter_list<P...>> num_returns() const {
    using launch = detail::isolated_launch<F, M, detail::parameter_list<P...>>;
    return {source_, info_, isolated_ != nullptr ? launch::wanted_by(info_) : nullptr};
  }
  /// A task with two implementations: this, and `gpu_function`, a GPU task with these options that
  /// takes the same arguments and returns the same. Each call of remote takes the one that promises
  /// to be done first; without a GPU, this.
  template <class Gpu>
  auto with_gpu(Gpu&& gpu_function, const task_options& options = {}) const {
    using callable = std::decay_t<Gpu>;
    static_assert(detail::gpu_callable<callable>,
                  "narke: with_gpu takes a callable whose first parameter is narke::gpu_context&");
    using parameters = typename detail::parameters_of<callable>::type;
    if (isolated_ != nullptr) {
      detail::refuse_isolation("one of two implementations,", typeid(F));
    }
    return two_way_function<F, callable, N, detail::parameter_list<P...>, parameters>{
        source_, info_, detail::callable_source<callable>{std::forward<Gpu>(gpu_function)},
        detail::task_info_ref{options, detail::task_place::gpu}};
  }

 private:
  detail::callable_source<F> source_;
  detail::task_info_ref info_;
  detail::code_address isolated_ = nullptr;  // null: its tasks run on threads
};

/// A GPU task. Its body is called on the host when the task is submitted to its device; the results
/// are there when the stream has got to the end of what the body enqueued.
template <class F, std::size_t N, class... P>
class remote_function<F, N, detail::parameter_list<gpu_context&, P...>> {
 public:
  remote_function(detail::callable_source<F> source, detail::task_info_ref info)
      : source_{std::move(source)}, info_{std::move(info)} {}

  /// As of a CPU task.
  auto remote(detail::argument<P, detail::task_place::gpu>... arguments,
              source_location location = source_location::current()) const {
    return detail::launch_gpu_task<N>(source_, info_.get(), location,
                                      detail::parameter_list<P...>{}, std::move(arguments)...);
  }
  /// The same callable with these options and no others.
  remote_function options(const task_options& replaced) const {
    return {source_, detail::task_info_ref{replaced, detail::task_place::gpu}};
  }
  /// The same callable, whose tuple, pair or array of M elements becomes M refs.
  template <std::size_t M>
  remote_function<F, M, detail::parameter_list<gpu_context&, P...>> num_returns() const {
    return {source_, info_};
  }

 private:
  detail::callable_source<F> source_;
  detail::task_info_ref info_;
};

/// A CPU implementation and one for GPUs, behind one handle.
template <class Cpu, class Gpu, std::size_t N, class... P, class... Q>
class two_way_function<Cpu, Gpu, N, detail::parameter_list<P...>,
                       detail::parameter_list<gpu_context&, Q...>> {
  static_assert(sizeof...(P) == sizeof...(Q),
                "narke: with_gpu: both implementations take the same number of arguments, the "
                "gpu_context& not counted");
  using cpu_result = detail::stored_result_t<std::invoke_result_t<Cpu&, P...>>;
  using gpu_result = detail::stored_result_t<std::invoke_result_t<Gpu&, gpu_context&, Q...>>;
  static_assert(std::is_same_v<cpu_result, gpu_result>,
                "narke: with_gpu: both implementations return the same type, where an "
                "array_builder counts as the array that it becomes");

 public:
  two_way_function(detail::callable_source<Cpu> cpu, detail::task_info_ref cpu_info,
                   detail::callable_source<Gpu> gpu, detail::task_info_ref gpu_info)
      : cpu_{std::move(cpu)},
        cpu_info_{std::move(cpu_info)},
        gpu_{std::move(gpu)},
        gpu_info_{std::move(gpu_info)} {}

  /// As of either; the results may come from either.
  auto remote(detail::either_argument<P, Q>... arguments,
              source_location location = source_location::current()) const {
    detail::check_can_submit(nullptr);
    detail::input_list inputs;
    (arguments.add_inputs(inputs), ...);
    if (detail::gpu_is_the_better_place(*gpu_info_.get(), inputs.slots.data(), inputs.count)) {
      return detail::launch_gpu_task<N>(gpu_, gpu_info_.get(), location,
                                        detail::parameter_list<Q...>{}, arguments.for_gpu()...);
    }
    return detail::launch_task<N>(cpu_, cpu_info_.get(), location, detail::parameter_list<P...>{},
                                  arguments.for_cpu()...);
  }
  /// The same pair, the CPU implementation with these options and no others.
  two_way_function options(const task_options& replaced) const {
    return {cpu_, detail::task_info_ref{replaced}, gpu_, gpu_info_};
  }
  template <std::size_t M>
  two_way_function<Cpu, Gpu, M, detail::parameter_list<P...>,
                   detail::parameter_list<gpu_context&, Q...>>
  num_returns() const {
    return {cpu_, cpu_info_, gpu_, gpu_info_};
  }

 private:
  detail::callable_source<Cpu> cpu_;
  detail::task_info_ref cpu_info_;
  detail::callable_source<Gpu> gpu_;
  detail::task_info_ref gpu_info_;
};

/// A callable with a template or several signatures: it receives a ref's value as const U&, a
/// vector of refs as it is, and everything else as its own. It is a GPU task when it can be called
/// only with a gpu_context& before these; arrays are then device_spans, where it takes them so.
template <class F, std::size_t N>
class generic_remote_function {
 public:
  generic_remote_function(detail::callable_source<F> source, detail::either_info info)
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
    return {source_, detail::either_info{replaced}};
  }
  template <std::size_t M>
  generic_remote_function<F, M> num_returns() const {
    return {source_, info_};
  }

 private:
  template <class... A>
  auto launch(const source_location& location, A&&... arguments) const {
    using parameters = detail::parameter_list<detail::generic_parameter_t<A>...>;
    if constexpr (std::is_invocable_v<F&, detail::generic_parameter_t<A>...>) {
      if (detail::is_isolated(info_.for_cpu())) [[unlikely]] {
        return launch_isolated(location, parameters{}, std::forward<A>(arguments)...);
      }
      return detail::launch_task<N>(source_, info_.for_cpu(), location, parameters{},
                                    std::forward<A>(arguments)...);
    } else if constexpr (std::is_invocable_v<F&, gpu_context&, detail::gpu_parameter_t<A>...>) {
      return detail::launch_gpu_task<N>(source_, info_.for_gpu(), location,
                                        detail::parameter_list<detail::gpu_parameter_t<A>...>{},
                                        std::forward<A>(arguments)...);
    } else if constexpr (std::is_invocable_v<F&, gpu_context&, detail::generic_parameter_t<A>...>) {
      return detail::launch_gpu_task<N>(source_, info_.for_gpu(), location, parameters{},
                                        std::forward<A>(arguments)...);
    } else {
      return detail::launch_task<N>(source_, info_.for_cpu(), location, parameters{},
                                    std::forward<A>(arguments)...);  // which says what is wrong
    }
  }

  template <class... P, class... A>
  auto launch_isolated(const source_location& location, detail::parameter_list<P...> parameters,
                       A&&... arguments) const {
    if constexpr (detail::can_be_isolated<F, P...>) {
      return detail::launch_isolated<N>(source_, info_.for_cpu(), location, parameters,
                                        std::forward<A>(arguments)...);
    } else {
      detail::refuse_isolation_of<F, P...>();
      // Never reached; says what it would have returned.
      return detail::launch_task<N>(source_, info_.for_cpu(), location, parameters,
                                    std::forward<A>(arguments)...);
    }
  }

  detail::callable_source<F> source_;
  detail::either_info info_;
};

/// Makes `function` remote: a function pointer, lambda, function object or std::function. A
/// callable that can be called as const is shared by its tasks; a mutable one is copied for each.
/// Throws std::invalid_argument for bad options.
template <class F>
auto task(F&& function, const task_options& options) {
  using callable = std::decay_t<F>;
  if constexpr (detail::has_declared_parameters<callable>) {
    using parameters = typename detail::parameters_of<callable>::type;
    constexpr auto place =
        detail::gpu_callable<callable> ? detail::task_place::gpu : detail::task_place::cpu;
    detail::task_info_ref info{options, place};
    detail::callable_source<callable> source{std::forward<F>(function)};
    if constexpr (place == detail::task_place::cpu) {
      const detail::code_address isolated =
          detail::isolated_launch<callable, 0, parameters>::wanted_by(info);
      return remote_function<callable, 0, parameters>{std::move(source), std::move(info), isolated};
    } else {
      return remote_function<callable, 0, parameters>{std::move(source), std::move(info)};
    }
  } else {
    detail::either_info info{options};
    return generic_remote_function<callable, 0>{
        detail::callable_source<callable>{std::forward<F>(function)}, std::move(info)};
  }
}
template <class F>
auto task(F&& function) {
  using callable = std::decay_t<F>;
  detail::callable_source<callable> source{std::forward<F>(function)};
  if constexpr (detail::gpu_callable<callable>) {
    using parameters = typename detail::parameters_of<callable>::type;
    return remote_function<callable, 0, parameters>{
        std::move(source), detail::task_info_ref{detail::default_gpu_info()}};
  } else if constexpr (detail::has_declared_parameters<callable>) {
    using parameters = typename detail::parameters_of<callable>::type;
    return remote_function<callable, 0, parameters>{std::move(source), detail::task_info_ref{}};
  } else {
    return generic_remote_function<callable, 0>{std::move(source), detail::either_info{}};
  }
}

}  // namespace narke
