// The typed part of a task: callable, arguments and results in one object, behind task_node's few
// virtual calls.
#pragma once

#include <cstddef>
#include <exception>
#include <functional>
#include <memory>
#include <tuple>
#include <type_traits>
#include <utility>

#include <narke/detail/argument.hpp>
#include <narke/detail/callable.hpp>
#include <narke/detail/stream_core.hpp>
#include <narke/detail/task_node.hpp>
#include <narke/detail/task_results.hpp>
#include <narke/object_ref.hpp>

namespace narke::detail {

/// What tasks on CPUs and on GPUs have in common: arguments for parameters P..., what Holder holds,
/// and Results.
template <task_place Place, class Holder, class Results, class... P>
class typed_task : public task_node {
 public:
  using refs = typename Results::refs;
  /// Whether its body can be called again.
  static constexpr bool is_repeatable = (true && ... && argument<P, Place>::is_repeatable);

  refs make_refs() noexcept { return results_.make_refs(); }

  void fail(const std::exception_ptr& error) noexcept final {
    set_error(error);
    let_go();
  }
  void clear_results() noexcept final { results_.clear(); }
  void let_go_arguments() noexcept final { let_go(); }
  std::uint32_t register_dependencies() noexcept final {
    return std::apply([this](auto&... each) { return (0U + ... + each.register_on(*this)); },
                      arguments_);
  }
  void visit_arguments(bool (*visit)(void* context, const result_slot& slot),
                       void* context) const final {
    std::apply(
        [&](const auto&... each) {
          static_cast<void>((true && ... && each.visit_slots(visit, context)));
        },
        arguments_);
  }
  void published() noexcept final {
    if constexpr (requires { results_.published(); }) {
      results_.published();
    }
  }
  /// Of a stream: how many values may wait to be taken.
  void limit_to(std::size_t untaken_max) noexcept {
    if constexpr (requires { results_.limit_to(untaken_max); }) {
      results_.limit_to(untaken_max);
    }
  }
  static constexpr bool makes_stream = requires(Results & results) { results.published(); };
  result_slot* slot(std::size_t index) noexcept final { return results_.slot(index); }
  std::size_t slot_count() const noexcept final { return Results::count; }

 protected:
  template <class Source, class... A>
  explicit typed_task(Source&& source, A&&... arguments)
      : task_node{1 + Results::count},
        holder_{std::forward<Source>(source)},
        arguments_{std::forward<A>(arguments)...} {
    static_assert(sizeof(typed_task) < result_slot::producer_distance_max,
                  "narke: the arguments and results of the task are too large to be kept by value: "
                  "pass and return vectors, arrays or refs");
    results_.attach(*this);
    if constexpr (Results::count == 1) {
      set_only_slot(*results_.slot(0));
    }
    has_ref_arguments = std::apply(
        [](const auto&... each) { return (false || ... || each.has_refs()); }, arguments_);
    passes_refs = (false || ... || argument<P, Place>::passes_refs);
  }
  ~typed_task() override = default;

  void set_error(const std::exception_ptr& error) noexcept {
    if (body_has_outcome()) {
      results_.set_error(error);
    }
  }
  void let_go() noexcept {
    std::apply([](auto&... each) { (each.let_go(), ...); }, arguments_);
    holder_.let_go();
  }
  /// The steps of invoke(): `body` is called with the arguments prepared, unless one has failed.
  /// `consumes_again`: it may be called again, and would find rvalue arguments moved from.
  template <class Body>
  void invoke_with(bool consumes_again, Body&& body) noexcept {
    if (has_ref_arguments) {
      if (const std::exception_ptr failed = first_failed_argument()) {
        fail(failed);
        return;
      }
    }
    const bool keeps = keeps_arguments;
    try {
      std::apply([=](auto&... each) { (each.prepare(consumes_again), ...); }, arguments_);
      body();
    } catch (...) {
      set_error(std::current_exception());
    }
    if (!keeps) {
      let_go();
    }
  }

  // Who takes small results reads one line of them alone, the last of a small task.
  Holder holder_;
  std::tuple<argument<P, Place>...> arguments_;
  Results results_;
};

template <class Holder>
using held_function = std::remove_reference_t<decltype(std::declval<Holder&>().get())>;

/// What `Holder`'s callable makes of arguments A..., as N results (0: one).
template <class Holder, std::size_t N, class... A>
struct results_of_call {
  static_assert(std::is_invocable_v<held_function<Holder>&, A...>,
                "narke: the callable cannot be called with these arguments");
  using type =
      typename results_for<stored_result_t<std::invoke_result_t<held_function<Holder>&, A...>>,
                           N>::type;
};

/// A task that calls what Holder holds with parameters P... and makes N results (0: one).
template <class Holder, std::size_t N, class... P>
class task_impl final : public typed_task<task_place::cpu, Holder,
                                          typename results_of_call<Holder, N, P...>::type, P...> {
 public:
  template <class Source, class... A>
  explicit task_impl(Source&& source, A&&... arguments)
      : task_impl::typed_task{std::forward<Source>(source), std::forward<A>(arguments)...} {
    this->is_plain = !task_impl::makes_stream && !this->passes_refs && this->has_one_slot();
  }

  void invoke() noexcept override {
    const bool keeps = this->keeps_arguments;
    this->invoke_with(keeps, [this, keeps] {
      this->results_.set_from([this, keeps]() -> decltype(auto) { return call(keeps); });
    });
  }

 private:
  static constexpr bool may_have_list = (false || ... || argument<P, task_place::cpu>::may_be_list);

  // Writes nothing to the node where there is nothing to do: the destructor would.
  void destroy() noexcept override {
    if constexpr (std::is_trivially_destructible_v<decltype(this->results_)> &&
                  alignof(task_impl) <= __STDCPP_DEFAULT_NEW_ALIGNMENT__) {
      const bool has_let_go = this->state() == task_state::finished && !this->keeps_arguments &&
                              !this->has_ref_arguments && !may_have_list;
      if (!has_let_go) {
        std::destroy_at(std::addressof(this->arguments_));
        std::destroy_at(std::addressof(this->holder_));
      }
      this->let_owners_go();
      node_memory::operator delete(this, sizeof(task_impl));
    } else {
      delete this;
    }
  }
  decltype(auto) call(bool keeps) {
    return std::apply(
        [this, keeps](auto&... each) -> decltype(auto) {
          return std::invoke(this->holder_.get(), each.deliver(nullptr, keeps)...);
        },
        this->arguments_);
  }
};

/// Gives `node` to the runtime and returns the refs to its results.
template <class Node>
typename Node::refs launch(Node* node, const task_info* info, const source_location& location) {
  if (info != nullptr) {
    add_ref(*info);
    node->info = info;
    node->is_plain = false;
  }
  node->location = location;
  if constexpr (Node::makes_stream) {
    node->limit_to(stream_buffer_of(info));
  }
  typename Node::refs refs = node->make_refs();
  submit(*node);
  return refs;
}

}  // namespace narke::detail
