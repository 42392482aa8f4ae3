// Coroutine tasks. A callable that returns narke::co_task<T> is a task whose ref is an
// object_ref<T>, and whose body waits by co_await:
//
//   narke::co_task<int> sum(int n) {
//     auto child = narke::task(sum).remote(n - 1);   // a task
//     int own = co_await work(n);                    // another co_task, run as a part of this task
//     co_return own + co_await child;                // holds no thread and no CPU meanwhile
//   }
//
// co_await in such a body takes
//   an object_ref         and gives what get gives: const T& of an lvalue, valid while that lives;
//                         the value of an rvalue, moved when it is the last ref, else copied
//   a vector of refs      the vector of their values, in input order
//   a co_task, an rvalue  what that returns. It is a part of this task: it begins here, and shares
//                         its CPU, its options and its end
// and throws what the awaited failed by, std::invalid_argument for an empty ref, deadlock_error as
// get does. A ref that is ready is taken without suspending; a task that nobody has begun may be
// run in place. While the coroutine is suspended the task holds no CPU, but its GPUs, its custom
// resources, and its arguments, which live until the body has ended. It goes on by a worker, as
// soon as one is free, often another than before: thread_local variables and locks are not for a
// body with co_await.
//
// Cancelling the task, its timeout, and shutdown throw task_cancelled_error at the co_await where
// it is suspended, at once, and at each later one. With retries each attempt begins by calling the
// callable again.
//
// Methods of actors, GPU tasks and tasks with isolation::process are no coroutines: the first two
// do not compile, the last throws std::invalid_argument. co_await of an object_ref stands in a
// co_task alone.
//
// g++ 12 compiles some expressions with co_await wrongly, or not at all, whatever is awaited: one
// with a braced list or braced options in it, and co_await in a branch of ?:. Give the ref a name
// first: auto child = f.options({.num_cpus = 2}).remote(x); co_await child; It also aligns no local
// and no parameter of a coroutine to more than 64 bytes, whatever their type asks for.
#pragma once

#include <coroutine>
#include <cstddef>
#include <exception>
#include <functional>
#include <memory>
#include <optional>
#include <tuple>
#include <type_traits>
#include <utility>
#include <vector>

#include <narke/detail/co_part.hpp>
#include <narke/detail/node_memory.hpp>
#include <narke/detail/task_impl.hpp>
#include <narke/detail/task_results.hpp>
#include <narke/get.hpp>
#include <narke/object_ref.hpp>

namespace narke {

template <class T>
class co_task;

namespace detail {

template <class T>
inline constexpr bool is_never = false;

template <class T>
struct co_task_value {};
template <class T>
struct co_task_value<co_task<T>> {
  using type = T;
};
template <class R>
concept is_co_task = requires {
  typename co_task_value<std::remove_cvref_t<R>>::type;
};

/// co_await of one ref. GivesUp: of an rvalue.
template <class T, bool GivesUp>
class ref_awaiter {
 public:
  using ref_type = std::conditional_t<GivesUp, object_ref<T>, const object_ref<T>>;

  ref_awaiter(co_part& part, ref_type& ref) noexcept : part_{part}, ref_{ref} {}

  bool await_ready() {
    if (part_.is_stopped) [[unlikely]] {
      return true;
    }
    check_may_wait("co_await");
    return part_.is_there(ref_access::checked(ref_, "co_await"), GivesUp);
  }
  void await_suspend(std::coroutine_handle<>) {
    part_.suspend({&ref_, 1,
                   [](const void* ref, std::size_t) {
                     return ref_access::slot(*static_cast<const object_ref<T>*>(ref));
                   }},
                  0);
  }
  decltype(auto) await_resume() {
    part_.end_wait();
    ref_access::slot(ref_)->throw_if_failed();
    if constexpr (GivesUp) {
      return take(ref_);
    } else if constexpr (!std::is_void_v<T>) {
      return ready_value(ref_);
    }
  }

 private:
  co_part& part_;
  ref_type& ref_;
};

/// co_await of a vector of refs.
template <class T, bool GivesUp>
class refs_awaiter {
 public:
  using refs_type =
      std::conditional_t<GivesUp, std::vector<object_ref<T>>, const std::vector<object_ref<T>>>;

  refs_awaiter(co_part& part, refs_type& refs) noexcept : part_{part}, refs_{refs} {}

