// Streams of results. A function or method that returns narke::generator<T> is a coroutine that
// yields; its task gives a ref for each value as soon as it is there:
//
//   narke::generator<image> frames(const video& from) { while (…) co_yield decode(…); }
//   for (auto ref : narke::task(frames).remote(video)) show(narke::get(ref));
//
// The body runs like that of any task, on one CPU or on what its options ask for, and runs ahead of
// whoever takes: by stream_buffer values (64 unless the options say otherwise) that nobody has
// taken; then it waits, its CPUs given back as in get. An exception that leaves the body is the
// last ref, on which get throws it; so is that of an argument, and task_cancelled_error. When the
// object_ref_generator goes, the body ends at its next co_yield: its locals are destroyed, and
// nothing else happens. A value of the stream that nobody takes dies with it.
#pragma once

#include <chrono>
#include <coroutine>
#include <cstddef>
#include <exception>
#include <iterator>
#include <memory>
#include <optional>
#include <type_traits>
#include <utility>

#include <narke/cancel.hpp>
#include <narke/detail/copyable.hpp>
#include <narke/detail/gpu_body.hpp>
#include <narke/detail/put_slot.hpp>
#include <narke/detail/stream_core.hpp>
#include <narke/detail/task_results.hpp>
#include <narke/detail/waiting.hpp>
#include <narke/object_ref.hpp>
#include <narke/options.hpp>

namespace narke {

namespace detail {
template <class T>
class stream_results;
}

/// What a coroutine that yields values of type T to a task's stream returns. The task runs it: as
/// an object it has nothing to offer. `co_yield` takes what converts to T and may throw what that
/// throws; there is no co_await in it.
template <class T>
class [[nodiscard]] generator {
  static_assert(!std::is_reference_v<T> && !std::is_void_v<T> && !std::is_const_v<T>,
                "narke::generator<T>: T is the type of an object");

 public:
  class promise_type;

  generator(generator&& other) noexcept : frame_{std::exchange(other.frame_, nullptr)} {}
  generator& operator=(generator other) noexcept {
    std::swap(frame_, other.frame_);
    return *this;
  }
  ~generator() {
    if (frame_) {
      frame_.destroy();
    }
  }

 private:
  friend class detail::stream_results<T>;
  using frame = std::coroutine_handle<promise_type>;
  explicit generator(frame made) noexcept : frame_{made} {}

  // The next value, as an object with one reference; null at the end. Throws what the body throws.
  detail::slot_ptr<detail::put_slot<T>> next() {
    if (frame_.done()) {
      return nullptr;
    }
    frame_.resume();
    return std::move(frame_.promise().yielded_);
  }

  frame frame_;
};

template <class T>
class generator<T>::promise_type {
 public:
  generator get_return_object() noexcept { return generator{frame::from_promise(*this)}; }
  std::suspend_always initial_suspend() const noexcept { return {}; }
  std::suspend_always final_suspend() const noexcept { return {}; }
  std::suspend_always yield_value(T&& value) {
    yielded_.reset(new detail::put_slot<T>(std::move(value)));
    return {};
  }
  std::suspend_always yield_value(const T& value) requires detail::is_copyable<T> {
    yielded_.reset(new detail::put_slot<T>(value));
    return {};
  }
  void return_void() const noexcept {}
  // Leaves resume, and with it the body of the task.
  void unhandled_exception() const { throw; }
  template <class U>
  void await_transform(U&&) = delete;

 private:
  friend class generator;
  detail::slot_ptr<detail::put_slot<T>> yielded_;
};

/// The refs of a stream, in the order in which their values were yielded. Moved, not copied: each
/// ref is taken once. For one thread at a time; the refs are for all.
template <class T>
class object_ref_generator {
 public:
  using value_type = T;

  object_ref_generator() noexcept = default;
  object_ref_generator(object_ref_generator&&) noexcept = default;
  object_ref_generator& operator=(object_ref_generator&& other) noexcept {
    if (this != &other) {
      abandon();
      core_ = std::move(other.core_);
      done_ = std::move(other.done_);
    }
    return *this;
  }
  ~object_ref_generator() { abandon(); }

  /// Waits for the next value, as get does, and returns its ref, which is ready; nothing at the end
  /// of the stream. The last ref may be one that failed. Throws std::invalid_argument when this is
  /// empty.
  std::optional<object_ref<T>> next() { return take(detail::for_ever); }
  /// As next, but throws get_timeout_error when nothing came within `timeout`; 0 polls.
  template <class Rep, class Period>
  std::optional<object_ref<T>> next(std::chrono::duration<Rep, Period> timeout) {
    return take(time_limit{timeout}.value());
  }
  /// A ref that is ready as soon as next() does not wait: for wait and as_completed, beside others.
  [[nodiscard]] object_ref<void> next_ready() const {
    return detail::ref_access::adopt<void>(*core("next_ready").make_ahead());
  }
  /// A ref that is ready when the task is done; get throws what it threw. Whoever asks for it waits
  /// for all values, so from then on the stream has no bound.
  [[nodiscard]] object_ref<void> completed() const {
    core("completed").limit_to(detail::stream_core::unlimited);
    return done_;
  }

