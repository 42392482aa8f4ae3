// get, wait, as_completed, is_ready: from refs to values. All may be called from any thread. In a
// task, waiting gives the task's CPUs back until it goes on.
#pragma once

#include <array>
#include <chrono>
#include <cstddef>
#include <iterator>
#include <tuple>
#include <type_traits>
#include <utility>
#include <variant>
#include <vector>

#include <narke/detail/argument.hpp>
#include <narke/detail/gpu_body.hpp>
#include <narke/detail/waiting.hpp>
#include <narke/detail/watching.hpp>
#include <narke/errors.hpp>
#include <narke/object_ref.hpp>
#include <narke/options.hpp>

namespace narke {

namespace detail {

template <class T>
slot_list slots_of(const std::vector<object_ref<T>>& refs) {
  return {&refs, refs.size(), [](const void* all, std::size_t index) {
            return ref_access::slot((*static_cast<const std::vector<object_ref<T>>*>(all))[index]);
          }};
}

template <class T>
void check_no_empty_ref(const std::vector<object_ref<T>>& refs, const char* call) {
  for (const object_ref<T>& ref : refs) {
    ref_access::checked(ref, call);
  }
}

// What is left of `refs` when those at `indices`, which ascend and were moved from, are out. In
// place: one wait of many may leave thousands.
template <class T>
std::vector<object_ref<T>> without(std::vector<object_ref<T>> refs,
                                   const std::vector<std::size_t>& indices) {
  const auto at = [&](std::size_t index) {
    return refs.begin() + static_cast<std::ptrdiff_t>(index);
  };
  for (std::size_t i = 0; i != indices.size(); ++i) {
    const std::size_t next = i + 1 == indices.size() ? refs.size() : indices[i + 1];
    std::move(at(indices[i] + 1), at(next), at(indices[i] - i));
  }
  refs.resize(refs.size() - indices.size());
  return refs;
}

template <class Rep, class Period>
std::chrono::nanoseconds timeout_of(std::chrono::duration<Rep, Period> timeout) {
  return time_limit{timeout}.value();
}

// Waits for the value or throws what the task threw. `at`: of the get.
template <class T>
void finish(const object_ref<T>& ref, const source_location& at, bool is_given_up = false) {
  check_may_wait("get");
  result_slot& slot = ref_access::checked(ref, "get");
  if (!slot.is_ready()) {
    wait_for_slot(slot, is_given_up, at);
  } else if (get_watchers.load(std::memory_order_relaxed) != 0) [[unlikely]] {
    note_ready_get(slot, at);
  }
  slot.throw_if_failed();
}
template <class T>
void finish(const object_ref<T>& ref, const source_location& at, std::chrono::nanoseconds timeout) {
  check_may_wait("get");
  result_slot& slot = ref_access::checked(ref, "get");
  if (!slot.is_ready()) {
    if (!wait_for_slot(slot, timeout, at)) {
      throw_get_timeout(timeout, slot);
    }
  } else if (get_watchers.load(std::memory_order_relaxed) != 0) [[unlikely]] {
    note_ready_get(slot, at);
  }
  slot.throw_if_failed();
}

// The value of a ref that is ready and has not failed.
template <class T>
const T& ready_value(const object_ref<T>& ref) {
  return ref_access::typed<T>(*ref_access::slot(ref)).value();
}

// The value of a ready ref that is given up: moved when it is the last, else copied. The ref is
// then empty.
template <class T>
T take(object_ref<T>& ref) {
  if constexpr (!std::is_void_v<T>) {
    result_slot& slot = *ref_access::slot(ref);
    T& stored = ref_access::typed<T>(slot).value();
    object_ref<T> released;
    if (slot.is_last_ref()) {
      T taken = std::move(stored);
      released.swap(ref);
      return taken;
    }
    if constexpr (is_copyable<T>) {
      T taken = std::as_const(stored);
      released.swap(ref);
      return taken;
    } else {
      throw_not_last_ref("get");
    }
  } else {
    object_ref<T>{}.swap(ref);
  }
}

// Waits for all, and calls `take` for each as it is ready, in the order of the list.
template <class T, class Take>
void finish_each(const std::vector<object_ref<T>>& refs, const source_location& at,
                 std::chrono::nanoseconds timeout, Take&& take) {
  for (list_wait wait{slots_of(refs), timeout, at}; wait.ready != refs.size();) {
    std::size_t i = wait.ready;
    const slots_are now = wait_for_next(wait);
    if (now == slots_are::not_yet) [[unlikely]] {
      throw_get_timeout(timeout, slots_of(refs));
    }
    if (now == slots_are::failed) [[unlikely]] {
      for (const object_ref<T>& ref : refs) {
        ref_access::slot(ref)->throw_if_failed();
      }
    }
    for (; i != wait.ready; ++i) {
      take(refs[i]);
    }
  }
}

template <class T>
void finish(const std::vector<object_ref<T>>& refs, const source_location& at,
            std::chrono::nanoseconds timeout = for_ever) {
  check_may_wait("get");
  check_no_empty_ref(refs, "get");
  finish_each(refs, at, timeout, [](const object_ref<T>&) {});
}

template <class T>
auto values(const std::vector<object_ref<T>>& refs, const source_location& at,
            std::chrono::nanoseconds timeout = for_ever) {
  if constexpr (std::is_void_v<T>) {
    finish(refs, at, timeout);
  } else {
    static_assert(
        is_copyable<T>,
        "narke::get: a list of refs to move-only values is given up: get(std::move(refs))");
    check_may_wait("get");
    check_no_empty_ref(refs, "get");
    std::vector<T> all;
    all.reserve(refs.size());
    finish_each(refs, at, timeout, [&all](const object_ref<T>& ref) {
      all.push_back(ready_value(ref));
    });
    return all;
  }
}

template <class T>
auto take_all(std::vector<object_ref<T>>& refs) {
  if constexpr (!std::is_void_v<T>) {
    if constexpr (!is_copyable<T>) {
      for (const object_ref<T>& ref : refs) {
        if (!ref_access::slot(ref)->is_last_ref()) {
          throw_not_last_ref("get");
        }
      }
    }
    std::vector<T> all;
    all.reserve(refs.size());
    for (object_ref<T>& ref : refs) {
      all.push_back(take(ref));
    }
    refs.clear();
    return all;
  } else {
    refs.clear();
  }
}

// One element of get(ref_a, ref_b).
template <class Ref>
auto value_of(Ref&& ref) {
  using value = typename std::remove_cvref_t<Ref>::value_type;
  if constexpr (std::is_void_v<value>) {
    return std::monostate{};
  } else if constexpr (std::is_lvalue_reference_v<Ref> ||
                       std::is_const_v<std::remove_reference_t<Ref>>) {
    static_assert(is_copyable<value>,
                  "narke::get: a ref to a move-only value is given up: get(std::move(ref), …)");
    return value(std::as_const(ref_access::typed<value>(*ref_access::slot(ref)).value()));
  } else {
    return take(ref);
  }
}

}  // namespace detail

/// Waits for the value and returns a reference into the store, valid while `ref` lives and is not
/// moved from. Throws what the task threw, with its type; std::invalid_argument when `ref` is
/// empty.
template <class T>
requires(!std::is_void_v<T>) const T& get(const object_ref<T>& ref,
                                          source_location at = source_location::current()) {
  detail::finish(ref, at);
  return detail::ready_value(ref);
}
/// Waits for the value and returns it: moved out when this is the last ref, else copied; `ref` is
/// then empty. A get that throws leaves `ref` as it was. Throws std::invalid_argument for a
/// move-only value of which this is not the last ref.
template <class T>
T get(object_ref<T>&& ref, source_location at = source_location::current()) {
  detail::finish(ref, at, true);
  return detail::take(ref);
}
/// Waits until the task is done.
inline void get(const object_ref<void>& ref, source_location at = source_location::current()) {
  detail::finish(ref, at);
}

/// As get(ref), but throws get_timeout_error when the value is not there in time; the task goes on.
template <class T, class Rep, class Period>
requires(!std::is_void_v<T>) const T& get(const object_ref<T>& ref,
                                          std::chrono::duration<Rep, Period> timeout,
                                          source_location at = source_location::current()) {
  detail::finish(ref, at, detail::timeout_of(timeout));
  return detail::ready_value(ref);
}
template <class T, class Rep, class Period>
T get(object_ref<T>&& ref, std::chrono::duration<Rep, Period> timeout,
      source_location at = source_location::current()) {
  detail::finish(ref, at, detail::timeout_of(timeout));
  return detail::take(ref);
}
template <class Rep, class Period>
void get(const object_ref<void>& ref, std::chrono::duration<Rep, Period> timeout,
         source_location at = source_location::current()) {
  detail::finish(ref, at, detail::timeout_of(timeout));
}

/// The values of a list, in its order. Throws at the first failure in that order.
template <class T>
auto get(const std::vector<object_ref<T>>& refs, source_location at = source_location::current()) {
  return detail::values(refs, at);
}
template <class T>
auto get(std::vector<object_ref<T>>&& refs, source_location at = source_location::current()) {
  detail::finish(refs, at);
  return detail::take_all(refs);
}
template <class T, class Rep, class Period>
auto get(const std::vector<object_ref<T>>& refs, std::chrono::duration<Rep, Period> timeout,
         source_location at = source_location::current()) {
  return detail::values(refs, at, detail::timeout_of(timeout));
}
template <class T, class Rep, class Period>
auto get(std::vector<object_ref<T>>&& refs, std::chrono::duration<Rep, Period> timeout,
         source_location at = source_location::current()) {
  detail::finish(refs, at, detail::timeout_of(timeout));
  return detail::take_all(refs);
}

/// The values of several refs as a tuple; void becomes std::monostate. Throws at the first failure
/// in that order.
template <class First, class Second, class... Rest>
requires(detail::is_object_ref<std::remove_cvref_t<First>>&&
             detail::is_object_ref<std::remove_cvref_t<Second>> &&
         (true && ... &&
          detail::is_object_ref<std::remove_cvref_t<Rest>>)) auto get(First&& first,
                                                                      Second&& second,
                                                                      Rest&&... rest) {
  // All of them before the first wait.
  detail::ref_access::checked(first, "get");
  detail::ref_access::checked(second, "get");
  (detail::ref_access::checked(rest, "get"), ...);
  // Nowhere is left for a location behind the pack.
  detail::finish(first, source_location{});
  detail::finish(second, source_location{});
  (detail::finish(rest, source_location{}), ...);
  return std::tuple{detail::value_of(std::forward<First>(first)),
                    detail::value_of(std::forward<Second>(second)),
                    detail::value_of(std::forward<Rest>(rest))...};
}

/// True when `get` would not wait: the value or the failure is there.
template <class T>
bool is_ready(const object_ref<T>& ref) {
  const detail::result_slot& slot = detail::ref_access::checked(ref, "is_ready");
  detail::want_completion(slot);
  return slot.is_ready();
}

/// What `wait` returns: both lists in input order.
template <class T>
struct wait_result {
  std::vector<object_ref<T>> ready;
  std::vector<object_ref<T>> not_ready;
};

/// Waits until `num_returns` of the refs are ready, or the timeout passes (0 polls). `ready` holds
/// at most num_returns; a failed task counts as ready. Throws std::invalid_argument for duplicates,
/// an empty ref, a negative timeout, and num_returns below 1 or above the length of a list that is
/// not empty.
template <class T>
wait_result<T> wait(std::vector<object_ref<T>> refs, const wait_options& options = {},
                    source_location = source_location::current()) {
  detail::check_may_wait("wait");
  std::uint64_t mark = 0;
  for (const object_ref<T>& ref : refs) {
    mark += detail::mark_of(detail::ref_access::checked(ref, "wait"));
  }
  const std::vector<std::size_t> are_ready =
      detail::wait_for_some(detail::slots_of(refs), mark, options.num_returns,
                            options.timeout.has_value(), options.timeout.value());
  wait_result<T> result;
  result.ready.reserve(are_ready.size());
  for (const std::size_t index : are_ready) {
    result.ready.push_back(std::move(refs[index]));
  }
  result.not_ready = detail::without(std::move(refs), are_ready);
  return result;
}

/// Refs in the order in which they become ready: a range for one pass, which owns its copies of the
/// refs. For one thread.
template <class T>
class completion_range {
 public:
  explicit completion_range(std::vector<object_ref<T>> refs)
      : refs_{(detail::check_may_wait("as_completed"),
               detail::check_no_empty_ref(refs, "as_completed"), std::move(refs))},
        queue_{detail::slots_of(refs_)} {}