  bool await_ready() {
    if (part_.is_stopped) [[unlikely]] {
      return true;
    }
    check_may_wait("co_await");
    check_no_empty_ref(refs_, "co_await");
    return part_.are_there(slots_of(refs_), first_);
  }
  void await_suspend(std::coroutine_handle<>) { part_.suspend(slots_of(refs_), first_); }
  auto await_resume() {
    part_.end_wait();
    for (const object_ref<T>& ref : refs_) {
      ref_access::slot(ref)->throw_if_failed();
    }
    if constexpr (GivesUp) {
      return take_all(refs_);
    } else if constexpr (!std::is_void_v<T>) {
      static_assert(is_copyable<T>,
                    "narke: co_await: a list of refs to move-only values is given up: co_await "
                    "std::move(refs)");
      std::vector<T> all;
      all.reserve(refs_.size());
      for (const object_ref<T>& ref : refs_) {
        all.push_back(ready_value(ref));
      }
      return all;
    }
  }

 private:
  co_part& part_;
  refs_type& refs_;
  std::size_t first_ = 0;
};

/// What co_return left, until it is taken.
template <class T>
class co_result {
 public:
  template <class U>
  void set(U&& value) {
    value_.emplace(std::forward<U>(value));
  }
  T take() { return std::move(*value_); }

 private:
  std::optional<T> value_;
};
template <class T>
class co_result<T&> {
 public:
  void set(T& value) noexcept { value_ = std::addressof(value); }
  T& take() noexcept { return *value_; }

 private:
  T* value_ = nullptr;
};

/// What all co_tasks have in common. Their frames come from where nodes do.
class co_promise : public node_memory {
 public:
  std::suspend_always initial_suspend() const noexcept { return {}; }
  auto final_suspend() const noexcept { return body_end{}; }
  void unhandled_exception() noexcept { error = std::current_exception(); }

  template <class A>
  auto await_transform(A&& awaited);

  // Set before the body begins.
  co_part* part = nullptr;
  std::coroutine_handle<> outer;  ///< the co_task that awaits this one; null: the task's body
  std::exception_ptr error;       ///< what left the body

 private:
  // Back to whoever has called it, or drives the task: the outer one goes on.
  struct body_end {
    bool await_ready() const noexcept { return false; }
    template <class Promise>
    void await_suspend(std::coroutine_handle<Promise> ended) const noexcept {
      const co_promise& promise = ended.promise();
      promise.part->innermost = promise.outer;
    }
    void await_resume() const noexcept {}
  };
};

template <class T>
class value_promise : public co_promise {
 public:
  template <class U = T>
  requires std::is_convertible_v<U&&, T>
  void return_value(U&& value) { result.set(std::forward<U>(value)); }

  T take() { return result.take(); }

 private:
  co_result<T> result;
};
template <>
class value_promise<void> : public co_promise {
 public:
  void return_void() const noexcept {}
  void take() const noexcept {}
};

/// co_await of a co_task: its body is gone through on the same task.
template <class T>
class co_task_awaiter;
template <class Holder, class... P>
struct co_task_call;

}  // namespace detail

/// What a coroutine task returns. As an object it has nothing to offer: a task runs it, or a
/// co_await of another co_task does. Its body begins then.
template <class T = void>
class [[nodiscard]] co_task {
  static_assert(std::is_void_v<T> || std::is_lvalue_reference_v<T> ||
                    (std::is_object_v<T> && !std::is_const_v<T> &&
                     std::is_move_constructible_v<T>),
                "narke::co_task<T>: T is a type that can be moved, an lvalue reference, or void");

 public:
  class promise_type : public detail::value_promise<T> {
   public:
    co_task get_return_object() noexcept { return co_task{frame::from_promise(*this)}; }
  };

  co_task(co_task&& other) noexcept : frame_{std::exchange(other.frame_, nullptr)} {}
  co_task& operator=(co_task&& other) noexcept {
    co_task taken{std::move(other)};
    std::swap(frame_, taken.frame_);
    return *this;
  }
  ~co_task() {
    if (frame_) {
      frame_.destroy();
    }
  }

 private:
  friend class detail::co_task_awaiter<T>;
  template <class Holder, std::size_t N, class... P>
  friend class detail::task_impl;
  using frame = std::coroutine_handle<promise_type>;

