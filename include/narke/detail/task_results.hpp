// Where the results of a task are stored: as one object, or as N.
#pragma once

#include <array>
#include <cstddef>
#include <exception>
#include <iterator>
#include <tuple>
#include <type_traits>
#include <utility>
#include <vector>

#include <narke/array.hpp>
#include <narke/detail/parameter.hpp>
#include <narke/detail/task_node.hpp>
#include <narke/object_ref.hpp>

namespace narke::detail {

/// A slot inside a task: its last reference lets go of the task.
template <class T>
class task_slot final : public typed_slot<T> {
 private:
  void let_go() noexcept override {
    task_node& node = this->its_producer();
    this->destroy_value();
    node.release_refs(this->node_refs());
  }
};

// What is stored of a result: a builder becomes an array.
template <class R>
struct stored_result {
  using type = R;
};
template <class T>
struct stored_result<array_builder<T>> {
  using type = array<T>;
};
template <class... T>
struct stored_result<std::tuple<T...>> {
  using type = std::tuple<typename stored_result<T>::type...>;
};
template <class A, class B>
struct stored_result<std::pair<A, B>> {
  using type = std::pair<typename stored_result<A>::type, typename stored_result<B>::type>;
};
template <class T, std::size_t N>
struct stored_result<std::array<T, N>> {
  using type = std::array<typename stored_result<T>::type, N>;
};
template <class T, class A>
requires is_array_builder<T>
struct stored_result<std::vector<T, A>> {
  using type = std::vector<typename stored_result<T>::type>;
};
template <class R>
using stored_result_t = typename stored_result<std::decay_t<R>>::type;

template <class T>
inline constexpr bool is_std_array = false;
template <class T, std::size_t N>
inline constexpr bool is_std_array<std::array<T, N>> = true;

/// What is stored of `result`: itself, or the same with arrays for its builders.
template <class Stored, class R>
Stored to_stored(R&& result) {
  using given = std::remove_cvref_t<R>;
  if constexpr (std::is_convertible_v<R&&, Stored>) {
    return std::forward<R>(result);
  } else if constexpr (is_std_array<given>) {
    return [&]<std::size_t... I>(std::index_sequence<I...>) {
      return Stored{to_stored<typename Stored::value_type>(std::get<I>(std::move(result)))...};
    }
    (std::make_index_sequence<std::tuple_size_v<given>>{});
  } else if constexpr (is_tuple_like<given>) {
    return [&]<std::size_t... I>(std::index_sequence<I...>) {
      return Stored(to_stored<std::tuple_element_t<I, Stored>>(std::get<I>(std::move(result)))...);
    }
    (std::make_index_sequence<std::tuple_size_v<given>>{});
  } else {
    return Stored(std::make_move_iterator(result.begin()), std::make_move_iterator(result.end()));
  }
}

/// The result of a task as one object.
template <class R>
class one_result {
 public:
  static constexpr std::size_t count = 1;
  using refs = object_ref<R>;

  void attach(task_node& node) noexcept { slot_.set_producer(node); }
  result_slot* slot(std::size_t) noexcept { return &slot_; }
  refs make_refs() noexcept { return ref_access::adopt<R>(slot_); }
  template <class Make>
  void set_from(Make&& make) {
    if constexpr (std::is_same_v<std::decay_t<decltype(make())>, R>) {
      slot_.emplace_from(std::forward<Make>(make));
    } else {
      slot_.emplace_from([&]() -> R { return to_stored<R>(make()); });
    }
  }
  void set_error(const std::exception_ptr& error) noexcept { slot_.set_error(error); }
  /// As before set_from or set_error. Requires: nobody else looked.
  void clear() noexcept {
    slot_.destroy_value();
    slot_.set_error(nullptr);
  }

 private:
  task_slot<R> slot_;
};

/// The elements of a tuple, pair or array, each an object of its own: num_returns<N>.
template <class Refs, class... T>
class many_results {
 public:
  static constexpr std::size_t count = sizeof...(T);
  using refs = Refs;
  static_assert((sizeof(task_slot<T>) + ... + sizeof(task_node)) <
                    result_slot::producer_distance_max,
                "narke: num_returns<N>: the results are too large to be kept by value; return "
                "vectors, or arrays");

  void attach(task_node& node) noexcept {
    for_each([&](auto& slot) { slot.set_producer(node); });
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
  void clear() noexcept {
    for_each([](auto& slot) {
      slot.destroy_value();
      slot.set_error(nullptr);
    });
  }

 private:
  template <class Visit>
  void for_each(Visit&& visit) {
    std::apply([&](auto&... slot) { (visit(slot), ...); }, slots_);
  }
  template <class All, std::size_t... I>
  void set_each(All& all, std::index_sequence<I...>) {
    (std::get<I>(slots_).emplace_from(
         [&]() -> T { return to_stored<T>(std::get<I>(std::move(all))); }),
     ...);
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

}  // namespace narke::detail
