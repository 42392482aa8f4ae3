// What a map takes its elements from, and how it owns it.
#pragma once

#include <cstddef>
#include <exception>
#include <iterator>
#include <ranges>
#include <type_traits>
#include <utility>
#include <vector>

#include <narke/array.hpp>
#include <narke/detail/map_results.hpp>
#include <narke/detail/parameter.hpp>
#include <narke/detail/source_location.hpp>
#include <narke/export.hpp>
#include <narke/object_ref.hpp>
#include <narke/options.hpp>
#include <narke/task.hpp>

namespace narke::detail {

/// The elements of one map, as its driver sees them.
class NARKE_EXPORT map_job {
 public:
  map_job(const map_job&) = delete;
  map_job& operator=(const map_job&) = delete;

  /// Calls the function for the elements [begin, end) in order. Returns end, or the index of the
  /// element that threw, with what it threw in `error`. Called by several threads at once, never
  /// for the same elements.
  virtual std::size_t run(std::size_t begin, std::size_t end,
                          std::exception_ptr& error) noexcept = 0;

 protected:
  map_job() = default;
  ~map_job() = default;
};

/// Throws std::invalid_argument unless `chunk` is a whole number of elements.
[[nodiscard]] NARKE_EXPORT std::size_t checked_chunk(number chunk);

/// Runs `count` elements of `job` on all CPUs, in chunks of `chunk` elements (0: measured). Called
/// in a task. Throws what the first element, by index, threw.
NARKE_EXPORT void run_map(map_job& job, std::size_t count, std::size_t chunk);

template <class Elements>
using map_element = std::ranges::range_reference_t<const Elements&>;

template <class F, class Elements, class Results>
class typed_map_job final : public map_job {
 public:
  typed_map_job(const F& function, const Elements& elements, Results& results)
      : function_{function}, elements_{elements}, results_{results} {}

  std::size_t run(std::size_t begin, std::size_t end, std::exception_ptr& error) noexcept override {
    if constexpr (std::is_invocable_v<const F&, map_element<Elements>>) {
      return results_.fill(begin, end, elements_, function_, error);
    } else {
      try {
        F own = function_;
        return results_.fill(begin, end, elements_, own, error);
      } catch (...) {
        error = std::current_exception();
        return begin;
      }
    }
  }

 private:
  const F& function_;
  const Elements& elements_;
  Results& results_;
};

/// The body of the task behind the ref that map returns.
template <class F, class Elements>
auto map_over(const F& function, const Elements& elements, std::size_t chunk) {
  using element = map_element<Elements>;
  static_assert(std::is_invocable_v<F&, element>,
                "narke::map: the function cannot be called with an element, which is const");
  using results = map_results<std::decay_t<std::invoke_result_t<F&, element>>>;
  const std::size_t count = std::ranges::size(elements);
  results made{count};
  typed_map_job<F, Elements, results> job{function, elements, made};
  run_map(job, count, chunk);
  return made.take();
}

template <class T>
inline constexpr bool is_iota = false;
template <class W, class B>
inline constexpr bool is_iota<std::ranges::iota_view<W, B>> = true;

// Can be kept as it is: it owns its elements (or has none), and each is reached by its index.
template <class Range>
concept kept_range = std::ranges::random_access_range<const Range&> &&
    std::ranges::sized_range<const Range&> &&
    (is_iota<Range> ||
     (!std::ranges::view<Range> && !std::is_array_v<Range> && std::is_copy_constructible_v<Range>));

/// A copy of the elements, or the moved elements of an rvalue that owns them.
template <class Range>
auto copied_elements(Range&& range) {
  using element = std::ranges::range_value_t<Range>;
  std::vector<element> all;
  if constexpr (std::ranges::sized_range<Range>) {
    all.reserve(static_cast<std::size_t>(std::ranges::size(range)));
  }
  constexpr bool may_move = !std::is_lvalue_reference_v<Range> && !std::ranges::view<Range>;
  for (auto&& each : range) {
    if constexpr (may_move && std::is_lvalue_reference_v<decltype(each)>) {
      all.push_back(std::move(each));
    } else {
      all.push_back(std::forward<decltype(each)>(each));
    }
  }
  return all;
}

/// A range of the caller's.
template <class F, class Range>
struct map_source {
  static_assert(std::ranges::input_range<Range>,
                "narke::map: give a range, or a ref to a vector or array");

  template <class R>
  static auto launch(const task_options& options, const source_location& location,
                     std::size_t chunk, F function, R&& range) {
    if constexpr (kept_range<Range>) {
      return submit(options, location, chunk, std::move(function), Range(std::forward<R>(range)));
    } else {
      return submit(options, location, chunk, std::move(function),
                    copied_elements(std::forward<R>(range)));
    }
  }

 private:
  template <class Owned>
  static auto submit(const task_options& options, const source_location& location,
                     std::size_t chunk, F function, Owned elements) {
    auto body = [function = std::move(function), elements = std::move(elements), chunk]() {
      return map_over(function, elements, chunk);
    };
    return task(std::move(body), options).remote(location);
  }
};

/// A handle to elements, wherever they are.
template <class F, class T>
struct map_source<F, array<T>> {
  static auto launch(const task_options& options, const source_location& location,
                     std::size_t chunk, F function, array<T> handle) {
    auto body = [function = std::move(function), handle = std::move(handle), chunk]() {
      return map_over(function, handle.host(), chunk);
    };
    return task(std::move(body), options).remote(location);
  }
};

/// A ref: read in place.
template <class F, class Stored>
struct map_source<F, object_ref<Stored>> {
  static auto launch(const task_options& options, const source_location& location,
                     std::size_t chunk, F function, object_ref<Stored> ref) {
    auto body = [function = std::move(function), chunk](const Stored& stored) {
      if constexpr (is_array<Stored>) {
        return map_over(function, stored.host(), chunk);
      } else if constexpr (std::ranges::random_access_range<const Stored&>) {
        return map_over(function, stored, chunk);
      } else {
        return map_over(function, copied_elements(stored), chunk);
      }
    };
    return task(std::move(body), options).remote(std::move(ref), location);
  }
};

/// Refs to the elements: waited for and gathered, unless the function takes the refs themselves.
template <class F, class T, class A>
requires(!std::is_invocable_v<F&, const object_ref<T>&>) struct map_source<
    F, std::vector<object_ref<T>, A>> {
  static auto launch(const task_options& options, const source_location& location,
                     std::size_t chunk, F function, std::vector<object_ref<T>, A> refs) {
    auto body = [function = std::move(function), chunk](const std::vector<T>& values) {
      return map_over(function, values, chunk);
    };
    return task(std::move(body), options).remote(std::move(refs), location);
  }
};

}  // namespace narke::detail
