// Opening and closing devices, and losing them.
#include <sys/mman.h>

#include <algorithm>
#include <array>
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
    device.phase_ = device_phase::open;
    link_peers(device);
    return;
  }
  bool answers = true;
  try {
    std::rethrow_exception(why);
  } catch (const driver_call_failed& failed) {
    answers = !is_sticky(failed.code());
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

// Both ways between this device and each that is open. What cannot be had is no peer, and no error.
void gpu_engine::link_peers(gpu_device& device) {
  const driver_table& table = *options_.table;
  for (const auto& each : devices_) {
    each->peer_access_.resize(devices_.size());
  }
  for (const auto& each : devices_) {
    gpu_device& other = *each;
    if (&other == &device || other.phase_ != device_phase::open) {
      continue;
    }
    const auto link = [&](gpu_device& reader, gpu_device& owner) {
      int can = 0;
      if (table.device_can_access_peer(&can, reader.device_, owner.device_) != cu_result::success ||
          can == 0) {
        return;
      }
      const cu_mem_access_desc access{{cu_mem_location_type::device, reader.device_},
                                      cu_mem_access_flags::read_write};
      if (table.mem_pool_set_access(owner.pool_, &access, 1) == cu_result::success) {
        reader.peer_access_[static_cast<std::size_t>(owner.index_)] = true;
      }
    };
    link(device, other);
    link(other, device);
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
    table.mem_host_unregister(device.staging_.begin);
    ::munmap(device.staging_.begin, device.staging_.bytes);
    device.staging_ = {};
  }
  table.ctx_set_current(nullptr);
  table.device_primary_ctx_release(device.device_);
  device.context_ = nullptr;
}

// A call for one device may meet the error of another, for whose work it waits or from which it
// copies: each that is open is asked.
bool gpu_engine::check(gpu_device& device, cu_result code, const char* call) {
  if (code == cu_result::success) {
    return true;
  }
  bool is_another = false;
  if (is_sticky(code)) {
    for (const auto& each : devices_) {
      if (each.get() != &device && each->phase_ == device_phase::open &&
          ask(*each) != cu_result::success) {
        lose(*each, code, call);
        is_another = true;
      }
    }
  }
  if (!is_another || (device.phase_ == device_phase::open && ask(device) != cu_result::success)) {
    lose(device, code, call);
  }
  return false;
}

// What waits for a device that fails goes on as if it had not: an end that leans on other devices
// counts only when these are found to live after it was seen.
void gpu_engine::expect_leaned_on() {
  for (const auto& each : devices_) {
    if ((leaned_on_ & each->bit()) != 0 && each->phase_ == device_phase::open) {
      check(*each, ask(*each), "cuEventQuery");
    }
  }
}

cu_result gpu_engine::ask(const gpu_device& device) {
  const scoped_context current{*options_.table, device.context_};
  return options_.table->event_query(device.probe_);
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
    } else if (check(device, order_->wait(*device.to_device_, each->users()),
                     "cuStreamWaitEvent")) {
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
      return each.get() != &gone && each->state == replica_state::ordered;
    });
    if (!buffer.is_on_host() && !is_elsewhere) {
      buffer.set_lost(device.lost_);
    }
    device.unlink(gone);
    std::erase_if(buffer.replicas(), [&](const auto& each) { return each.get() == &gone; });
  }
  host_changed_.notify_all();
  device.changed_.notify_all();
}

}  // namespace narke::internal
