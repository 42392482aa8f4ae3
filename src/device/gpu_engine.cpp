#include "device/gpu_engine.hpp"

#include <chrono>
#include <utility>

#include "base/log.hpp"
#include "base/needed_memory.hpp"
#include "device/driver_call.hpp"

namespace narke::internal {

constinit gpu_wait_hooks the_gpu_wait_hooks;

gpu_engine& gpu_engine::instance() {
  // Never destroyed: arrays may outlive everything.
  static auto* engine = new gpu_engine;
  return *engine;
}

std::uint64_t gpu_engine::now_ns() const {
  if (options_.now_ns) {
    return options_.now_ns();
  }
  return static_cast<std::uint64_t>(std::chrono::duration_cast<std::chrono::nanoseconds>(
                                        std::chrono::steady_clock::now().time_since_epoch())
                                        .count());
}

gpu_device* gpu_engine::device_at(int index) noexcept {
  return devices_[static_cast<std::size_t>(index)].get();
}

void gpu_engine::start(gpu_engine_options options) {
  const lock_type lock{mutex_};
  options_ = std::move(options);
  order_ = std::make_unique<stream_order>(*options_.table, options_.mutation);
  devices_.clear();
  for (std::size_t i = 0; i != options_.ordinals.size(); ++i) {
    devices_.push_back(std::make_unique<gpu_device>(static_cast<int>(i), options_.ordinals[i]));
  }
  learned_.clear();
  claimant_ = nullptr;
  facts_ = {};
  leaned_on_ = 0;
  is_stopping_ = false;
  is_any_lost_ = false;
  is_started_ = true;
}

bool gpu_engine::is_started() {
  const lock_type lock{mutex_};
  return is_started_;
}

void gpu_engine::stop() noexcept {
  const memory_needed needed;
  std::vector<std::jthread> threads;
  {
    lock_type lock{mutex_};
    if (!is_started_) {
      return;
    }
    for (const auto& device : devices_) {
      if (device->phase_ == device_phase::open) {
        bring_all_to_host(*device, lock);
      }
    }
    is_stopping_ = true;
    for (const auto& device : devices_) {
      for (std::jthread& thread : device->threads_) {
        thread.request_stop();
        threads.push_back(std::move(thread));
      }
      device->threads_.clear();
      device->changed_.notify_all();
      device->chores_.notify_all();
    }
  }
  threads.clear();  // joins
  lock_type lock{mutex_};
  for (const auto& device : devices_) {
    close(*device);
  }
  is_started_ = false;
  sweep(lock);
  devices_.clear();
  order_.reset();
  host_changed_.notify_all();
}

void gpu_engine::submit(gpu_work& work) noexcept {
  const memory_needed needed;
  const lock_type lock{mutex_};
  // On a device that is lost, too: whoever submits for it fails the work, and nobody recurses.
  gpu_device& device = *device_at(work.devices.front());
  work.others_.resize(work.devices.size() - 1);
  work.learned_ = &learned_[work.key];
  ++facts_.works;
  device.submitted_.push_back(&work);
  if (options_.has_threads) {
    ensure_thread(device);
  }
}

void gpu_engine::want(gpu_work& work) noexcept {
  if (work.is_wanted.exchange(true, std::memory_order_acq_rel)) {
    return;
  }
  const lock_type lock{mutex_};
  for (const auto& device : devices_) {
    device->changed_.notify_all();  // where it is, or will be, is the placement's to know
  }
}

bool gpu_engine::is_idle() {
  const lock_type lock{mutex_};
  for (const auto& device : devices_) {
    if (has_outstanding(*device)) {
      return false;
    }
  }
  return true;
}

bool gpu_engine::advance(int device) {
  lock_type lock{mutex_};
  gpu_device& moved = *device_at(device);
  if (moved.phase_ == device_phase::closed) {
    if (moved.submitted_.empty()) {
      return false;
    }
    open(moved, lock);
    return true;
  }
  const scoped_context current{*options_.table, moved.context_};
  const bool did = advance_locked(moved, lock, true);
  sweep(lock);
  return did;
}

gpu_engine_facts gpu_engine::facts() {
  const lock_type lock{mutex_};
  gpu_engine_facts all = facts_;
  if (order_ != nullptr) {
    all.order = order_->counts();
  }
  for (const auto& device : devices_) {
    gpu_device_facts& facts = all.devices.emplace_back();
    facts.is_open = device->phase_ == device_phase::open;
    facts.is_lost = device->phase_ == device_phase::lost;
    facts.evictions = device->evictions_;
    if (device->memory_ != nullptr) {
      facts.capacity_bytes = device->memory_->capacity_bytes();
      facts.used_bytes = device->memory_->used_bytes();
      facts.peak_bytes = device->memory_->peak_bytes();
      facts.driver_allocations = device->memory_->driver_allocations();
    }
  }
  return all;
}

int gpu_engine::device_count() {
  const lock_type lock{mutex_};
  return is_started_ ? static_cast<int>(devices_.size()) : 0;
}

std::size_t gpu_engine::queue_length(int device) {
  const lock_type lock{mutex_};
  if (!is_started_ || static_cast<std::size_t>(device) >= devices_.size()) {
    return 0;
  }
  const gpu_device& asked = *device_at(device);
  std::size_t works = asked.submitted_.size() + asked.prepared_.size() + asked.admitted_.size();
  for (const auto& in_stream : asked.in_flight_) {
    works += in_stream.size();
  }
  return works;
}

// Threads.

// Requires: the mutex is held. Wakes whoever has the role, or makes a first thread.
void gpu_engine::ensure_thread(gpu_device& device) {
  if (device.threads_.empty()) {
    device.threads_.emplace_back(
        [this, &device](const std::stop_token& stop) { submitter_loop(device, stop); });
    device.threads_.emplace_back(
        [this, &device](const std::stop_token& stop) { copier_loop(device, stop); });
    return;
  }
  device.changed_.notify_all();
}

void gpu_engine::submitter_loop(gpu_device& device, const std::stop_token& stop) {
  const memory_needed needed;
  lock_type lock{mutex_};
  while (!stop.stop_requested()) {
    if (device.role_taken_) {
      ++device.spare_threads_;
      device.changed_.wait(lock);
      --device.spare_threads_;
      continue;
    }
    device.role_taken_ = true;
    if (device.phase_ == device_phase::closed) {
      open(device, lock);
    }
    const scoped_context current{*options_.table, device.context_};
    unsigned idle_turns = 0;
    // A body that waits gives the role away: the work is then no longer this thread's.
    const std::uint64_t mine = ++device.role_number_;
    while (device.role_number_ == mine && !stop.stop_requested()) {
      const bool did = advance_locked(device, lock, false);
      sweep(lock);
      if (device.role_number_ != mine) {
        break;
      }
      idle_turns = did ? 0 : idle_turns + 1;
      if (!did) {
        sleep(device, lock, stop, idle_turns);
      }
    }
    if (device.role_number_ == mine) {
      device.role_taken_ = false;
    }
  }
}

// Requires: the mutex is held, and this thread has the role.
void gpu_engine::give_role_up(gpu_device& device) {
  if (!options_.has_threads) {
    return;
  }
  ++device.role_number_;
  device.role_taken_ = false;
  if (device.spare_threads_ == 0) {
    device.threads_.emplace_back(
        [this, &device](const std::stop_token& stop) { submitter_loop(device, stop); });
  } else {
    device.changed_.notify_all();
  }
}

bool gpu_engine::has_outstanding(const gpu_device& device) const {
  bool any = !device.submitted_.empty() || !device.prepared_.empty() || !device.admitted_.empty() ||
             !device.again_.empty() || !device.transfers_.empty() || device.bodies_running_ != 0;
  for (const auto& in_stream : device.in_flight_) {
    any = any || !in_stream.empty();
  }
  return any;
}

bool gpu_engine::has_waiters(const gpu_device& device) const {
  if (!device.prepared_.empty() || !device.admitted_.empty() || !device.again_.empty() ||
      !device.transfers_.empty()) {
    return true;
  }
  for (const auto& in_stream : device.in_flight_) {
    for (const gpu_work* work : in_stream) {
      if (work->is_wanted.load(std::memory_order_relaxed)) {
        return true;
      }
    }
  }
  return false;
}

void gpu_engine::sleep(gpu_device& device, lock_type& lock, const std::stop_token& stop,
                       unsigned idle_turns) {
  using std::chrono::microseconds;
  if (stop.stop_requested()) {
    return;
  }
  if (!has_outstanding(device)) {
    device.changed_.wait(lock);
    return;
  }
  // After a tenth of a second without any end a little more is no matter: up to 10 ms in the end,
  // which is less than a fiftieth of the time that it took to get there.
  constexpr unsigned patient_turns = 100;
  const unsigned longer_ms = idle_turns < patient_turns ? 0 : (idle_turns - patient_turns) / 10;
  const microseconds period_max{1000 * std::min(1 + longer_ms, 10U)};
  if (!has_waiters(device)) {
    device.changed_.wait_for(lock, period_max);
    return;
  }
  constexpr unsigned spins = 20;  // about a microsecond each
  if (idle_turns <= spins) {
    lock.unlock();
    std::this_thread::yield();
    lock.lock();
    return;
  }
  const unsigned doublings = std::min(idle_turns - spins - 1, 8U);
  device.changed_.wait_for(lock, std::min(microseconds{50} * (1U << doublings), period_max));
}

void gpu_engine::copier_loop(gpu_device& device, const std::stop_token& stop) {
  const memory_needed needed;
  lock_type lock{mutex_};
  while (!stop.stop_requested()) {
    if (device.phase_ != device_phase::open || !do_chore(device, lock)) {
      device.chores_.wait(lock);
    }
    sweep(lock);
  }
}

void gpu_engine::release_later(detail::array_buffer& buffer) {
  if (buffer.drop_ref()) {
    released_.push_back(&buffer);
  }
}

// What was let go under the mutex: host memory goes outside it, as that calls the user's code.
void gpu_engine::sweep(lock_type& lock) noexcept {
  const memory_needed needed;
  while (!released_.empty()) {
    std::vector<detail::array_buffer*> gone;
    gone.swap(released_);
    for (detail::array_buffer* buffer : gone) {
      while (!buffer->replicas().empty()) {
        drop(*buffer->replicas().back());
      }
    }
    lock.unlock();
    for (detail::array_buffer* buffer : gone) {
      delete buffer;
    }
    lock.lock();
  }
}

}  // namespace narke::internal