  co_task() noexcept = default;
  explicit co_task(frame made) noexcept : frame_{made} {}

  frame frame_;
};

namespace detail {

template <class T>
class co_task_awaiter {
 public:
  co_task_awaiter(co_part& part, co_task<T>& inner) noexcept : part_{part}, inner_{inner} {}

  // One that ended a co_await before this one in its expression ends this one: the inner body does
  // not begin.
  bool await_ready() const {
    if (!inner_.frame_ || inner_.frame_.promise().part != nullptr) [[unlikely]] {
      throw_empty_co_task();
    }
    if (part_.is_stopped) [[unlikely]] {
      return true;
    }
    co_promise& promise = inner_.frame_.promise();
    promise.part = &part_;
    promise.outer = part_.innermost;
    part_.innermost = inner_.frame_;
    return part_.try_call_innermost() && inner_.frame_.done();
  }
  void await_suspend(std::coroutine_handle<>) const noexcept {}
  T await_resume() {
    part_.end_wait();
    auto& promise = inner_.frame_.promise();
    if (promise.error) [[unlikely]] {
      std::rethrow_exception(promise.error);
    }
    return promise.take();
  }

 private:
  co_part& part_;
  co_task<T>& inner_;
};

template <class A>
auto co_promise::await_transform(A&& awaited) {
  using plain = std::remove_cvref_t<A>;
  constexpr bool gives_up = std::is_same_v<A, plain>;
  if constexpr (is_object_ref<plain>) {
    using value = typename plain::value_type;
    return ref_awaiter<value, gives_up>{*part, awaited};
  } else if constexpr (is_vector_of_refs<plain>) {
    using value = typename plain::value_type::value_type;
    return refs_awaiter<value, gives_up>{*part, awaited};
  } else if constexpr (is_co_task<plain>) {
    static_assert(gives_up,
                  "narke: a co_task is awaited once, and given up: co_await std::move(task)");
    return co_task_awaiter<typename co_task_value<plain>::type>{*part, awaited};
  } else {
    static_assert(is_never<A>,
                  "narke: co_await in a co_task takes an object_ref, a vector of object_refs, or a "
                  "co_task");
    return std::suspend_never{};
  }
}

/// What co_await finds where it does not stand in a co_task.
template <class T>
struct awaited_elsewhere {
  bool await_ready() const noexcept {
    static_assert(is_never<T>,
                  "narke: co_await of an object_ref or a co_task stands in a coroutine that "
                  "returns narke::co_task; elsewhere call narke::get");
    return true;
  }
  void await_suspend(std::coroutine_handle<>) const noexcept {}
  void await_resume() const noexcept {}
};

// Where else a callable that returns a co_task must not be given.

template <class T>
struct results_for<co_task<T>, 0> {
  static_assert(is_never<T>,
                "narke: a GPU task cannot be a co_task: its body only enqueues work. Pass refs as "
                "arguments, or have a co_task on a CPU submit it");
  using type = one_result<int>;
};
template <class T, std::size_t N>
requires(N > 0) struct results_for<co_task<T>, N> : results_for<co_task<T>, 0> {
};
template <class T>
class typed_slot<co_task<T>> {
  static_assert(is_never<T>,
                "narke: a co_task is no value: give its coroutine to narke::task and keep the ref");
};
template <class R>
class map_results;
template <class T>
class map_results<co_task<T>> {
  static_assert(is_never<T>, "narke::map: the function is called in a loop and cannot be a "
                             "co_task: submit a task for each element");
};
template <class T>
struct construct_actor;
template <class T, class Method>
struct call_method;
template <class F>
inline constexpr bool is_call_of_actor = false;
template <class T>
inline constexpr bool is_call_of_actor<construct_actor<T>> = true;
template <class T, class Method>
inline constexpr bool is_call_of_actor<call_method<T, Method>> = true;

/// Whether what Holder holds, called with P..., returns a co_task; and what of.
template <class Holder, class... P>
concept makes_co_task = std::is_invocable_v<held_function<Holder>&, P...> &&
    is_co_task<std::invoke_result_t<held_function<Holder>&, P...>>;
template <class Holder, class... P>
struct co_task_call {
  using body =
      std::remove_cvref_t<std::invoke_result_t<std::remove_reference_t<held_function<Holder>>&,
                                               P...>>;
  using value = typename co_task_value<body>::type;
};

/// A parameter that the argument delivers as an object made for the call, while the coroutine keeps
/// a reference to it: the object stays here.
template <class P>
class kept_parameter {
  using delivered = decltype(std::declval<argument<P>&>().deliver(nullptr, false));
  static constexpr bool is_kept = std::is_reference_v<P> && !std::is_reference_v<delivered>;
  struct nothing {};

