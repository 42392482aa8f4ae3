#include <stdexcept>
#include <stop_token>
#include <utility>

#include <fmt/format.h>

#include <narke/detail/stream_core.hpp>
#include <narke/detail/waiting.hpp>
#include <narke/errors.hpp>
#include <narke/runtime.hpp>

#include "base/forked_child.hpp"
#include "base/needed_memory.hpp"
#include "task/task_info.hpp"
#include "worker/execute.hpp"
#include "worker/lent_cpus.hpp"
#include "worker/waiting.hpp"

namespace narke::detail {

namespace {

/// Ready when the next value, or the end, is there.
class ahead_slot final : public typed_slot<void>, public node_memory {
 private:
  void let_go() noexcept override { delete this; }
};

}  // namespace

stream_core::stream_core() = default;

stream_core::~stream_core() {
  if (ahead_ != nullptr) {  // its task was never submitted
    publish_ahead(ahead_);
  }
}

void stream_core::limit_to(std::size_t untaken_max) noexcept {
  if (internal::is_forked_child()) {
    return;
  }
  {
    const std::lock_guard lock{mutex_};
    untaken_max_ = untaken_max;
  }
  room_.notify_all();
}

bool stream_core::wants_more() {
  const auto has_room_locked = [this] {
    return is_abandoned_ || is_ended_ || values_.size() < untaken_max_;
  };
  bool has_room = false;
  {
    const std::lock_guard lock{mutex_};
    has_room = has_room_locked();
  }
  if (!has_room) {
    const std::stop_token stop = stop_token();
    const internal::blocked_section blocked;
    std::unique_lock lock{mutex_};
    room_.wait(lock, stop, has_room_locked);
  }
  if (stop_requested()) {
    throw task_cancelled_error{
        "narke: the task that yields to a stream was cancelled, or the runtime shuts down: the "
        "stream ends here"};
  }
  const std::lock_guard lock{mutex_};
  return !is_abandoned_ && !is_ended_;
}

// The caller has taken `ahead` out of the stream.
void stream_core::publish_ahead(result_slot* ahead) noexcept {
  if (ahead != nullptr) {
    internal::publish_slot(*ahead);
    ahead->release_ref();
  }
}

void stream_core::push(slot_ptr<result_slot> value) {
  result_slot* ahead = nullptr;
  {
    const std::lock_guard lock{mutex_};
    if (is_abandoned_ || is_ended_) {
      return;  // the value goes after the lock
    }
    values_.push_back(std::move(value));
    ahead = std::exchange(ahead_, nullptr);
  }
  publish_ahead(ahead);
}

void stream_core::end(slot_ptr<result_slot> failure, const std::exception_ptr& error) noexcept {
  result_slot* ahead = nullptr;
  {
    const std::lock_guard lock{mutex_};
    if (is_ended_) {
      return;
    }
    if (failure != nullptr && !is_abandoned_) {
      failure->set_error(error);
      failure_ = std::move(failure);
    }
    is_ended_ = true;
    ahead = std::exchange(ahead_, nullptr);
  }
  room_.notify_all();
  publish_ahead(ahead);
}

result_slot* stream_core::ahead_locked() {
  if (ahead_ == nullptr) {
    ahead_ = new ahead_slot;
  }
  ahead_->add_ref();
  return ahead_;
}

result_slot* stream_core::make_ahead() {
  internal::refuse_in_forked_child("next_ready");
  const std::lock_guard lock{mutex_};
  if (!has_next_locked()) {
    return ahead_locked();
  }
  auto* ready = new ahead_slot;
  ready->publish_unshared();
  return ready;
}

result_slot* stream_core::take(std::chrono::nanoseconds timeout) {
  using clock = std::chrono::steady_clock;
  const auto deadline =
      timeout == for_ever ? clock::time_point::max() : internal::deadline_after(timeout);
  for (;;) {
    slot_ptr<result_slot> ahead;
    {
      const std::lock_guard lock{mutex_};
      if (!values_.empty()) {
        result_slot* value = values_.front().release();
        values_.pop_front();
        room_.notify_all();
        return value;
      }
      if (is_ended_) {
        return failure_.release();
      }
      ahead.reset(ahead_locked());
    }
    const auto rest =
        timeout == for_ever ? for_ever : std::chrono::nanoseconds{deadline - clock::now()};
    if (!wait_for_slot(*ahead, rest)) {
      throw get_timeout_error{fmt::format(
          "narke::next: the stream has no value after {} s; its task goes on. Wait longer, or give "
          "next no timeout",
          std::chrono::duration<double>(timeout).count())};
    }
  }
}

void stream_core::abandon() noexcept {
  if (internal::is_forked_child()) {
    return;
  }
  const internal::memory_needed needed;
  std::deque<slot_ptr<result_slot>> untaken;  // these go after the lock
  slot_ptr<result_slot> untaken_failure;
  {
    const std::lock_guard lock{mutex_};
    is_abandoned_ = true;
    untaken.swap(values_);
    untaken_failure = std::move(failure_);
  }
  room_.notify_all();
}

void throw_empty_stream(const char* call) {
  throw std::invalid_argument{fmt::format(
      "narke::{}: the object_ref_generator is empty. It was default-constructed or moved from; get "
      "one from the remote of a task that returns a narke::generator",
      call)};
}

}  // namespace narke::detail
