// The typed part of a GPU task: as task_impl, but its body is called when the task is submitted to
// its device, by the steps of gpu_part, and perhaps once more when it ran out of device memory.
#pragma once

#include <cstddef>
#include <exception>
#include <functional>
#include <tuple>
#include <type_traits>
#include <utility>

#include <narke/detail/gpu_body.hpp>
#include <narke/detail/gpu_part.hpp>
#include <narke/detail/task_impl.hpp>
#include <narke/gpu_context.hpp>

namespace narke::detail {

template <class Parameters>
struct is_gpu_parameter_list : std::false_type {};
template <class... P>
struct is_gpu_parameter_list<parameter_list<gpu_context&, P...>> : std::true_type {};
/// A GPU task by its declared parameters.
template <class F>
concept gpu_callable =
    has_declared_parameters<F> && is_gpu_parameter_list<typename parameters_of<F>::type>::value;

/// Whether a body that ended by an exception may be called again with the same arguments: what is
/// called has no state that it can have changed.
template <class F, class... P>
inline constexpr bool is_repeatable = std::is_invocable_v<const F&, P...>;

/// A task that calls what Holder holds with a gpu_context& and parameters P..., and makes N results
/// (0: one).
template <class Holder, std::size_t N, class... P>
class gpu_task_impl final
    : public typed_task<task_place::gpu, Holder,
                        typename results_of_call<Holder, N, gpu_context&, P...>::type, P...>,
      public gpu_part {
  static_assert(!gpu_task_impl::makes_stream,
                "narke: a GPU task cannot yield: its body only enqueues work. Return arrays");

 public:
  template <class Source, class... A>
  explicit gpu_task_impl(Source&& source, A&&... arguments)
      : gpu_task_impl::typed_task{std::forward<Source>(source), std::forward<A>(arguments)...},
        callable_id_{id_of(this->holder_.get())} {
    this->gpu = this;
  }

  void invoke() noexcept override { std::terminate(); }

  void prepare_inputs(visit_input visit, void* context) override {
    std::apply(
        [&](auto&... each) {
          (each.prepare(), ...);
          (each.visit_gpu_input(visit, context), ...);
        },
        this->arguments_);
  }
  void run_body(gpu_context& device) noexcept override {
    const gpu_body_scope in_body;
    try {
      this->results_.set_from([&]() -> decltype(auto) { return call(device); });
    } catch (...) {
      this->set_error(std::current_exception());
    }
  }
  bool try_rewind() noexcept override {
    if (!is_repeatable<held_function<Holder>, gpu_context&, P...> || is_ordered() ||
        !std::apply([](const auto&... each) { return (true && ... && each.can_deliver_again()); },
                    this->arguments_)) {
      return false;
    }
    this->results_.clear();
    return true;
  }
  void let_go_inputs() noexcept override { this->let_go(); }
  std::exception_ptr failed_input() const override { return this->first_failed_argument(); }
  const void* callable_id() const noexcept override { return callable_id_; }

 private:
  decltype(auto) call(gpu_context& device) {
    return std::apply(
        [&](auto&... each) -> decltype(auto) {
          return std::invoke(this->holder_.get(), device, each.deliver(&device)...);
        },
        this->arguments_);
  }
  // A function's address; of other callables their type's.
  template <class F>
  static const void* id_of(const F& function) noexcept {
    static constexpr char of_type = 0;
    if constexpr (function_pointer<F>) {
      return reinterpret_cast<const void*>(function);
    } else {
      return &of_type;
    }
  }

  const void* const callable_id_;
};

}  // namespace narke::detail
