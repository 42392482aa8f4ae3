// Opening and closing devices, and losing them.
#include <sys/mman.h>

#include <algorithm>
#include <array>
#include <cstring>
#include <utility>

#include <fmt/format.h>

#include <narke/errors.hpp>

#include "base/log.hpp"
#include "device/driver_call.hpp"
#include "device/gpu_engine.hpp"
#include "driver/cuda_driver.hpp"

namespace narke::internal {
namespace {

cu_mem_pool make_pool(const driver_table& table, cu_device device) {
  cu_mem_pool_props props{};
  props.allocation_type = cu_mem_allocation_type::pinned;
  props.handle_types = cu_mem_handle_type::none;
  props.location = {cu_mem_location_type::device, device};
  cu_mem_pool pool = nullptr;
  check_driver(table, table.mem_pool_create(&pool, &props), "cuMemPoolCreate");
  std::uint64_t keep_all = UINT64_MAX;
  check_driver(
      table,
      table.mem_pool_set_attribute(pool, cu_mem_pool_attribute::release_threshold, &keep_all),
      "cuMemPoolSetAttribute");
  // Hidden waits between streams otherwise.
  int off = 0;
  check_driver(table,
               table.mem_pool_set_attribute(
                   pool, cu_mem_pool_attribute::reuse_allow_internal_dependencies, &off),
               "cuMemPoolSetAttribute");
  return pool;
}

// What is needed of a device to try a link to it.
struct link_end {
  cu_device device;
  cu_context context;
  cu_mem_pool pool;
};

// A stream and a small block of one end, for as long as a link is tried.
class link_trial {
 public:
  static constexpr std::size_t bytes = 4096;

  link_trial(const driver_table& table, const link_end& end) : table_{table}, end_{end} {
    const scoped_context current{table_, end_.context};
    code_ = current.code();
    if (code_ == cu_result::success) {
      code_ = table_.stream_create_with_priority(&stream_, cu_stream_non_blocking, 0);
    }
    if (code_ == cu_result::success) {
      code_ = table_.mem_alloc_from_pool_async(&block_, bytes, end_.pool, stream_);
    }
  }
  link_trial(const link_trial&) = delete;
  link_trial& operator=(const link_trial&) = delete;
  ~link_trial() {
    const scoped_context current{table_, end_.context};
    if (current.code() != cu_result::success) {
      return;  // it answers nothing
    }
    if (block_ != 0) {
      table_.mem_free_async(block_, stream_);
      table_.stream_synchronize(stream_);
      table_.mem_pool_trim_to(end_.pool, 0);
    }
    if (stream_ != nullptr) {
      table_.stream_destroy(stream_);
    }
  }

  [[nodiscard]] bool is_ready() const noexcept { return code_ == cu_result::success; }
  [[nodiscard]] bool is_out_of_memory() const noexcept { return code_ == cu_result::out_of_memory; }
  bool fill(const std::byte* from) {
    const scoped_context current{table_, end_.context};
    return current.code() == cu_result::success &&
           table_.memcpy_htod_async(block_, from, bytes, stream_) == cu_result::success &&
           table_.stream_synchronize(stream_) == cu_result::success;
  }
  bool read(const link_trial& from, std::byte* registered) {
    const scoped_context current{table_, end_.context};
    return current.code() == cu_result::success &&
           table_.memcpy_peer_async(block_, end_.context, from.block_, from.end_.context, bytes,
                                    stream_) == cu_result::success &&
           table_.memcpy_dtoh_async(registered, block_, bytes, stream_) == cu_result::success &&
           table_.stream_synchronize(stream_) == cu_result::success;
  }

