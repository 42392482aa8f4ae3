// Pools, blocks and host memory that the devices may reach.
#include <fmt/format.h>

#include <algorithm>
#include <cstring>

#include "driver/emulated/emulator.hpp"

namespace narke::internal {
namespace {

constexpr std::uint64_t block_grain_bytes = 512;

}  // namespace

using emulation::work_kind;

std::uint64_t emulator::free_bytes(int ordinal) {
  const device_state& device = *find_device(ordinal);
  std::uint64_t taken = device.foreign_bytes;
  if (device.context != nullptr) taken += options_.model.context_bytes;
  const auto add = [&](const std::shared_ptr<pool_state>& pool) {
    if (pool->ordinal == ordinal) taken += pool->ledger.reserved_bytes();
  };
  pools_.for_each(add);
  for (const auto& pool : dying_pools_) add(pool);
  return device.gpu.memory_bytes - std::min(taken, device.gpu.memory_bytes);
}

cu_result emulator::find_pool(const call& current, cu_mem_pool handle,
                              std::shared_ptr<pool_state>& pool) {
  pool = pools_.find(handle);
  if (pool != nullptr) return cu_result::success;
  report(violation_kind::stale_handle, current,
         pools_.was_given(handle) ? "the pool was destroyed before"
                                  : "the pool is none of this driver");
  return cu_result::invalid_value;
}

cu_result emulator::mem_pool_create(call& current, cu_mem_pool* pool,
                                    const cu_mem_pool_props* props) {
  if (pool == nullptr || props == nullptr) return cu_result::invalid_value;
  const auto is_zero = [](unsigned char byte) { return byte == 0; };
  if (props->allocation_type != cu_mem_allocation_type::pinned ||
      props->handle_types != cu_mem_handle_type::none ||
      props->location.type != cu_mem_location_type::device || props->usage != 0 ||
      props->security_attributes != nullptr ||
      !std::all_of(std::begin(props->reserved), std::end(props->reserved), is_zero)) {
    report(violation_kind::bad_argument, current,
           "only device memory of the pinned kind can be had, and all else must be zero");
    return cu_result::invalid_value;
  }
  if (find_device(props->location.id) == nullptr) return cu_result::invalid_device;
  auto state = std::make_shared<pool_state>();
  state->ordinal = props->location.id;
  if (props->max_size_bytes != 0) {
    state->ledger.settings.size_bytes_max = props->max_size_bytes;
  }
  state->handle = pools_.add(state);
  *pool = state->handle;
  return cu_result::success;
}

cu_result emulator::mem_pool_destroy(call& current, cu_mem_pool pool) {
  std::shared_ptr<pool_state> found;
  const cu_result code = find_pool(current, pool, found);
  if (code != cu_result::success) return code;
  const bool is_lost = find_device(found->ordinal)->lost != cu_result::success;
  if (found->live_blocks > 0 && !is_lost) {
    report(violation_kind::leak, current,
           fmt::format("{} blocks of a pool of GPU {} outlive it", found->live_blocks,
                       found->ordinal));
  }
  pools_.remove(pool);
  found->is_destroyed = true;
  found->ledger.settle();
  found->ledger.trim(0);
  if (found->ledger.reserved_bytes() > 0) dying_pools_.push_back(found);
  return cu_result::success;
}

cu_result emulator::mem_pool_set_attribute(call& current, cu_mem_pool pool,
                                           cu_mem_pool_attribute attribute, void* value) {
  std::shared_ptr<pool_state> found;
  const cu_result code = find_pool(current, pool, found);
  if (code != cu_result::success) return code;
  if (value == nullptr) return cu_result::invalid_value;
  emulation::pool_settings& settings = found->ledger.settings;
  const auto as_switch = [&] { return *static_cast<const int*>(value) != 0; };
  const auto as_bytes = [&] { return *static_cast<const std::uint64_t*>(value); };
  switch (attribute) {
    case cu_mem_pool_attribute::reuse_follow_event_dependencies:
      settings.follow_event_dependencies = as_switch();
      return cu_result::success;
    case cu_mem_pool_attribute::reuse_allow_opportunistic:
      settings.allow_opportunistic = as_switch();
      return cu_result::success;
    case cu_mem_pool_attribute::reuse_allow_internal_dependencies:
      settings.allow_internal_dependencies = as_switch();
      return cu_result::success;
    case cu_mem_pool_attribute::release_threshold:
      settings.release_threshold_bytes = as_bytes();
      return cu_result::success;
    case cu_mem_pool_attribute::reserved_mem_high:
      if (as_bytes() != 0) return cu_result::invalid_value;
      found->ledger.reset_reserved_high();
      return cu_result::success;
    case cu_mem_pool_attribute::used_mem_high:
      if (as_bytes() != 0) return cu_result::invalid_value;
      found->ledger.reset_used_high();
      return cu_result::success;
    default:
      return cu_result::invalid_value;
  }
}

cu_result emulator::mem_pool_get_attribute(call& current, cu_mem_pool pool,
                                           cu_mem_pool_attribute attribute, void* value) {
  std::shared_ptr<pool_state> found;
  const cu_result code = find_pool(current, pool, found);
  if (code != cu_result::success) return code;
  if (value == nullptr) return cu_result::invalid_value;
  const emulation::pool_ledger& ledger = found->ledger;
  const auto set_switch = [&](bool on) { *static_cast<int*>(value) = on ? 1 : 0; };
  const auto set_bytes = [&](std::uint64_t bytes) { *static_cast<std::uint64_t*>(value) = bytes; };
  switch (attribute) {
    case cu_mem_pool_attribute::reuse_follow_event_dependencies:
      set_switch(ledger.settings.follow_event_dependencies);
      break;
    case cu_mem_pool_attribute::reuse_allow_opportunistic:
      set_switch(ledger.settings.allow_opportunistic);
      break;
    case cu_mem_pool_attribute::reuse_allow_internal_dependencies:
      set_switch(ledger.settings.allow_internal_dependencies);
      break;
    case cu_mem_pool_attribute::release_threshold:
      set_bytes(ledger.settings.release_threshold_bytes);
      break;
    case cu_mem_pool_attribute::reserved_mem_current:
      set_bytes(ledger.reserved_bytes());
      break;
    case cu_mem_pool_attribute::reserved_mem_high:
      set_bytes(ledger.reserved_high_bytes());
      break;
    case cu_mem_pool_attribute::used_mem_current:
      set_bytes(ledger.used_bytes());
      break;
    case cu_mem_pool_attribute::used_mem_high:
      set_bytes(ledger.used_high_bytes());
      break;
    default:
      return cu_result::invalid_value;
  }
  return cu_result::success;
}

cu_result emulator::mem_pool_set_access(call& current, cu_mem_pool pool,
                                        const cu_mem_access_desc* accesses, std::size_t count) {
  std::shared_ptr<pool_state> found;
  const cu_result code = find_pool(current, pool, found);
  if (code != cu_result::success) return code;
  if (accesses == nullptr) return cu_result::invalid_value;
  for (std::size_t i = 0; i < count; ++i) {
    const cu_mem_access_desc& access = accesses[i];
    const int peer = access.location.id;
    if (access.location.type != cu_mem_location_type::device || find_device(peer) == nullptr) {
      return cu_result::invalid_device;
    }
    if (peer == found->ordinal) {
      // CUDA refuses to take a pool away from its own device.
      if (access.flags != cu_mem_access_flags::read_write) return cu_result::invalid_value;
      continue;
    }
    int can_access = 0;
    device_can_access_peer(current, &can_access, peer, found->ordinal);
    if (access.flags == cu_mem_access_flags::none) {
      found->reached_from.erase(peer);
    } else if (can_access == 0) {
      return cu_result::invalid_device;
    } else {
      found->reached_from.insert(peer);
    }
  }
  return cu_result::success;
}

cu_result emulator::mem_pool_trim_to(call& current, cu_mem_pool pool, std::size_t bytes_to_keep) {
  std::shared_ptr<pool_state> found;
  const cu_result code = find_pool(current, pool, found);
  if (code == cu_result::success) found->ledger.trim(bytes_to_keep);
  return code;
}

/// What a synchronisation does with memory above the release threshold.
void emulator::release_surplus(int ordinal) {
  pools_.for_each([&](const std::shared_ptr<pool_state>& pool) {
    if (pool->ordinal == ordinal) pool->ledger.trim(pool->ledger.settings.release_threshold_bytes);
  });
}

void emulator::enqueue_hidden_wait(const call& current, const stream_ptr& stream,
                                   std::shared_ptr<record_point> point) {
  ++hidden_waits_;
  stream->known.learn(point->known);
  stream->known.learn(point->stream, point->sequence);
  auto wait = new_operation(current, work_kind::wait);
  wait->label = "hidden wait of " + wait->label;
  wait->point = std::move(point);
  enqueue(stream, std::move(wait));
}

cu_result emulator::take_block(call& current, const stream_ptr& stream,
                               const std::shared_ptr<pool_state>& pool, std::size_t bytes,
                               std::shared_ptr<device_block>& block) {
  device_state& device = *find_device(pool->ordinal);
  if (bytes > device.gpu.memory_bytes) return cu_result::out_of_memory;
  const std::uint64_t pool_bytes =
      (bytes + block_grain_bytes - 1) / block_grain_bytes * block_grain_bytes;
  const cu_device_ptr begin = device.addresses.take(bytes);
  if (begin == 0) return cu_result::out_of_memory;
  const auto taken =
      pool->ledger.take(pool_bytes, stream->number, stream->known, free_bytes(pool->ordinal));
  if (!taken.is_success) {
    device.addresses.put(begin, bytes);
    return cu_result::out_of_memory;
  }
  for (const auto& point : taken.waits) enqueue_hidden_wait(current, stream, point);
  block = blocks_.add({.begin = begin,
                       .bytes = bytes,
                       .pool_bytes = pool_bytes,
                       .ordinal = pool->ordinal,
                       .pool = pool});
  ++pool->live_blocks;
  return cu_result::success;
}

cu_result emulator::mem_alloc_from_pool_async(call& current, cu_device_ptr* pointer,
                                              std::size_t bytes, cu_mem_pool pool,
                                              cu_stream stream) {
  if (pointer == nullptr || bytes == 0) return cu_result::invalid_value;
  stream_ptr target;
  cu_result code = find_stream(current, stream, target);
  if (code == cu_result::success) code = wait_for_room(current, target);
  std::shared_ptr<pool_state> source;
  if (code == cu_result::success) code = find_pool(current, pool, source);
  std::shared_ptr<device_block> block;
  if (code == cu_result::success) code = take_block(current, target, source, bytes, block);
  if (code != cu_result::success) return code;

  auto work = new_operation(current, work_kind::allocate);
  work->block = block;
  work->sequence = ++target->issued;
  block->history.add({"allocated", work->label, {target->number, work->sequence}});
  if (races_ != nullptr) {
    races_->forget(block->begin, bytes);
    races_->allocated(target->race_id, block->begin, bytes, work->label);
    collect_races(name_of(current.entry));
  }
  *pointer = block->begin;
  enqueue(target, std::move(work));
  return cu_result::success;
}

/// From here on the memory is there. Fresh pages are zero, which a device's are not.
void emulator::complete_allocation(const operation& work) {
  if (!options_.strict || work.is_cancelled) return;
  const std::size_t bytes = std::min<std::uint64_t>(work.block->bytes, options_.poison_bytes_max);
  if (bytes == 0) return;
  const accessed_bytes access{work.block->begin, bytes, byte_access::write};
  if (guard_ != nullptr) guard_->open(work.number, {&access, 1});
  std::memset(reinterpret_cast<void*>(work.block->begin), 0xCB, bytes);
  if (guard_ != nullptr) guard_->close({&access, 1});
}

cu_result emulator::mem_free_async(call& current, cu_device_ptr pointer, cu_stream stream) {
  stream_ptr target;
  cu_result code = find_stream(current, stream, target);
  if (code == cu_result::success) code = wait_for_room(current, target);
  if (code != cu_result::success) return code;
  const auto block = blocks_.find_begin(pointer);
  if (block == nullptr) {
    const auto holder = blocks_.find(pointer);
    report(violation_kind::bad_argument, current,
           fmt::format("{:#x} is not the begin of a block{}", pointer,
                       holder == nullptr ? "" : " but lies in " + blocks_.describe(*holder)));
    return cu_result::invalid_value;
  }
  if (block->is_freed) {
    report(violation_kind::double_free, current,
           fmt::format("{:#x} was freed before: {}", pointer, blocks_.describe(*block)));
    return cu_result::invalid_value;
  }
  auto work = new_operation(current, work_kind::release);
  work->block = block;
  work->sequence = ++target->issued;
  blocks_.mark_freed(*block, {"freed", work->label, {target->number, work->sequence}});
  --block->pool->live_blocks;
  if (races_ != nullptr) {
    races_->freed(target->race_id, block->begin, block->bytes, work->label);
    collect_races(name_of(current.entry));
  }
  work->point = std::make_shared<record_point>();
  work->point->stream = target->number;
  work->point->sequence = work->sequence;
  work->point->known = target->known;
  block->pool->ledger.put(block->pool_bytes, work->point);
  enqueue(target, std::move(work));
  return cu_result::success;
}

void emulator::complete_release(const operation& work) {
  work.point->is_complete = true;
  const device_block& block = *work.block;
  find_device(block.ordinal)->addresses.put(block.begin, block.bytes);
  pool_state& pool = *block.pool;
  pool.ledger.settle();
  if (!pool.is_destroyed) return;
  pool.ledger.trim(0);
  std::erase_if(dying_pools_,
                [](const auto& dying) { return dying->ledger.reserved_bytes() == 0; });
}

cu_result emulator::mem_host_register(call& current, void* begin, std::size_t bytes,
                                      unsigned flags) {
  const auto address = reinterpret_cast<std::uintptr_t>(begin);
  if (begin == nullptr || bytes == 0 || flags > 15) return cu_result::invalid_value;
  auto next = registrations_.lower_bound(address);
  const bool meets_next = next != registrations_.end() && next->first < address + bytes;
  const bool meets_previous = next != registrations_.begin() &&
                              std::prev(next)->first + std::prev(next)->second->bytes > address;
  if (meets_next || meets_previous) {
    report(violation_kind::bad_argument, current,
           fmt::format("some of {} bytes at {:#x} is registered already", bytes, address));
    return cu_result::host_memory_already_registered;
  }
  auto registration = std::make_shared<host_registration>();
  registration->begin = address;
  registration->bytes = bytes;
  registration->flags = flags;
  registration->context = current.context;
  registrations_.emplace(address, std::move(registration));
  if (races_ != nullptr) races_->forget(address, bytes);
  const double seconds =
      static_cast<double>(bytes) / static_cast<double>(options_.model.pin_bytes_per_second);
  spend(current.lock, static_cast<std::uint64_t>(seconds * 1e9));
  return cu_result::success;
}

cu_result emulator::mem_host_unregister(call& current, void* begin) {
  const auto found = registrations_.find(reinterpret_cast<std::uintptr_t>(begin));
  if (found == registrations_.end()) {
    report(violation_kind::bad_argument, current,
           fmt::format("{:#x} is not the begin of registered memory",
                       reinterpret_cast<std::uintptr_t>(begin)));
    return cu_result::host_memory_not_registered;
  }
  if (found->second->in_use > 0) {
    report(violation_kind::unregistered_in_use, current,
           fmt::format("{} copies still use the {} bytes at {:#x}", found->second->in_use,
                       found->second->bytes, found->first));
  }
  registrations_.erase(found);
  return cu_result::success;
}

/// What holds all of these bytes; null when none does.
std::shared_ptr<emulator::host_registration> emulator::find_registration(const void* begin,
                                                                         std::size_t bytes) {
  const auto address = reinterpret_cast<std::uintptr_t>(begin);
  const auto after = registrations_.upper_bound(address);
  if (after == registrations_.begin()) return nullptr;
  const auto& registration = std::prev(after)->second;
  const std::uintptr_t end = registration->begin + registration->bytes;
  return address + bytes <= end ? registration : nullptr;
}

cu_result emulator::pointer_get_attributes(call&, unsigned count, cu_pointer_attribute* attributes,
                                           void** values, cu_device_ptr pointer) {
  if (attributes == nullptr || values == nullptr) return cu_result::invalid_value;
  auto block = blocks_.find(pointer);
  if (block != nullptr && block->is_freed) block = nullptr;
  const auto host = find_registration(reinterpret_cast<const void*>(pointer), 1);
  const bool is_known = block != nullptr || host != nullptr;
  const auto context = block != nullptr  ? find_device(block->ordinal)->context
                       : host != nullptr ? host->context
                                         : nullptr;
  const cu_device_ptr begin = block != nullptr ? block->begin : host != nullptr ? host->begin : 0;
  const std::size_t bytes = block != nullptr ? block->bytes : host != nullptr ? host->bytes : 0;
  const auto set = [](void* to, auto value) { std::memcpy(to, &value, sizeof value); };
  for (unsigned i = 0; i < count; ++i) {
    void* value = values[i];
    switch (attributes[i]) {
      case cu_pointer_attribute::context:
        set(value, context == nullptr ? nullptr : context->handle);
        break;
      case cu_pointer_attribute::memory_type:
        set(value, block != nullptr  ? cu_memory_type::device
                   : host != nullptr ? cu_memory_type::host
                                     : cu_memory_type::unknown);
        break;
      case cu_pointer_attribute::device_pointer:
        set(value, is_known ? pointer : 0);
        break;
      case cu_pointer_attribute::host_pointer:
        set(value, host != nullptr ? reinterpret_cast<void*>(pointer) : nullptr);
        break;
      case cu_pointer_attribute::buffer_id:
        set(value, static_cast<unsigned long long>(block != nullptr ? block->number : 0));
        break;
      case cu_pointer_attribute::device_ordinal:
        set(value, context == nullptr ? -2 : context->ordinal);
        break;
      case cu_pointer_attribute::range_start:
        set(value, begin);
        break;
      case cu_pointer_attribute::range_size:
        set(value, bytes);
        break;
      case cu_pointer_attribute::mem_pool_handle:
        set(value, block != nullptr ? block->pool->handle : nullptr);
        break;
      default:
        return cu_result::invalid_value;
    }
  }
  return cu_result::success;
}

}  // namespace narke::internal