 public:
  decltype(auto) deliver(argument<P>& from, bool keeps) {
    if constexpr (is_kept) {
      kept_.emplace(from.deliver(nullptr, keeps));
      return static_cast<P>(*kept_);
    } else {
      return from.deliver(nullptr, keeps);
    }
  }
  void let_go() noexcept {
    if constexpr (is_kept) {
      kept_.reset();
    }
  }

 private:
  [[no_unique_address]] std::conditional_t<is_kept, std::optional<std::remove_cvref_t<delivered>>,
                                           nothing> kept_;
};

/// A task whose callable returns a co_task: invoke() begins its body, and is called again each time
/// that it is to go on.
template <class Holder, std::size_t N, class... P>
requires makes_co_task<Holder, P...>
class task_impl<Holder, N, P...> final
    : public typed_task<
          task_place::cpu, Holder,
          typename results_for<stored_result_t<typename co_task_call<Holder, P...>::value>,
                               N>::type,
          P...>,
      public co_part {
  static_assert(!is_call_of_actor<std::remove_const_t<held_function<Holder>>>,
                "narke: a method of an actor cannot be a co_task: it would leave the actor to "
                "other calls half-way. Have a co_task call methods, and await their refs");
  using body_type = typename co_task_call<Holder, P...>::body;

 public:
  template <class Source, class... A>
  explicit task_impl(Source&& source, A&&... arguments)
      : task_impl::typed_task{std::forward<Source>(source), std::forward<A>(arguments)...},
        co_part{static_cast<task_node&>(*this)} {}

  void invoke() noexcept override {
    if (!this->has_begun && !begin()) {
      return;
    }
    co_part::run();
    if (!co_part::is_suspended()) {
      end();
    }
  }
  co_part* coroutine() noexcept override { return this; }

 private:
  // False: it has failed.
  bool begin() noexcept {
    if (this->has_ref_arguments) {
      if (const std::exception_ptr failed = this->first_failed_argument()) {
        this->fail(failed);
        return false;
      }
    }
    const bool keeps = this->keeps_arguments;
    try {
      std::apply([=](auto&... each) { (each.prepare(keeps), ...); }, this->arguments_);
      body_ = call(keeps, std::index_sequence_for<P...>{});
      if (!body_.frame_) {
        throw_empty_co_task();
      }
    } catch (...) {
      this->set_error(std::current_exception());
      let_go_body();
      return false;
    }
    body_.frame_.promise().part = this;
    this->begin_attempt(body_.frame_);
    return true;
  }
  template <std::size_t... I>
  body_type call(bool keeps, std::index_sequence<I...>) {
    static_cast<void>(keeps);
    return std::invoke(
        this->holder_.get(),
        std::get<I>(parameters_).deliver(std::get<I>(this->arguments_), keeps)...);
  }
  // What the body refers to goes after it.
  void end() noexcept {
    auto& promise = body_.frame_.promise();
    if (promise.error) {
      this->set_error(promise.error);
    } else {
      try {
        this->results_.set_from([&promise]() -> decltype(auto) { return promise.take(); });
      } catch (...) {
        this->set_error(std::current_exception());
      }
    }
    this->has_begun = false;
    let_go_body();
  }
  void let_go_body() noexcept {
    body_ = body_type{};
    std::apply([](auto&... each) { (each.let_go(), ...); }, parameters_);
    if (!this->keeps_arguments) {
      this->let_go();
    }
  }

  std::tuple<kept_parameter<P>...> parameters_;
  body_type body_;
};

}  // namespace detail

template <class T>
detail::awaited_elsewhere<T> operator co_await(const object_ref<T>&) noexcept {
  return {};
}
template <class T>
detail::awaited_elsewhere<T> operator co_await(const co_task<T>&) noexcept {
  return {};
}

}  // namespace narke
