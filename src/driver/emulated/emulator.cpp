#include "driver/emulated/emulator.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <atomic>
#include <stdexcept>

#include "base/log.hpp"
#include "driver/emulated/emulated_checks.hpp"
#include "driver/emulated/emulator_thread.hpp"

namespace narke::internal {
namespace {

constexpr std::size_t violations_max = 1000;
std::atomic<std::uint64_t> next_generation{1};

}  // namespace

emulator::emulator(emulated_options options)
    : options_(std::move(options)),
      generation_(next_generation.fetch_add(1, std::memory_order_relaxed)),
      started_(std::chrono::steady_clock::now()),
      random_(options_.seed) {
  emulation::check_options(options_);
  for (std::size_t i = 0; i < options_.gpus.size(); ++i) {
    emulated_gpu gpu = options_.gpus[i];
    const cu_uuid uuid = emulation::uuid_of(gpu, i);
    if (gpu.pci_bus_id.empty()) gpu.pci_bus_id = fmt::format("00000000:{:02X}:00.0", 0x10 + i);
    devices_.push_back(std::make_unique<device_state>(std::move(gpu), options_.protect_pages));
    devices_.back()->uuid = uuid;
  }
  if (options_.detect_races) races_ = std::make_unique<race_detector>();
  if (options_.protect_pages) {
    guard_ = std::make_unique<emulation::page_guard>();
    for (const auto& device : devices_) {
      guard_->watch(device->addresses.begin(), device->addresses.span_bytes());
    }
  }
  for (const emulated_fault& fault : options_.faults) faults_.push_back({fault});
}

void emulator::stop() {
  {
    std::unique_lock lock(mutex_);
    is_stopping_ = true;
    for (const stream_ptr& stream : all_streams()) {
      for (const auto& work : stream->queue) work->is_cancelled = true;
    }
    for (const stream_ptr& stream : all_streams()) drop_queue(*stream);
    agenda_.clear();
    work_.notify_all();
    never_.notify_all();
    progress_.notify_all();
  }
  for (std::thread& thread : threads_) thread.join();
  std::unique_lock lock(mutex_);
  for (const stream_ptr& stream : all_streams()) {
    stream->is_busy = false;
    drop_queue(*stream);
  }
  drop_closures(lock);
}

cu_result emulator::begin_call(call& current, call_needs needs) {
  ++calls_[index_of(current.entry)];
  if (is_stopping_) return cu_result::deinitialized;
  if (needs != call_needs::nothing) {
    if (emulation::this_thread().runs_work) {
      report(violation_kind::call_in_work, current, "called from inside device work");
      return cu_result::not_permitted;
    }
    if (!is_initialised_) return cu_result::not_initialized;
  }
  if (needs == call_needs::context) {
    const cu_result code = take_current_context(current);
    if (code != cu_result::success) return code;
  }
  return fault_of_call(current);
}

cu_result emulator::take_current_context(call& current) {
  const emulation::thread_facts& thread = emulation::this_thread();
  if (thread.generation == generation_ && thread.context != nullptr) {
    current.context = contexts_.find(thread.context);
  }
  if (current.context == nullptr) {
    report(violation_kind::wrong_context, current, "no context is current on this thread");
    return cu_result::invalid_context;
  }
  if (current.context->is_destroyed) {
    report(violation_kind::wrong_context, current,
           fmt::format("the current context, of GPU {}, was released for the last time",
                       current.context->ordinal));
    return cu_result::context_is_destroyed;
  }
  return current.context->sticky;
}

void emulator::end_call() {
  if (!to_drop_.empty()) start_thread_if_needed();
}

double emulator::chance() {
  return std::uniform_real_distribution<>(0, 1)(random_);
}

cu_result emulator::fault_of_call(call& current) {
  for (planned_fault& planned : faults_) {
    emulated_fault& fault = planned.fault;
    if (fault.when_executed || fault.times == 0) continue;
    if (!fault.entry.empty() && fault.entry != name_of(current.entry)) continue;
    ++planned.seen;
    const bool hits = fault.nth != 0 ? planned.seen >= fault.nth : chance() < fault.chance;
    if (!hits) continue;
    --fault.times;
    if (fault.skip) {
      current.is_skipped = true;
      return cu_result::success;
    }
    if (emulation::is_sticky(fault.code) && current.context != nullptr) {
      lose(*current.context, fault.code);
    }
    return fault.code;
  }
  return cu_result::success;
}

void emulator::report(violation_kind kind, const char* entry, std::string message) {
  if (!options_.strict) return;
  ++violation_count_;
  if (violations_.size() >= violations_max) return;
  log_warning(fmt::format("Emulated GPU: {}{}{}: {}.", entry, *entry != '\0' ? ": " : "",
                          violation_name(kind), message));
  violations_.push_back({kind, entry, std::move(message)});
}

void emulator::report(violation_kind kind, const call& current, std::string message) {
  report(kind, name_of(current.entry), std::move(message));
}

void emulator::collect_races(const char* entry) {
  if (races_ == nullptr || !races_->has_races()) return;
  for (const race& found : races_->take_races()) {
    std::string text = describe(found);
    if (const auto block = blocks_.find(found.ranges.front().begin)) {
      text += "; " + blocks_.describe(*block);
    }
    report(violation_kind::race, entry, std::move(text));
  }
}

/// `by` is null for what happened outside of device work.
void emulator::report_caught(const std::vector<emulation::caught_access>& caught,
                             const operation* by) {
  for (const emulation::caught_access& one : caught) {
    const bool is_by_work = by != nullptr && one.operation == by->number;
    const auto block = blocks_.find(one.address);
    report(violation_kind::undeclared_access, is_by_work ? name_of(by->entry) : "",
           fmt::format("{} {} {:#x} without having declared it: {}",
                       is_by_work ? "'" + by->label + "'" : "the host, outside of device work,",
                       one.is_write ? "wrote to" : "read", one.address,
                       block == nullptr ? "memory of no block" : blocks_.describe(*block)));
  }
}

/// While work runs, what it does not declare is its own to collect.
void emulator::collect_host_accesses() {
  if (guard_ == nullptr) return;
  const std::unique_lock alone(body_mutex_, std::try_to_lock);
  if (alone.owns_lock()) report_caught(guard_->take(), nullptr);
}

emulator::device_state* emulator::find_device(cu_device device) {
  const bool exists = device >= 0 && static_cast<std::size_t>(device) < devices_.size();
  return exists ? devices_[static_cast<std::size_t>(device)].get() : nullptr;
}

cu_result emulator::find_stream(const call& current, cu_stream handle, stream_ptr& stream) {
  if (reinterpret_cast<std::uintptr_t>(handle) <= 2) {
    report(violation_kind::null_stream, current,
           "uses a default stream, which waits for all others");
    return cu_result::invalid_handle;
  }
  stream = streams_.find(handle);
  if (stream == nullptr) {
    const char* what = streams_.was_given(handle) ? "the stream was destroyed before"
                                                  : "the stream is none of this driver";
    report(violation_kind::stale_handle, current, what);
    return cu_result::invalid_handle;
  }
  return stream->context->sticky;
}

cu_result emulator::find_event(const call& current, cu_event handle, event_ptr& event) {
  event = events_.find(handle);
  if (event == nullptr) {
    const char* what = events_.was_given(handle) ? "the event was destroyed before"
                                                 : "the event is none of this driver";
    report(violation_kind::stale_handle, current, what);
    return cu_result::invalid_handle;
  }
  return event->context->sticky;
}

std::uint64_t emulator::calls(std::size_t entry) {
  const std::lock_guard lock(mutex_);
  return calls_[entry];
}

std::uint64_t emulator::calls_total() {
  const std::lock_guard lock(mutex_);
  std::uint64_t total = 0;
  for (const std::uint64_t count : calls_) total += count;
  return total;
}

void emulator::reset_calls() {
  const std::lock_guard lock(mutex_);
  calls_ = {};
}

std::uint64_t emulator::launches_blocked() {
  const std::lock_guard lock(mutex_);
  return launches_blocked_;
}

std::uint64_t emulator::hidden_waits() {
  const std::lock_guard lock(mutex_);
  return hidden_waits_;
}

std::uint64_t emulator::redundant_waits() {
  const std::lock_guard lock(mutex_);
  return redundant_waits_;
}

std::vector<violation> emulator::violations() {
  const std::lock_guard lock(mutex_);
  collect_host_accesses();
  return violations_;
}

std::size_t emulator::violation_count() {
  const std::lock_guard lock(mutex_);
  collect_host_accesses();
  return violation_count_;
}

void emulator::clear_violations() {
  const std::lock_guard lock(mutex_);
  collect_host_accesses();
  violations_.clear();
  violation_count_ = 0;
}

emulated_leftovers emulator::leftovers() {
  const std::lock_guard lock(mutex_);
  emulated_leftovers left;
  contexts_.for_each([&](const auto& context) {
    if (!context->is_destroyed) ++left.contexts;
  });
  left.streams = streams_.size();
  left.events = events_.size();
  left.pools = pools_.size();
  left.blocks = blocks_.live_count();
  left.registrations = registrations_.size();
  return left;
}

void emulator::inject(const emulated_fault& fault) {
  emulation::check_fault(fault);
  const std::lock_guard lock(mutex_);
  faults_.push_back({fault});
}

void emulator::lose_device(int ordinal, cu_result code) {
  const std::lock_guard lock(mutex_);
  device_state* device = find_device(ordinal);
  if (device == nullptr || code == cu_result::success) {
    throw std::invalid_argument(fmt::format(
        "lose_device: GPU {} with code {}: there are {} GPUs, and the code must be an error.",
        ordinal, static_cast<int>(code), devices_.size()));
  }
  device->lost = code;
  if (device->context != nullptr) lose(*device->context, code);
  end_call();
}

void emulator::set_foreign_bytes(int ordinal, std::uint64_t bytes) {
  const std::lock_guard lock(mutex_);
  device_state* device = find_device(ordinal);
  if (device == nullptr) {
    throw std::invalid_argument(
        fmt::format("ordinal is {}, and there are {} GPUs.", ordinal, devices_.size()));
  }
  device->foreign_bytes = bytes;
}

}  // namespace narke::internal
