// The typed part of a task: callable, arguments and results in one object, behind task_node's few
// virtual calls.
#pragma once

#include <array>
#include <cstddef>
#include <exception>
#include <functional>
#include <tuple>
#include <type_traits>
#include <utility>

#include <narke/detail/argument.hpp>
#include <narke/detail/callable.hpp>
#include <narke/detail/task_node.hpp>
#include <narke/object_ref.hpp>

namespace narke::detail {

/// A slot inside a task: its last reference lets go of the task.
template <class T>
class task_slot final : public typed_slot<T> {
 private:
  void let_go() noexcept override {
    task_node* node = this->producer();
    this->destroy_value();
    node->release_ref();
  }
};

/// The result of a task as one object.
template <class R>
class one_result {
 public:
  static constexpr std::size_t count = 1;
  using refs = object_ref<R>;

  void attach(task_node& node) noexcept { slot_.set_producer(&node); }
  result_slot* slot(std::size_t) noexcept { return &slot_; }
  refs make_refs() noexcept { return ref_access::adopt<R>(slot_); }
  template <class Make>
  void set_from(Make&& make) {
    slot_.emplace_from(std::forward<Make>(make));
  }
  void set_error(const std::exception_ptr& error) noexcept { slot_.set_error(error); }

 private:
  task_slot<R> slot_;
};

/// The elements of a tuple, pair or array, each an object of its own: num_returns<N>.
template <class Refs, class... T>
class many_results {
 public:
  static constexpr std::size_t count = sizeof...(T);
  using refs = Refs;

  void attach(task_node& node) noexcept {
    for_each([&](auto& slot) { slot.set_producer(&node); });
  }
  result_slot* slot(std::size_t index) noexcept {
    result_slot* found = nullptr;
    for_each([&](auto& slot) { found = index-- == 0 ? &slot : found; });
    return found;
  }
  refs make_refs() noexcept {
    return std::apply([](auto&... slot) { return refs{ref_access::adopt<T>(slot)...}; }, slots_);
  }
  template <class Make>
  void set_from(Make&& make) {
    auto all = std::forward<Make>(make)();
    try {
      set_each(all, std::index_sequence_for<T...>{});
    } catch (...) {
      for_each([](auto& slot) { slot.destroy_value(); });
      throw;
    }
  }
  void set_error(const std::exception_ptr& error) noexcept {
    for_each([&](auto& slot) { slot.set_error(error); });
  }

 private:
  template <class Visit>
  void for_each(Visit&& visit) {
    std::apply([&](auto&... slot) { (visit(slot), ...); }, slots_);
  }
  template <class All, std::size_t... I>
  void set_each(All& all, std::index_sequence<I...>) {
    (std::get<I>(slots_).emplace_from([&]() -> T { return std::get<I>(std::move(all)); }), ...);
  }

  std::tuple<task_slot<T>...> slots_;
};

// The results of a callable that returns R, asked for as N objects (0: as one).
template <class R, std::size_t N>
struct results_for {
  static_assert(
      N <= 1,
      "narke: num_returns<N> needs a callable that returns a tuple, pair or array of N elements");
  using type = one_result<R>;
};
template <class R>
struct results_for<R, 0> {
  using type = one_result<R>;
};
template <class... T, std::size_t N>
requires(N > 0) struct results_for<std::tuple<T...>, N> {
  static_assert(N == sizeof...(T),
                "narke: num_returns<N>: N is not the number of elements that the callable returns");
  using type = many_results<std::tuple<object_ref<std::decay_t<T>>...>, std::decay_t<T>...>;
};
template <class A, class B, std::size_t N>
requires(N > 0) struct results_for<std::pair<A, B>, N> {
  static_assert(N == 2,
                "narke: num_returns<N>: N is not the number of elements that the callable returns");
  using type = many_results<std::pair<object_ref<std::decay_t<A>>, object_ref<std::decay_t<B>>>,
                            std::decay_t<A>, std::decay_t<B>>;
};
template <class T, std::size_t M, class Index>
struct array_results;
template <class T, std::size_t M, std::size_t... I>
struct array_results<T, M, std::index_sequence<I...>> {
  template <std::size_t>
  using element = T;
  using type = many_results<std::array<object_ref<T>, M>, element<I>...>;
};
template <class T, std::size_t M, std::size_t N>
requires(N > 0) struct results_for<std::array<T, M>, N> {
  static_assert(N == M,
                "narke: num_returns<N>: N is not the number of elements that the callable returns");
  using type = typename array_results<T, M, std::make_index_sequence<M>>::type;
};

/// A task that calls what Holder holds with parameters P... and makes N results (0: one).
template <class Holder, std::size_t N, class... P>
class task_impl final : public task_node {
  using function = std::remove_reference_t<decltype(std::declval<Holder&>().get())>;
  static_assert(std::is_invocable_v<function&, P...>,
                "narke: the callable cannot be called with these arguments");
  using result = std::decay_t<std::invoke_result_t<function&, P...>>;
  using results = typename results_for<result, N>::type;

 public:
  using refs = typename results::refs;

  template <class Source, class... A>
  explicit task_impl(Source&& source, A&&... arguments)
      : task_node{1 + results::count},
        holder_{std::forward<Source>(source)},
        arguments_{std::forward<A>(arguments)...} {
    results_.attach(*this);
    has_ref_arguments = std::apply(
        [](const auto&... each) { return (false || ... || each.has_refs()); }, arguments_);
  }

  refs make_refs() noexcept { return results_.make_refs(); }

  void invoke() noexcept override {
    if (has_ref_arguments) {
      if (const std::exception_ptr failed = first_failed_argument()) {
        fail(failed);
        return;
      }
    }
    try {
      std::apply([](auto&... each) { (each.prepare(), ...); }, arguments_);
      results_.set_from([this]() -> decltype(auto) { return call(); });
    } catch (...) {
      set_error(std::current_exception());
    }
    let_go();
  }
  void fail(const std::exception_ptr& error) noexcept override {
    set_error(error);
    let_go();
  }
  void register_dependencies() noexcept override {
    std::apply([this](auto&... each) { (each.register_on(*this), ...); }, arguments_);
  }
  void visit_arguments(bool (*visit)(void* context, const result_slot& slot),
                       void* context) const override {
    std::apply(
        [&](const auto&... each) {
          static_cast<void>((true && ... && each.visit_slots(visit, context)));
        },
        arguments_);
  }
  result_slot* slot(std::size_t index) noexcept override { return results_.slot(index); }
  std::size_t slot_count() const noexcept override { return results::count; }

 private:
  decltype(auto) call() {
    return std::apply(
        [this](auto&... each) -> decltype(auto) {
          return std::invoke(holder_.get(), each.deliver()...);
        },
        arguments_);
  }
  void set_error(const std::exception_ptr& error) noexcept {
    if (body_has_outcome()) {
      results_.set_error(error);
    }
  }
  void let_go() noexcept {
    std::apply([](auto&... each) { (each.let_go(), ...); }, arguments_);
    holder_.let_go();
  }

  results results_;
  Holder holder_;
  std::tuple<argument<P>...> arguments_;
};

/// Gives `node` to the runtime and returns the refs to its results.
template <class Node>
typename Node::refs launch(Node* node, const task_info* info, const source_location& location) {
  if (info != nullptr) {
    add_ref(*info);
    node->info = info;
  }
  node->location = location;
  typename Node::refs refs = node->make_refs();
  submit(*node);
  return refs;
}

}  // namespace narke::detail
