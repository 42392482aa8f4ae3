// The driver of map.
//
//  1. Whoever works takes the next elements by one addition to `next_`: each element is run by one.
//     Elements are handed out in order.
//  2. An element that throws lowers `end_` to its index; from then on nobody begins a chunk that
//     lies behind it. What lies before it was handed out already and is run to its end, so the
//     error that is left is that of the first element, by index, each time.
//  3. The task works itself and has a helper for each other CPU. When it finds nothing left it gets
//     its helpers: one that nobody has begun is run in place, and ends at once.
#include <algorithm>
#include <atomic>
#include <cmath>
#include <cstddef>
#include <cstdint>
#include <exception>
#include <mutex>
#include <stdexcept>
#include <vector>

#include <fmt/format.h>

#include <narke/detail/map_source.hpp>
#include <narke/errors.hpp>
#include <narke/get.hpp>
#include <narke/runtime.hpp>

#include "base/needed_memory.hpp"
#include "base/ticks.hpp"
#include "worker/worker_pool.hpp"

namespace narke::detail {

namespace {

constexpr double chunk_goal_ns = 50'000;
constexpr std::size_t growth_max = 8;  // so that one quick element does not speak for all

/// How many elements one thread takes at once, by the time that its last chunk took.
class pace {
 public:
  pace(std::size_t fixed, std::size_t workers)
      : fixed_{fixed}, workers_{workers}, size_{std::max<std::size_t>(fixed, 1)} {}

  /// The last chunks are shorter, so that all end at about the same time.
  [[nodiscard]] std::size_t next(std::size_t left) const noexcept {
    if (fixed_ != 0) {
      return fixed_;
    }
    return std::clamp<std::size_t>(size_, 1, std::max<std::size_t>(left / (2 * workers_), 1));
  }
  void took(std::size_t elements, std::uint64_t ticks) noexcept {
    const double each = static_cast<double>(ticks) / static_cast<double>(elements);
    const double wanted = goal_ticks() / std::max(each, 0.01);
    const double most = static_cast<double>(elements * growth_max);
    size_ = static_cast<std::size_t>(std::clamp(wanted, 1.0, most));
  }

 private:
  static double goal_ticks() noexcept {
    static const double ticks = chunk_goal_ns / internal::nanoseconds_per_tick();
    return ticks;
  }

  const std::size_t fixed_;
  const std::size_t workers_;
  std::size_t size_;
};

class map_run {
 public:
  map_run(map_job& job, std::size_t count, std::size_t chunk, std::size_t workers)
      : job_{job}, chunk_{chunk}, workers_{workers}, end_{count} {}

  void work() noexcept {
    pace mine{chunk_, workers_};
    while (!stop_requested()) {
      const std::size_t end = end_.load(std::memory_order_relaxed);
      const std::size_t seen = next_.load(std::memory_order_relaxed);
      if (seen >= end) {
        return;
      }
      const std::size_t size = mine.next(end - seen);
      const std::size_t begin = next_.fetch_add(size, std::memory_order_relaxed);
      if (begin >= end) {
        return;
      }
      const std::uint64_t began = internal::ticks_now();
      run_chunk(begin, std::min(end, begin + size));
      mine.took(size, internal::ticks_now() - began);
    }
    was_stopped_.store(true, std::memory_order_relaxed);
  }

  /// Requires: nobody works any more.
  void throw_if_failed() const {
    if (error_) {
      std::rethrow_exception(error_);
    }
    if (was_stopped_.load(std::memory_order_relaxed)) {
      throw task_cancelled_error{
          "narke::map was asked to stop before its last element: it was cancelled, or the runtime "
          "shuts down. Get its ref before that"};
    }
  }

 private:
  void run_chunk(std::size_t begin, std::size_t end) noexcept {
    std::exception_ptr error;
    const std::size_t reached = job_.run(begin, end, error);
    if (error) {
      const std::lock_guard lock{mutex_};
      if (!error_ || reached < end_.load(std::memory_order_relaxed)) {
        error_ = error;
        end_.store(reached, std::memory_order_relaxed);
      }
    }
  }

  map_job& job_;
  const std::size_t chunk_;
  const std::size_t workers_;
  std::atomic<std::size_t> next_{0};
  std::atomic<std::size_t> end_;  // written under mutex_
  std::atomic<bool> was_stopped_{false};
  std::mutex mutex_;
  std::exception_ptr error_;  // guarded by mutex_
};

// However this task is disturbed: a helper that still works would work on what is gone.
void wait_until_over(const object_ref<void>& helper) noexcept {
  const internal::memory_needed needed;
  while (!is_ready(helper)) {
    try {
      get(helper);
    } catch (const error&) {
      // It was dropped before it began, or this task was asked to stop.
    }
  }
}

}  // namespace

std::size_t checked_chunk(number chunk) {
  const double size = chunk;
  if (!(size >= 0) || size != std::floor(size) || size > 9e15) {
    throw std::invalid_argument{fmt::format(
        "narke::map: chunk = {}: give a whole number of elements, or 0 to have it measured", size)};
  }
  return static_cast<std::size_t>(size);
}

void run_map(map_job& job, std::size_t count, std::size_t chunk) {
  const auto cpus = static_cast<std::size_t>(std::max(internal::worker_pool::instance().cpus(), 1));
  map_run run{job, count, chunk, cpus};
  const std::size_t chunks = chunk == 0 ? count : (count + chunk - 1) / chunk;
  std::vector<object_ref<void>> helpers;
  helpers.reserve(cpus);
  try {
    while (helpers.size() + 1 < std::min(cpus, chunks)) {
      helpers.push_back(task([&run] { run.work(); }).remote());
    }
  } catch (const std::exception&) {
    // The runtime shuts down, or there is no memory: no more of them. Those that are there work on
    // what lies on this stack, so this is no way out.
  }
  run.work();
  for (const object_ref<void>& helper : helpers) {
    wait_until_over(helper);
  }
  run.throw_if_failed();
}

}  // namespace narke::detail
