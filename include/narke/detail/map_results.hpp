// Where the results of a map go. `fill` is called by several threads at once, for other elements
// each; `take` when all have ended.
#pragma once

#include <algorithm>
#include <concepts>
#include <cstddef>
#include <exception>
#include <iterator>
#include <mutex>
#include <ranges>
#include <type_traits>
#include <utility>
#include <vector>

namespace narke::detail {

/// Calls `each` with the elements [begin, end) and their indices. Returns end, or the index of the
/// one that threw.
template <class Elements, class Each>
std::size_t for_elements(std::size_t begin, std::size_t end, const Elements& elements,
                         std::exception_ptr& error, Each&& each) {
  const auto first = std::ranges::begin(elements);
  using distance = std::iter_difference_t<std::remove_const_t<decltype(first)>>;
  std::size_t index = begin;
  try {
    for (; index != end; ++index) {
      each(index, first[static_cast<distance>(index)]);
    }
  } catch (...) {
    error = std::current_exception();
  }
  return index;
}

/// The elements of a vector may be written by threads of their own, but not those of vector<bool>.
template <class R>
concept written_in_place =
    std::default_initializable<R> && std::is_move_assignable_v<R> && !std::same_as<R, bool>;

/// Each result is made in its place.
template <class R>
class map_results {
 public:
  explicit map_results(std::size_t count) : values_(count) {}

  template <class Elements, class F>
  std::size_t fill(std::size_t begin, std::size_t end, const Elements& elements, F& function,
                   std::exception_ptr& error) {
    R* const values = values_.data();
    return for_elements(begin, end, elements, error, [&](std::size_t index, auto&& element) {
      values[index] = function(std::forward<decltype(element)>(element));
    });
  }
  std::vector<R> take() { return std::move(values_); }

 private:
  std::vector<R> values_;
};

/// Each chunk makes a vector, and these are joined.
template <class R>
requires(!std::is_void_v<R> && !written_in_place<R>) class map_results<R> {
 public:
  explicit map_results(std::size_t count) : count_{count} {}

  template <class Elements, class F>
  std::size_t fill(std::size_t begin, std::size_t end, const Elements& elements, F& function,
                   std::exception_ptr& error) {
    part made{begin, {}};
    try {
      made.values.reserve(end - begin);
    } catch (...) {
      error = std::current_exception();
      return begin;
    }
    const std::size_t reached =
        for_elements(begin, end, elements, error, [&](std::size_t, auto&& element) {
          made.values.push_back(function(std::forward<decltype(element)>(element)));
        });
    if (reached == end) {
      keep(std::move(made), error);
    }
    return error ? reached - (reached == end ? 1 : 0) : reached;
  }
  std::vector<R> take() {
    std::ranges::sort(parts_, {}, &part::begin);
    std::vector<R> all;
    all.reserve(count_);
    for (part& each : parts_) {
      std::move(each.values.begin(), each.values.end(), std::back_inserter(all));
    }
    return all;
  }

 private:
  struct part {
    std::size_t begin;
    std::vector<R> values;
  };

  void keep(part made, std::exception_ptr& error) {
    try {
      const std::lock_guard lock{mutex_};
      parts_.push_back(std::move(made));
    } catch (...) {
      error = std::current_exception();
    }
  }

  const std::size_t count_;
  std::mutex mutex_;
  std::vector<part> parts_;  // guarded by mutex_
};

template <>
class map_results<void> {
 public:
  explicit map_results(std::size_t) noexcept {}

  template <class Elements, class F>
  std::size_t fill(std::size_t begin, std::size_t end, const Elements& elements, F& function,
                   std::exception_ptr& error) {
    return for_elements(begin, end, elements, error, [&](std::size_t, auto&& element) {
      function(std::forward<decltype(element)>(element));
    });
  }
  void take() noexcept {}
};

}  // namespace narke::detail