  class iterator {
   public:
    using iterator_concept = std::input_iterator_tag;
    using value_type = object_ref<T>;
    using difference_type = std::ptrdiff_t;

    iterator() noexcept = default;
    explicit iterator(completion_range& range) : range_{&range} { advance(); }
    object_ref<T>& operator*() const noexcept { return range_->refs_[current_]; }
    object_ref<T>* operator->() const noexcept { return &range_->refs_[current_]; }
    iterator& operator++() {
      advance();
      return *this;
    }
    void operator++(int) { advance(); }
    friend bool operator==(const iterator& it, std::default_sentinel_t) noexcept {
      return it.at_end_;
    }

   private:
    void advance() {
      at_end_ = range_->handed_out_ == range_->refs_.size();
      if (!at_end_) {
        current_ = range_->queue_.next();
        ++range_->handed_out_;
      }
    }

    completion_range* range_ = nullptr;
    std::size_t current_ = 0;
    bool at_end_ = true;
  };

  /// Waits for the first.
  [[nodiscard]] iterator begin() { return iterator{*this}; }
  [[nodiscard]] std::default_sentinel_t end() const noexcept { return {}; }

 private:
  std::vector<object_ref<T>> refs_;
  detail::completion_queue queue_;
  std::size_t handed_out_ = 0;
};

/// for (auto& ref : as_completed(refs)): each as it becomes ready, O(1) each. Duplicates come once
/// each.
template <class T>
completion_range<T> as_completed(std::vector<object_ref<T>> refs,
                                 source_location = source_location::current()) {
  return completion_range<T>{std::move(refs)};
}

}  // namespace narke
