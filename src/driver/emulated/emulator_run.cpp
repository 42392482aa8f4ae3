// Streams, the threads that run what they hold, and the three clocks.
#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <cstring>
#include <system_error>

#include "base/needed_memory.hpp"
#include "driver/emulated/emulated_checks.hpp"
#include "driver/emulated/emulator.hpp"
#include "driver/emulated/emulator_thread.hpp"

namespace narke::internal {

using emulation::work_kind;

std::unique_ptr<emulator::operation> emulator::new_operation(const call& current, work_kind kind) {
  auto work = std::make_unique<operation>();
  work->kind = kind;
  work->entry = current.entry;
  work->label = name_of(current.entry);
  return work;
}

/// Waits while the queue of the stream is full. The stream may be lost meanwhile.
cu_result emulator::wait_for_room(call& current, const stream_ptr& stream) {
  const auto has_room = [&] {
    return stream->queue.size() < options_.launch_queue_depth ||
           stream->context->sticky != cu_result::success || stream->is_destroyed || is_stopping_;
  };
  if (!has_room()) {
    ++launches_blocked_;
    wait_for(current.lock, has_room);
  }
  if (is_stopping_) return cu_result::deinitialized;
  return stream->is_destroyed ? cu_result::invalid_handle : stream->context->sticky;
}

void emulator::enqueue(const stream_ptr& stream, std::unique_ptr<operation> work) {
  work->number = next_operation_++;
  if (work->sequence == 0) work->sequence = ++stream->issued;
  stream->queue.push_back(std::move(work));
  ++pending_;
  if (options_.query_patience_us != 0) last_enqueued_ = std::chrono::steady_clock::now();
  pump(stream);
}

/// Completing a point lets other streams go on: they are taken one after the other, not one inside
/// the other, however long the chain is.
void emulator::pump(const stream_ptr& stream) {
  to_pump_.push_back(stream);
  if (is_pumping_) return;
  is_pumping_ = true;
  while (!to_pump_.empty()) {
    const stream_ptr next = std::move(to_pump_.back());
    to_pump_.pop_back();
    pump_one(next);
  }
  is_pumping_ = false;
}

void emulator::pump_one(const stream_ptr& stream) {
  while (!stream->is_busy && !stream->is_blocked && !stream->queue.empty()) {
    const operation& front = *stream->queue.front();
    switch (front.kind) {
      case work_kind::closure:
      case work_kind::copy:
      case work_kind::fill:
        start_work(stream);
        break;
      case work_kind::wait:
        if (!front.point->is_complete && !front.is_cancelled) {
          stream->is_blocked = true;
          front.point->waiting.push_back(stream);
          return;
        }
        complete_front(stream);
        break;
      case work_kind::record:
      case work_kind::allocate:
      case work_kind::release:
        complete_front(stream);
        break;
    }
  }
}

/// Gives the work at the front its time and hands it to whoever runs it.
void emulator::start_work(const stream_ptr& stream) {
  operation& work = *stream->queue.front();
  stream->is_busy = true;
  if (options_.clock == emulated_clock::free_running) {
    ready_.push_back(stream);
    start_thread_if_needed();
    return;
  }
  work.start_ns = clock_ns();
  for (const auto* engine : work.engines) {
    work.start_ns = std::max(work.start_ns, engine->free_at_ns);
  }
  work.end_ns = work.start_ns + modelled(work.duration_ns);
  for (auto* engine : work.engines) engine->free_at_ns = work.end_ns;
  if (options_.clock == emulated_clock::virtual_time) {
    const std::uint64_t tie = options_.perturb ? random_() : work.number;
    agenda_.insert({work.end_ns, stream->priority, tie, work.number, stream});
    progress_.notify_all();
    return;
  }
  ready_.push_back(stream);
  start_thread_if_needed();
}

std::uint64_t emulator::modelled(std::uint64_t duration_ns) {
  if (!options_.perturb || options_.clock != emulated_clock::virtual_time) return duration_ns;
  return static_cast<std::uint64_t>(static_cast<double>(duration_ns + 1) *
                                    std::exp2(chance() * 6 - 3));
}

void emulator::complete_front(const stream_ptr& stream) {
  const std::unique_ptr<operation> work = std::move(stream->queue.front());
  stream->queue.pop_front();
  stream->completed = std::max(stream->completed, work->sequence);
  --pending_;
  for (const auto& registration : work->registrations) --registration->in_use;
  if (work->kind == work_kind::allocate) complete_allocation(*work);
  if (work->kind == work_kind::release) complete_release(*work);
  if (work->kind == work_kind::closure && work->closure.drop != nullptr) {
    to_drop_.push_back({work->closure.drop, work->closure.context});
  }
  const bool has_point = work->point != nullptr && work->kind != work_kind::wait;
  if (has_point) complete_point(*work->point);
  const bool has_room_again = stream->queue.size() + 1 == options_.launch_queue_depth;
  const bool is_awaited = stream->completed >= stream->awaited;
  if (is_awaited) stream->awaited = UINT64_MAX;
  if (is_awaited || has_point || has_room_again || pending_ == 0) progress_.notify_all();
}

void emulator::complete_point(record_point& point) {
  point.is_complete = true;
  point.completed_ns = clock_ns();
  for (const stream_ptr& stream : point.waiting) {
    stream->is_blocked = false;
    to_pump_.push_back(stream);
  }
  point.waiting.clear();
  if (!is_pumping_ && !to_pump_.empty()) {
    const stream_ptr next = std::move(to_pump_.back());
    to_pump_.pop_back();
    pump(next);
  }
}

/// What is still in the queue will not run. Work that was handed out ends by itself.
void emulator::drop_queue(stream_state& stream) {
  for (const auto& work : stream.queue) work->is_cancelled = true;
  stream.is_blocked = false;
  const bool keeps_front = stream.is_busy;
  std::deque<std::unique_ptr<operation>> rest;
  while (stream.queue.size() > (keeps_front ? 1U : 0U)) {
    rest.push_front(std::move(stream.queue.back()));
    stream.queue.pop_back();
  }
  for (auto& work : rest) {
    stream.completed = std::max(stream.completed, work->sequence);
    --pending_;
    for (const auto& registration : work->registrations) --registration->in_use;
    if (work->kind == work_kind::release) complete_release(*work);
    if (work->closure.drop != nullptr) {
      to_drop_.push_back({work->closure.drop, work->closure.context});
    }
    if (work->point != nullptr && work->kind != work_kind::wait) complete_point(*work->point);
  }
  progress_.notify_all();
}

/// Those that were destroyed with work in them too.
std::vector<emulator::stream_ptr> emulator::all_streams() {
  std::erase_if(orphans_, [](const stream_ptr& stream) { return stream->queue.empty(); });
  std::vector<stream_ptr> streams = orphans_;
  streams_.for_each([&](const stream_ptr& stream) { streams.push_back(stream); });
  return streams;
}

/// Waits on other devices for points of the lost one are let through: nothing would ever end them.
void emulator::lose(context_state& context, cu_result code) {
  if (context.sticky != cu_result::success || context.is_destroyed) return;
  context.sticky = code;
  find_device(context.ordinal)->lost = code;
  std::vector<stream_ptr> lost;
  for (const stream_ptr& stream : all_streams()) {
    if (stream->context.get() == &context) lost.push_back(stream);
  }
  for (const stream_ptr& stream : lost) drop_queue(*stream);
  for (auto entry = agenda_.begin(); entry != agenda_.end();) {
    if (entry->stream->context.get() != &context) {
      ++entry;
      continue;
    }
    const stream_ptr stream = entry->stream;
    entry = agenda_.erase(entry);
    stream->is_busy = false;
    complete_front(stream);
  }
  progress_.notify_all();
}

/// One for each stream that is ready, and one when there is something to drop.
void emulator::start_thread_if_needed() {
  if (hands_free_ > 0) {
    --hands_free_;
    return;
  }
  work_.notify_one();
  const std::size_t wanted = ready_.size() + (to_drop_.empty() ? 0 : 1);
  if (is_stopping_ || wanted <= threads_idle_) return;
  try {
    threads_.emplace_back([this] { run_thread(); });
    ++threads_idle_;  // it is one as soon as it runs
  } catch (const std::system_error&) {
    if (threads_.empty()) throw;  // else the others get there, later
  }
}

void emulator::run_thread() {
  const memory_needed needed;
  lock_type lock(mutex_);
  while (true) {
    work_.wait(lock, [this] { return is_stopping_ || !ready_.empty() || !to_drop_.empty(); });
    if (ready_.empty() && to_drop_.empty()) return;
    --threads_idle_;
    if (!ready_.empty()) run_front(lock, next_ready());
    drop_closures(lock);
    ++threads_idle_;
  }
}

/// Without the mutex, after the work was completed, and never on a thread that called the driver:
/// what closures captured may wait for a lock that such a thread holds.
void emulator::drop_closures(lock_type& lock) {
  while (!to_drop_.empty()) {
    std::vector<dropped_closure> dropped;
    dropped.swap(to_drop_);
    ++drops_running_;
    lock.unlock();
    for (const dropped_closure& closure : dropped) closure.drop(closure.context);
    lock.lock();
    --drops_running_;
    progress_.notify_all();
  }
}

emulator::stream_ptr emulator::next_ready() {
  auto chosen = ready_.begin();
  if (options_.perturb) {
    chosen += static_cast<std::ptrdiff_t>(random_() % ready_.size());
  } else {
    chosen = std::min_element(
        ready_.begin(), ready_.end(),
        [](const stream_ptr& a, const stream_ptr& b) { return a->priority < b->priority; });
  }
  stream_ptr stream = std::move(*chosen);
  ready_.erase(chosen);
  return stream;
}

/// Requires: the stream is busy, and this thread is the one that runs its front.
void emulator::run_front(lock_type& lock, const stream_ptr& stream) {
  operation& work = *stream->queue.front();
  if (options_.clock == emulated_clock::real_time) {
    sleep_until(lock, work.start_ns);
  } else if (options_.perturb && options_.clock == emulated_clock::free_running) {
    const double delay_us = chance() * static_cast<double>(options_.perturb_delay_us_max);
    sleep_until(lock, clock_ns() + static_cast<std::uint64_t>(delay_us * 1000));
  }
  std::optional<cu_result> failure;
  if (!work.is_cancelled) {
    failure = fault_of_work();
    lock.unlock();
    if (!failure && !run_body(work)) failure = cu_result::launch_failed;
    lock.lock();
    report_caught(work.caught, &work);
    if (options_.clock == emulated_clock::real_time) sleep_until(lock, work.end_ns);
  }
  stream->is_busy = false;
  if (failure) lose(*stream->context, *failure);
  if (!stream->queue.empty() && stream->queue.front().get() == &work) complete_front(stream);
  // A thread with nothing to drop takes the next work itself; nobody has to be woken for it.
  hands_free_ = to_drop_.empty() ? 1 : 0;
  pump(stream);
  hands_free_ = 0;
}

/// Without the mutex. False = a closure threw.
bool emulator::run_body(operation& work) {
  std::unique_lock<std::mutex> alone;
  if (guard_ != nullptr) {
    alone = std::unique_lock(body_mutex_);
    guard_->open(work.number, work.accesses);
  }
  bool is_success = true;
  switch (work.kind) {
    case work_kind::closure:
      is_success = run_closure(work);
      break;
    case work_kind::copy:
      std::memmove(work.to, work.from, work.bytes);
      break;
    case work_kind::fill:
      std::memset(work.to, work.value, work.bytes);
      break;
    default:
      break;
  }
  if (guard_ != nullptr) {
    guard_->close(work.accesses);
    work.caught = guard_->take();
  }
  return is_success;
}

bool emulator::run_closure(operation& work) {
  bool& runs_work = emulation::this_thread().runs_work;
  runs_work = true;
  bool is_success = false;
  try {
    const memory_refusable users;
    is_success = work.closure.run(work.closure.context);
  } catch (...) {
    // As on a device, nobody is told more than that the launch failed.
  }
  runs_work = false;
  return is_success;
}

std::optional<cu_result> emulator::fault_of_work() {
  for (planned_fault& planned : faults_) {
    emulated_fault& fault = planned.fault;
    if (!fault.when_executed || fault.times == 0) continue;
    ++planned.seen;
    const bool hits = fault.nth != 0 ? planned.seen >= fault.nth : chance() < fault.chance;
    if (!hits) continue;
    --fault.times;
    return fault.code;
  }
  return std::nullopt;
}

void emulator::sleep_until(lock_type& lock, std::uint64_t time_ns) {
  const auto time = started_ + std::chrono::nanoseconds(time_ns);
  never_.wait_until(lock, time, [this] { return is_stopping_; });
}

std::uint64_t emulator::clock_ns() const {
  if (options_.clock == emulated_clock::virtual_time) return virtual_now_ns_;
  const auto passed = std::chrono::steady_clock::now() - started_;
  return static_cast<std::uint64_t>(
      std::chrono::duration_cast<std::chrono::nanoseconds>(passed).count());
}

/// Host time that is modelled: it passes while streams work on.
void emulator::spend(lock_type& lock, std::uint64_t duration_ns) {
  if (options_.clock == emulated_clock::free_running || duration_ns == 0) return;
  const std::uint64_t until_ns = clock_ns() + duration_ns;
  if (options_.clock == emulated_clock::real_time) {
    sleep_until(lock, until_ns);
    return;
  }
  while (is_advancing_ || advance_one(lock, until_ns)) {
    if (is_advancing_) progress_.wait(lock);
  }
  virtual_now_ns_ = std::max(virtual_now_ns_, until_ns);
}

/// Runs the work that ends next. False when there is none until `until_ns`, or when another thread
/// is at it: then `progress_` will be notified.
bool emulator::advance_one(lock_type& lock, std::uint64_t until_ns) {
  if (is_advancing_ || agenda_.empty() || agenda_.begin()->end_ns > until_ns) return false;
  const stream_ptr stream = agenda_.begin()->stream;
  virtual_now_ns_ = std::max(virtual_now_ns_, agenda_.begin()->end_ns);
  agenda_.erase(agenda_.begin());
  is_advancing_ = true;
  run_front(lock, stream);
  is_advancing_ = false;
  end_call();
  progress_.notify_all();
  return true;
}

/// Somebody asks for work that is not done: who polls must see the time pass.
void emulator::advance_for_query(lock_type& lock) {
  if (options_.clock != emulated_clock::virtual_time) return;
  if (options_.query_patience_us != 0) {
    const auto patience = std::chrono::microseconds(options_.query_patience_us);
    if (std::chrono::steady_clock::now() - last_enqueued_ < patience) return;
  }
  advance_one(lock, UINT64_MAX);
}

std::uint64_t emulator::now_ns() {
  const std::lock_guard lock(mutex_);
  return clock_ns();
}

void emulator::wait_until_idle() {
  lock_type lock(mutex_);
  wait_for(lock, [this] { return pending_ == 0 && to_drop_.empty() && drops_running_ == 0; });
}

void emulator::advance(std::uint64_t duration_ns) {
  lock_type lock(mutex_);
  if (options_.clock == emulated_clock::virtual_time) spend(lock, duration_ns);
}

}  // namespace narke::internal
