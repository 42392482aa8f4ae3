#include "base/timer_queue.hpp"

#include <system_error>
#include <vector>

#include <fmt/format.h>

#include <narke/errors.hpp>

#include "base/needed_memory.hpp"
#include "base/service_thread.hpp"

namespace narke::internal {

timer_queue& timer_queue::instance() {
  // Never destroyed: threads of the user may still submit while static objects go.
  static auto* queue = new timer_queue;
  return *queue;
}

void timer_queue::start() {
  const std::lock_guard life{life_};
  const std::lock_guard lock{mutex_};
  if (thread_.joinable()) {
    return;
  }
  stopping_ = false;
  try {
    thread_ = std::thread{[this] { run(); }};
  } catch (const std::system_error& failed) {
    throw error{fmt::format(
        "narke: the thread that keeps times could not be made ({}); leave timeout and max_retries "
        "out, or let the process have more threads",
        failed.what())};
  }
}

timer_id timer_queue::schedule(time_point time, callback call, void* context, timer_kind kind) {
  const memory_needed needed;
  const std::lock_guard lock{mutex_};
  const timer_id id = ++last_id_;
  const auto at = entries_.emplace(key{time, id}, entry{call, context, kind}).first;
  times_.emplace(id, time);
  if (at == entries_.begin()) {
    changed_.notify_one();
  }
  return id;
}

bool timer_queue::cancel(timer_id id) noexcept {
  std::unique_lock lock{mutex_};
  if (const auto found = times_.find(id); found != times_.end()) {
    entries_.erase(key{found->second, id});
    times_.erase(found);
    return true;
  }
  if (thread_.get_id() != std::this_thread::get_id()) {
    called_.wait(lock, [&] { return calling_ != id; });
  }
  return false;
}

void timer_queue::hurry() noexcept {
  const memory_needed needed;
  std::vector<entry> due;
  {
    const std::lock_guard lock{mutex_};
    for (auto each = entries_.begin(); each != entries_.end();) {
      if (each->second.kind == timer_kind::may_come_early) {
        due.push_back(each->second);
        times_.erase(each->first.second);
        each = entries_.erase(each);
      } else {
        ++each;
      }
    }
  }
  for (const entry& each : due) {
    each.call(each.context);
  }
}

void timer_queue::stop() noexcept {
  const std::lock_guard life{life_};
  {
    const std::lock_guard lock{mutex_};
    if (!thread_.joinable()) {
      return;
    }
    stopping_ = true;
    changed_.notify_one();
  }
  thread_.join();
  const std::lock_guard lock{mutex_};
  thread_ = {};
}

std::size_t timer_queue::size() const {
  const std::lock_guard lock{mutex_};
  return entries_.size();
}

void timer_queue::run() noexcept {
  const memory_needed needed;
  is_service_thread = true;
  std::unique_lock lock{mutex_};
  while (!stopping_) {
    if (entries_.empty()) {
      changed_.wait(lock);
      continue;
    }
    const auto first = entries_.begin();
    const time_point time = first->first.first;
    if (std::chrono::steady_clock::now() < time) {
      changed_.wait_until(lock, time);
      continue;
    }
    const entry due = first->second;
    calling_ = first->first.second;
    times_.erase(calling_);
    entries_.erase(first);
    lock.unlock();
    due.call(due.context);
    lock.lock();
    calling_ = 0;
    called_.notify_all();
  }
}

}  // namespace narke::internal