 private:
  const driver_table& table_;
  const link_end end_;
  cu_stream stream_ = nullptr;
  cu_device_ptr block_ = 0;
  cu_result code_ = cu_result::success;
};

// Whether what `owner` has arrives at `reader` as it is: a link that is said to be there and brings
// other bytes (behind some bridges and virtual machines) is none. `registered` takes one trial.
bool carries_bytes(const driver_table& table, const link_end& reader, const link_end& owner,
                   std::byte* registered) {
  link_trial from{table, owner};
  link_trial to{table, reader};
  if (from.is_out_of_memory() || to.is_out_of_memory()) {
    return true;  // a device that is full: nothing says otherwise
  }
  std::array<std::byte, link_trial::bytes> sent;
  for (std::size_t i = 0; i != sent.size(); ++i) {
    sent[i] = static_cast<std::byte>(i * 31 + i / 251 + static_cast<std::size_t>(owner.device));
  }
  std::memset(registered, 0, sent.size());
  return from.is_ready() && to.is_ready() && from.fill(sent.data()) && to.read(from, registered) &&
         std::memcmp(registered, sent.data(), sent.size()) == 0;
}

// Whether `reader` can have the memory of `owner` as its own.
bool has_link(const driver_table& table, const link_end& reader, const link_end& owner,
              std::byte* registered, bool is_verified) {
  int can = 0;
  if (table.device_can_access_peer(&can, reader.device, owner.device) != cu_result::success ||
      can == 0) {
    return false;
  }
  const cu_mem_access_desc access{{cu_mem_location_type::device, reader.device},
                                  cu_mem_access_flags::read_write};
  if (table.mem_pool_set_access(owner.pool, &access, 1) != cu_result::success) {
    return false;
  }
  if (is_verified && !carries_bytes(table, reader, owner, registered)) {
    log_warning(
        fmt::format("GPU {} cannot be read by GPU {} though the driver says so: copies "
                    "between them go through host memory",
                    owner.device, reader.device));
    return false;
  }
  return true;
}

}  // namespace

// Opening a device takes long: the mutex is let go meanwhile, and others see that it opens.
void gpu_engine::open(gpu_device& device, lock_type& lock) {
  device.phase_ = device_phase::opening;
  std::exception_ptr why;
  // Streams are the order's, which others may use: made under the lock, the context before it.
  lock.unlock();
  const driver_table& table = *options_.table;
  try {
    check_driver(table, table.init(0), "cuInit");
    check_driver(table, table.device_get(&device.device_, device.ordinal_), "cuDeviceGet");
    check_driver(table, table.device_primary_ctx_retain(&device.context_, device.device_),
                 "cuDevicePrimaryCtxRetain");
    const scoped_context current{table, device.context_};
    check_driver(table, current.code(), "cuCtxSetCurrent");
    make_staging(device);
  } catch (...) {
    why = std::current_exception();
  }
  lock.lock();
  if (why == nullptr) {
    try {
      const scoped_context current{table, device.context_};
      check_driver(table, current.code(), "cuCtxSetCurrent");
      open_on_driver(device);
    } catch (...) {
      why = std::current_exception();
    }
  }
  if (why == nullptr) {
    link_peers(device, lock);
    device.phase_ = device_phase::open;
    device.was_open_ = true;
    return;
  }
  bool answers = true;
  try {
    std::rethrow_exception(why);
  } catch (const driver_call_failed& failed) {
    answers = severity_of(failed.code()) == code_severity::one_call;
    const bool is_taken = failed.code() == cu_result::device_unavailable;
    device.lost_ = std::make_exception_ptr(device_lost_error{fmt::format(
        "GPU {} cannot be opened: {}.{}", device.ordinal_, failed.what(),
        is_taken ? " It is in exclusive-process mode and another process has it; leave it out by "
                   "CUDA_VISIBLE_DEVICES, or wait for that process"
                 : " Leave it out by CUDA_VISIBLE_DEVICES")});
  } catch (...) {
    device.lost_ = why;
  }
  lose(device, cu_result::success, nullptr);
  if (answers) {
    give_handles_back(device);
  }
}

// Requires: the mutex, and that the device's context is current.
void gpu_engine::open_on_driver(gpu_device& device) {
  const driver_table& table = *options_.table;
  device.pool_ = make_pool(table, device.device_);
  int least = 0;
  int greatest = 0;
  check_driver(table, table.ctx_get_stream_priority_range(&least, &greatest),
               "cuCtxGetStreamPriorityRange");
  for (int i = 0; i != options_.compute_streams; ++i) {
    device.compute_.push_back(&order_->add_stream(device, least));
  }
  device.to_device_ = &order_->add_stream(device, greatest);
  device.to_host_ = &order_->add_stream(device, greatest);
  device.peers_ = &order_->add_stream(device, greatest);
  device.in_flight_.resize(device.compute_.size());
  device.leased_.resize(device.compute_.size());
  check_driver(table, table.event_create(&device.probe_, cu_event_disable_timing), "cuEventCreate");
  std::size_t free_bytes = 0;
  std::size_t total_bytes = 0;
  check_driver(table, table.mem_get_info(&free_bytes, &total_bytes), "cuMemGetInfo");
  if (free_bytes <= options_.reserve_bytes) {
    throw out_of_device_memory{fmt::format(
        "GPU {} has {} bytes free, and narke leaves {} of them to others: free some, or leave the "
        "GPU out by CUDA_VISIBLE_DEVICES",
        device.ordinal_, free_bytes, options_.reserve_bytes)};
  }
  device.memory_ = std::make_unique<device_memory>(
      table, *order_, *device.to_device_, device.pool_,
      device_memory_options{.capacity_bytes = free_bytes - options_.reserve_bytes,
                            .slab_bytes = options_.slab_bytes,
                            .one_allocation_a_block = options_.one_allocation_a_block});
}

// Our own pages, registered for all contexts: spans of them outlive each of these.
void gpu_engine::make_staging(gpu_device& device) {
  const driver_table& table = *options_.table;
  staging_area area;
  area.chunk_bytes = options_.chunk_bytes;
  area.bytes = 2 * options_.slots_a_direction * options_.chunk_bytes;
  void* begin =
      ::mmap(nullptr, area.bytes, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
  if (begin == MAP_FAILED) {
    throw std::bad_alloc{};
  }
  area.begin = static_cast<std::byte*>(begin);
  const cu_result code = table.mem_host_register(begin, area.bytes, cu_mem_host_register_portable);
  if (code != cu_result::success) {
    ::munmap(begin, area.bytes);
    check_driver(table, code, "cuMemHostRegister");
  }
  for (std::size_t i = 0; i != 2 * options_.slots_a_direction; ++i) {
    auto& slots = i < options_.slots_a_direction ? area.to_device : area.to_host;
    slots.push_back({.data = area.begin + i * area.chunk_bytes, .is_taken = false, .last_use = {}});
  }
  device.staging_ = std::move(area);
}

// Both ways between this device, which opens, and each that is open. What cannot be had is no peer,
// and no error. The mutex is let go while a link is tried, and another device may open meanwhile:
// it is then found in the next round, or finds this one itself.
void gpu_engine::link_peers(gpu_device& device, lock_type& lock) {
  for (const auto& each : devices_) {
    each->peer_access_.resize(devices_.size());
  }
  std::vector<bool> is_tried(devices_.size());
  const auto next = [&]() -> gpu_device* {
    for (const auto& each : devices_) {
      if (each.get() != &device && each->phase_ == device_phase::open &&
          !is_tried[static_cast<std::size_t>(each->index_)]) {
        return each.get();
      }
    }
    return nullptr;
  };
  while (gpu_device* other = next()) {
    is_tried[static_cast<std::size_t>(other->index_)] = true;
    const link_end here{device.device_, device.context_, device.pool_};
    const link_end there{other->device_, other->context_, other->pool_};
    std::byte* const registered = device.staging_.begin;
    lock.unlock();
    const driver_table& table = *options_.table;
    const bool can_read = has_link(table, here, there, registered, options_.verifies_links);
    const bool can_be_read = has_link(table, there, here, registered, options_.verifies_links);
    lock.lock();
    device.peer_access_[static_cast<std::size_t>(other->index_)] = can_read;
    other->peer_access_[static_cast<std::size_t>(device.index_)] = can_be_read;
  }
}

// Requires: the mutex, and that nothing runs. Handles of a lost device leak: it answers nothing.
void gpu_engine::close(gpu_device& device) noexcept {
  if (device.phase_ != device_phase::open) {
    return;
  }
  const driver_table& table = *options_.table;
  const scoped_context current{table, device.context_};
  while (device.oldest_ != nullptr) {
    detail::array_buffer& buffer = *device.oldest_->buffer;
    drop(*device.oldest_);
    if (!buffer.is_on_host() && buffer.replicas().empty()) {
      buffer.set_lost(std::make_exception_ptr(
          object_lost_error{"the array was on a GPU alone, and the runtime was shut down. Call "
                            "host() before, or keep "
                            "a handle to it while narke::shutdown() runs"}));
    }
  }
  device.memory_->release_all();
  for (const auto& stream : order_->streams()) {
    if (stream->device == &device) {
      table.stream_synchronize(stream->handle);
    }
  }
  give_handles_back(device);
  device.phase_ = device_phase::closed;
}

// Of a device that answers, whether it was ever open or only began to be.
void gpu_engine::give_handles_back(gpu_device& device) noexcept {
  const driver_table& table = *options_.table;
  if (device.context_ == nullptr) {
    return;
  }
  const scoped_context current{table, device.context_};
  order_->remove_streams(device);
  if (device.probe_ != nullptr) {
    table.event_destroy(std::exchange(device.probe_, nullptr));
  }
  for (cu_event event : device.free_events_) {
    table.event_destroy(event);
  }
  device.free_events_.clear();
  device.memory_.reset();
  if (device.pool_ != nullptr) {
    table.mem_pool_destroy(std::exchange(device.pool_, nullptr));
  }
  if (device.staging_.begin != nullptr) {
    // Pages that the driver may still know are not given back.
    if (table.mem_host_unregister(device.staging_.begin) == cu_result::success) {
      ::munmap(device.staging_.begin, device.staging_.bytes);
    }
    device.staging_ = {};
  }
  table.ctx_set_current(nullptr);
  table.device_primary_ctx_release(device.device_);
  device.context_ = nullptr;
}

// False: the call failed. A device that answers no more is lost then; after a code that fails one
// call alone it is for the caller to fail the one work that the call was for, or to call again. A
// call for one device may meet the error of another, for whose work it waits or from which it
// copies: each that is open is asked.
bool gpu_engine::check(gpu_device& device, cu_result code, const char* call) {
  if (code == cu_result::success) {
    return true;
  }
  const code_severity severity = severity_of(code);
  if (severity == code_severity::one_call) {
    if (code == cu_result::invalid_context && device.context_ != nullptr) {
      options_.table->ctx_set_current(device.context_);  // for the next try
    }
    return false;
  }
  bool is_another = false;
  for (const auto& each : devices_) {
    if (each.get() != &device && each->phase_ == device_phase::open && !answers(*each)) {
      lose(*each, code, call);
      is_another = true;
    }
  }
  const bool is_here = device.phase_ == device_phase::open && !answers(device);
  if (is_here || (severity == code_severity::sticky && !is_another)) {
    lose(device, code, call);
  }
  return false;
}

// For calls that are made again when they fail. After some in a row the device is given up: work
// that it does not tell of would be waited for without end.
bool gpu_engine::check_repeated(gpu_stream& stream, cu_result code, const char* call) {
  constexpr int failures_max = 8;
  if (check(*stream.device, code, call)) {
    stream.failures = 0;
    return true;
  }
  if (stream.device->phase_ == device_phase::open && ++stream.failures >= failures_max) {
    lose(*stream.device, code, call);
  }
  return false;
}

bool gpu_engine::wait_surely(gpu_stream& stream, const point_list& points) {
  while (stream.device->phase_ == device_phase::open) {
    if (check_repeated(stream, order_->wait(stream, points), "cuStreamWaitEvent")) {
      return true;
    }
  }
  return false;
}

// By one call: the device goes on. Null when it does not.
std::exception_ptr gpu_engine::why_failed(const gpu_work& work, const gpu_device& device,
                                          cu_result code, const char* call) const {
  if (device.lost_ != nullptr || code == cu_result::success) {
    return device.lost_;
  }
  return std::make_exception_ptr(driver_call_failed{
      fmt::format("{} failed: {} for GPU {} answered {}. The GPU and its other tasks go on. Submit "
                  "the task again; when that repeats, look what else uses the GPU",
                  work.label, call, device.ordinal_, describe_result(*options_.table, code)),
      code});
}

// What waits for a device that fails goes on as if it had not: an end that leans on other devices
// counts only when these are found to live after it was seen.
void gpu_engine::expect_leaned_on() {
  for (const auto& each : devices_) {
    if ((leaned_on_ & each->bit()) != 0 && each->phase_ == device_phase::open) {
      const scoped_context current{*options_.table, each->context_};
      check(*each, options_.table->event_query(each->probe_), "cuEventQuery");
    }
  }
}

bool gpu_engine::answers(const gpu_device& device) {
  const scoped_context current{*options_.table, device.context_};
  const cu_result code = options_.table->event_query(device.probe_);
  return code == cu_result::success || severity_of(code) == code_severity::one_call;
}

// What is on a device that goes on, but came of work of the lost one that nobody saw complete.
void gpu_engine::lose_unfinished(gpu_device& device, const gpu_device& lost) {
  replica* next = nullptr;
  for (replica* each = device.oldest_; each != nullptr; each = next) {
    next = each->newer;
    if (&device == &lost || (each->made_on & lost.bit()) == 0 || is_complete(each->producer)) {
      continue;
    }
    if (!each->buffer->is_on_host()) {
      each->buffer->set_lost(lost.lost_);
    } else if (each->pins == 0) {
      drop(*each);
    } else if (wait_surely(*device.to_device_, each->users())) {
      each->state = replica_state::arriving;  // once more, from the host
      each->made_on = device.bit();
      begin_transfer(transfer_direction::to_device, *each, transfer_urgency::waited_for);
    } else {
      return;
    }
  }
}

// The device answers nothing any more. What is in flight there fails when the role comes to it;
// what others still need and is nowhere else is gone.
void gpu_engine::lose(gpu_device& device, cu_result code, const char* call) {
  if (device.phase_ == device_phase::lost) {
    return;
  }
  if (device.lost_ == nullptr) {
    device.lost_ = std::make_exception_ptr(device_lost_error{fmt::format(
        "GPU {} is lost: {} answered {}. Its tasks, and the arrays that were only there, are gone; "
        "everything else goes on. The CUDA driver calls the whole process inconsistent after such "
        "an error: when other GPUs fail too, start the program again",
        device.ordinal_, call, describe_result(*options_.table, code))});
  }
  device.phase_ = device_phase::lost;
  is_any_lost_ = true;
  for (const auto& stream : order_->streams()) {
    if (stream->device == &device) {
      stream_order::note_lost(*stream);
    }
  }
  for (const auto& other : devices_) {
    for (const auto& in_stream : other->in_flight_) {
      for (gpu_work* work : in_stream) {
        if (other.get() != &device && (work->made_on_ & device.bit()) != 0) {
          work->tainted_ = device.lost_;
        }
      }
    }
  }
  for (const auto& other : devices_) {
    lose_unfinished(*other, device);
  }
  fail_transfers(device);
  while (device.oldest_ != nullptr) {
    replica& gone = *device.oldest_;
    detail::array_buffer& buffer = *gone.buffer;
    const auto& all = buffer.replicas();
    const bool is_elsewhere = std::any_of(all.begin(), all.end(), [&](const auto& each) {
      return each != &gone && each->state == replica_state::ordered;
    });
    if (!buffer.is_on_host() && !is_elsewhere) {
      buffer.set_lost(device.lost_);
    }
    device.unlink(gone);
    buffer.remove_replica(gone);
  }
  host_changed_.notify_all();
  device.changed_.notify_all();
}

}  // namespace narke::internal