  /// Goes on where next() stands: `for (auto ref : stream)`, one pass.
  class iterator {
   public:
    using iterator_concept = std::input_iterator_tag;
    using value_type = object_ref<T>;
    using difference_type = std::ptrdiff_t;

    iterator() noexcept = default;
    explicit iterator(object_ref_generator& stream) : stream_{&stream}, current_{stream.next()} {}
    object_ref<T>& operator*() noexcept { return *current_; }
    object_ref<T>& operator*() const noexcept { return const_cast<object_ref<T>&>(*current_); }
    iterator& operator++() {
      current_ = stream_->next();
      return *this;
    }
    void operator++(int) { ++*this; }
    friend bool operator==(const iterator& it, std::default_sentinel_t) noexcept {
      return !it.current_.has_value();
    }

   private:
    object_ref_generator* stream_ = nullptr;
    std::optional<object_ref<T>> current_;
  };
  [[nodiscard]] iterator begin() { return iterator{*this}; }
  [[nodiscard]] std::default_sentinel_t end() const noexcept { return {}; }

  explicit operator bool() const noexcept { return core_ != nullptr; }

 private:
  friend class detail::stream_results<T>;
  template <class U>
  friend bool cancel(const object_ref_generator<U>& stream, const cancel_options& options);

  object_ref_generator(std::shared_ptr<detail::stream_core> core, object_ref<void> done) noexcept
      : core_{std::move(core)}, done_{std::move(done)} {}

  detail::stream_core& core(const char* call) const {
    if (core_ == nullptr) [[unlikely]] {
      detail::throw_empty_stream(call);
    }
    return *core_;
  }
  std::optional<object_ref<T>> take(std::chrono::nanoseconds timeout) {
    detail::check_may_wait("next");
    detail::result_slot* slot = core("next").take(timeout);
    if (slot == nullptr) {
      return std::nullopt;
    }
    return detail::ref_access::adopt<T>(*slot);
  }
  void abandon() noexcept {
    if (core_ != nullptr) {
      core_->abandon();
    }
  }

  std::shared_ptr<detail::stream_core> core_;
  object_ref<void> done_;
};

/// As cancel of a ref: a body that runs ends at its next co_yield, and the last ref of the stream
/// throws task_cancelled_error.
template <class T>
bool cancel(const object_ref_generator<T>& stream, const cancel_options& options = {}) {
  stream.core("cancel");
  return cancel(stream.done_, options);
}

namespace detail {

/// The result of a task that yields: the stream, and an object without a value that stands for its
/// end.
template <class T>
class stream_results {
 public:
  static constexpr std::size_t count = 1;
  using refs = object_ref_generator<T>;

  stream_results() : core_{std::make_shared<stream_core>()}, failure_{new failed_slot<T>} {}

  void attach(task_node& node) noexcept {
    slot_.set_producer(node);
    slot_.add_ref();
    slot_.hold();  // until it is over: published() asks for the error
    node.is_stream = true;
  }
  result_slot* slot(std::size_t) noexcept { return &slot_; }
  refs make_refs() noexcept { return refs{core_, ref_access::adopt<void>(slot_)}; }
  void limit_to(std::size_t untaken_max) noexcept { core_->limit_to(untaken_max); }
  // The body, from its begin to its end. Called again, as for a retry, it leaves out what the
  // stream has already.
  template <class Make>
  void set_from(Make&& make) {
    generator<T> body = std::forward<Make>(make)();
    for (std::size_t i = 0; core_->wants_more(); ++i) {
      slot_ptr<put_slot<T>> value = body.next();
      if (value == nullptr) {
        break;
      }
      if (i == yielded_) {
        ++yielded_;
        core_->push(slot_ptr<result_slot>{value.release()});
      }
    }
    slot_.emplace_from([] {});
  }
  void set_error(const std::exception_ptr& error) noexcept { slot_.set_error(error); }
  void clear() noexcept { slot_.set_error(nullptr); }
  // The task is done. What failed it is the last ref.
  void published() noexcept {
    if (slot_.failed()) {
      core_->end(std::move(failure_), slot_.error());
    } else {
      core_->end();
    }
  }

 private:
  task_slot<void> slot_;
  const std::shared_ptr<stream_core> core_;
  slot_ptr<result_slot> failure_;  // made before it is needed: there may be no memory then
  std::size_t yielded_ = 0;
};

template <class T>
struct results_for<generator<T>, 0> {
  using type = stream_results<T>;
};

}  // namespace detail

}  // namespace narke
