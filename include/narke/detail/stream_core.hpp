// What a stream of results keeps: the values that came and were not taken, how many there may be,
// and who waits for the next. Shared by the task that yields and the one who takes; thread-safe.
//
//  1. The producer asks wants_more(), which waits while the stream is full, then pushes.
//  2. The consumer takes; when there is nothing it waits for the *ahead* slot, which push or end
//     publishes, once, outside of the lock; the next wait makes another.
//  3. end comes after the task's own results were published, so whoever sees it finds its
//     resources free. It is final: what the body of a task that was ended early still yields is
//     dropped.
#pragma once

#include <chrono>
#include <condition_variable>
#include <cstddef>
#include <deque>
#include <exception>
#include <memory>
#include <mutex>

#include <narke/detail/node_memory.hpp>
#include <narke/detail/result_slot.hpp>
#include <narke/export.hpp>

namespace narke::detail {

class task_info;

/// Owns one reference to a slot.
struct slot_releaser {
  void operator()(result_slot* slot) const noexcept { slot->release_ref(); }
};
template <class Slot>
using slot_ptr = std::unique_ptr<Slot, slot_releaser>;

/// An object that has no value and gets an error. Nobody has a ref to it before.
template <class T>
class failed_slot final : public typed_slot<T>, public node_memory {
 public:
  failed_slot() { this->publish_unshared(); }

 private:
  void let_go() noexcept override { delete this; }
};

class NARKE_EXPORT stream_core {
 public:
  static constexpr std::size_t unlimited = static_cast<std::size_t>(-1);

  stream_core();
  stream_core(const stream_core&) = delete;
  stream_core& operator=(const stream_core&) = delete;
  ~stream_core();

  /// How many values may wait to be taken.
  void limit_to(std::size_t untaken_max) noexcept;

  // The producer's.

  /// Waits until the stream has room, its CPUs given back. False when nobody takes any more. Throws
  /// task_cancelled_error when the task is asked to stop.
  [[nodiscard]] bool wants_more();
  /// A value, ready.
  void push(slot_ptr<result_slot> value);
  /// The stream ends; `failure`, when given, is its last, with that error. Later calls do nothing.
  void end(slot_ptr<result_slot> failure = {}, const std::exception_ptr& error = nullptr) noexcept;

  // The consumer's.

  /// The next value, with one reference; null at the end. Throws get_timeout_error.
  [[nodiscard]] result_slot* take(std::chrono::nanoseconds timeout);
  /// A slot, with one reference for the caller, that is ready once take() does not wait.
  [[nodiscard]] result_slot* make_ahead();
  /// Nobody takes any more.
  void abandon() noexcept;

 private:
  [[nodiscard]] result_slot* ahead_locked();
  [[nodiscard]] bool has_next_locked() const noexcept { return !values_.empty() || is_ended_; }
  static void publish_ahead(result_slot* ahead) noexcept;

  std::mutex mutex_;
  std::condition_variable_any room_;  // the producer waits for it
  // Guarded by mutex_.
  std::deque<slot_ptr<result_slot>> values_;
  slot_ptr<result_slot> failure_;  // comes after the values, once it ended
  std::size_t untaken_max_ = unlimited;
  result_slot* ahead_ = nullptr;  // with a reference, while somebody waits
  bool is_abandoned_ = false;
  bool is_ended_ = false;
};

/// The stream_buffer of a task's options.
NARKE_EXPORT std::size_t stream_buffer_of(const task_info* info) noexcept;
[[noreturn]] NARKE_EXPORT void throw_empty_stream(const char* call);

}  // namespace narke::detail
