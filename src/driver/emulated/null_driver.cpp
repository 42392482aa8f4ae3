#include "driver/emulated/null_driver.hpp"

#include <fmt/format.h>

#include <array>
#include <atomic>
#include <cstdlib>
#include <cstring>
#include <stdexcept>

#include "driver/emulated/entry_point.hpp"

namespace narke::internal {
namespace {

constexpr std::size_t block_alignment_bytes = 512;
constexpr int gpus_max = 64;

// Of the one that is alive. The options are written before the table may be called, and read by
// calls; counters are only ever added to.
std::atomic<bool> is_taken{false};
null_driver_options settings;
std::array<std::atomic<std::uint64_t>, entry_point_count> call_counts;
std::atomic<std::int64_t> live_blocks{0};
std::atomic<std::uintptr_t> next_handle{16};
constinit thread_local cu_context current_context = nullptr;

cu_result count(entry_point entry) {
  call_counts[index_of(entry)].fetch_add(1, std::memory_order_relaxed);
  return cu_result::success;
}

template <class Handle>
Handle new_handle() {
  return reinterpret_cast<Handle>(next_handle.fetch_add(16, std::memory_order_relaxed));
}

bool is_device(int ordinal) {
  return ordinal >= 0 && ordinal < settings.gpus;
}

/// The handle of a device's context is its number, from 1.
cu_context context_of(cu_device device) {
  return reinterpret_cast<cu_context>(static_cast<std::uintptr_t>(device) + 1);
}

cu_result copy_text(std::string_view text, char* out, int length) {
  if (length <= 0) return cu_result::invalid_value;
  const std::size_t size = text.copy(out, static_cast<std::size_t>(length) - 1);
  out[size] = '\0';
  return cu_result::success;
}

cu_result move_bytes(void* to, const void* from, std::size_t bytes) {
  if (settings.move_bytes && bytes > 0) std::memmove(to, from, bytes);
  return cu_result::success;
}

template <class T>
T* pointer_to(cu_device_ptr address) {
  return reinterpret_cast<T*>(address);
}

constexpr void fill_facts(driver_table& table) {
  table.init = [](unsigned) { return cu_result::success; };
  table.driver_get_version = [](int* version) {
    *version = 13000;
    return cu_result::success;
  };
  table.get_error_name = [](cu_result, const char** text) {
    *text = nullptr;
    return cu_result::invalid_value;
  };
  table.get_error_string = table.get_error_name;
  table.device_get_count = [](int* number) {
    *number = settings.gpus;
    return cu_result::success;
  };
  table.device_get = [](cu_device* device, int ordinal) {
    *device = ordinal;
    return is_device(ordinal) ? cu_result::success : cu_result::invalid_device;
  };
  table.device_get_name = [](char* name, int length, cu_device) {
    return copy_text("null GPU", name, length);
  };
  table.device_get_attribute = [](int* value, cu_device_attribute attribute, cu_device) {
    *value = attribute == cu_device_attribute::compute_capability_major ? 9 : 1;
    return cu_result::success;
  };
  table.device_get_uuid = [](cu_uuid* uuid, cu_device device) {
    *uuid = {};
    uuid->bytes[0] = 'n';
    uuid->bytes[15] = static_cast<char>(device);
    return cu_result::success;
  };
  table.device_total_mem = [](std::size_t* bytes, cu_device) {
    *bytes = settings.memory_bytes;
    return cu_result::success;
  };
  table.device_get_pci_bus_id = [](char* text, int length, cu_device device) {
    return copy_text(fmt::format("00000000:{:02X}:00.0", 0x80 + device), text, length);
  };
  table.device_can_access_peer = [](int* can_access, cu_device from, cu_device to) {
    *can_access = from != to ? 1 : 0;
    return cu_result::success;
  };
  table.device_get_p2p_attribute = [](int* value, cu_p2p_attribute attribute, cu_device,
                                      cu_device) {
    *value = attribute == cu_p2p_attribute::performance_rank ? 0 : 1;
    return cu_result::success;
  };
}

constexpr void fill_contexts(driver_table& table) {
  table.device_primary_ctx_retain = [](cu_context* context, cu_device device) {
    if (!is_device(device)) return cu_result::invalid_device;
    *context = context_of(device);
    return count(entry_point::device_primary_ctx_retain);
  };
  table.device_primary_ctx_release = [](cu_device) {
    return count(entry_point::device_primary_ctx_release);
  };
  table.device_primary_ctx_get_state = [](cu_device, unsigned* flags, int* active) {
    *flags = 0;
    *active = 1;
    return count(entry_point::device_primary_ctx_get_state);
  };
  table.ctx_set_current = [](cu_context context) {
    current_context = context;
    return count(entry_point::ctx_set_current);
  };
  table.ctx_get_current = [](cu_context* context) {
    *context = current_context;
    return count(entry_point::ctx_get_current);
  };
  table.ctx_get_stream_priority_range = [](int* least, int* greatest) {
    *least = 0;
    *greatest = 0;
    return count(entry_point::ctx_get_stream_priority_range);
  };
  table.mem_get_info = [](std::size_t* free, std::size_t* total) {
    *free = settings.memory_bytes;
    *total = settings.memory_bytes;
    return count(entry_point::mem_get_info);
  };
}

cu_result get_pointer_attributes(unsigned number, cu_pointer_attribute* attributes, void** values,
                                 cu_device_ptr pointer) {
  for (unsigned i = 0; i < number; ++i) {
    switch (attributes[i]) {
      case cu_pointer_attribute::memory_type:
        *static_cast<cu_memory_type*>(values[i]) = cu_memory_type::unknown;
        break;
      case cu_pointer_attribute::device_ordinal:
        *static_cast<int*>(values[i]) = -2;
        break;
      case cu_pointer_attribute::device_pointer:
        *static_cast<cu_device_ptr*>(values[i]) = pointer;
        break;
      default:
        std::memset(values[i], 0, sizeof(void*));
        break;
    }
  }
  return count(entry_point::pointer_get_attributes);
}

cu_result allocate(cu_device_ptr* pointer, std::size_t bytes, cu_mem_pool, cu_stream) {
  const std::size_t size = (bytes + block_alignment_bytes - 1) / block_alignment_bytes;
  void* block = std::aligned_alloc(block_alignment_bytes, size * block_alignment_bytes);
  if (block == nullptr) return cu_result::out_of_memory;
  *pointer = reinterpret_cast<cu_device_ptr>(block);
  live_blocks.fetch_add(1, std::memory_order_relaxed);
  return count(entry_point::mem_alloc_from_pool_async);
}

constexpr void fill_memory(driver_table& table) {
  table.mem_pool_create = [](cu_mem_pool* pool, const cu_mem_pool_props*) {
    *pool = new_handle<cu_mem_pool>();
    return count(entry_point::mem_pool_create);
  };
  table.mem_pool_destroy = [](cu_mem_pool) { return count(entry_point::mem_pool_destroy); };
  table.mem_pool_set_attribute = [](cu_mem_pool, cu_mem_pool_attribute, void*) {
    return count(entry_point::mem_pool_set_attribute);
  };
  table.mem_pool_get_attribute = [](cu_mem_pool, cu_mem_pool_attribute attribute, void* value) {
    const bool is_switch = attribute < cu_mem_pool_attribute::release_threshold;
    std::memset(value, 0, is_switch ? sizeof(int) : sizeof(std::uint64_t));
    return count(entry_point::mem_pool_get_attribute);
  };
  table.mem_pool_set_access = [](cu_mem_pool, const cu_mem_access_desc*, std::size_t) {
    return count(entry_point::mem_pool_set_access);
  };
  table.mem_pool_trim_to = [](cu_mem_pool, std::size_t) {
    return count(entry_point::mem_pool_trim_to);
  };
  table.mem_alloc_from_pool_async = allocate;
  table.mem_free_async = [](cu_device_ptr pointer, cu_stream) {
    std::free(pointer_to<void>(pointer));
    live_blocks.fetch_sub(1, std::memory_order_relaxed);
    return count(entry_point::mem_free_async);
  };
  table.mem_host_register = [](void*, std::size_t, unsigned) {
    return count(entry_point::mem_host_register);
  };
  table.mem_host_unregister = [](void*) { return count(entry_point::mem_host_unregister); };
  table.pointer_get_attributes = get_pointer_attributes;
}

constexpr void fill_copies(driver_table& table) {
  table.memcpy_htod_async = [](cu_device_ptr to, const void* from, std::size_t bytes, cu_stream) {
    move_bytes(pointer_to<void>(to), from, bytes);
    return count(entry_point::memcpy_htod_async);
  };
  table.memcpy_dtoh_async = [](void* to, cu_device_ptr from, std::size_t bytes, cu_stream) {
    move_bytes(to, pointer_to<const void>(from), bytes);
    return count(entry_point::memcpy_dtoh_async);
  };
  table.memcpy_dtod_async = [](cu_device_ptr to, cu_device_ptr from, std::size_t bytes, cu_stream) {
    move_bytes(pointer_to<void>(to), pointer_to<const void>(from), bytes);
    return count(entry_point::memcpy_dtod_async);
  };
  table.memcpy_peer_async = [](cu_device_ptr to, cu_context, cu_device_ptr from, cu_context,
                               std::size_t bytes, cu_stream) {
    move_bytes(pointer_to<void>(to), pointer_to<const void>(from), bytes);
    return count(entry_point::memcpy_peer_async);
  };
  table.memset_d8_async = [](cu_device_ptr to, unsigned char value, std::size_t bytes, cu_stream) {
    if (settings.move_bytes) std::memset(pointer_to<void>(to), value, bytes);
    return count(entry_point::memset_d8_async);
  };
}

/// A closure that throws goes unnoticed: this driver has no device to lose.
cu_result run_at_once(cu_stream, const emulated_work& work) {
  (void)work.run(work.context);
  work.drop(work.context);
  return count(entry_point::emulate);
}

constexpr void fill_streams(driver_table& table) {
  table.stream_create_with_priority = [](cu_stream* stream, unsigned, int) {
    *stream = new_handle<cu_stream>();
    return count(entry_point::stream_create_with_priority);
  };
  table.stream_destroy = [](cu_stream) { return count(entry_point::stream_destroy); };
  table.stream_query = [](cu_stream) { return count(entry_point::stream_query); };
  table.stream_synchronize = [](cu_stream) { return count(entry_point::stream_synchronize); };
  table.stream_wait_event = [](cu_stream, cu_event, unsigned) {
    return count(entry_point::stream_wait_event);
  };
  table.stream_is_capturing = [](cu_stream, cu_stream_capture_status* status) {
    *status = cu_stream_capture_status::none;
    return count(entry_point::stream_is_capturing);
  };
  table.event_create = [](cu_event* event, unsigned) {
    *event = new_handle<cu_event>();
    return count(entry_point::event_create);
  };
  table.event_destroy = [](cu_event) { return count(entry_point::event_destroy); };
  table.event_record = [](cu_event, cu_stream) { return count(entry_point::event_record); };
  table.event_query = [](cu_event) { return count(entry_point::event_query); };
  table.event_synchronize = [](cu_event) { return count(entry_point::event_synchronize); };
  table.event_elapsed_time = [](float* milliseconds, cu_event, cu_event) {
    *milliseconds = 0;
    return count(entry_point::event_elapsed_time);
  };
  table.emulate = run_at_once;
  table.annotate = [](annotation, cu_device_ptr, std::size_t, cu_stream, const char*) {
    return count(entry_point::annotate);
  };
}

constexpr driver_table make_table() {
  driver_table table;
  fill_facts(table);
  fill_contexts(table);
  fill_memory(table);
  fill_copies(table);
  fill_streams(table);
  return table;
}

constexpr driver_table the_table = make_table();

}  // namespace

null_driver::null_driver(const null_driver_options& options) {
  if (options.gpus < 0 || options.gpus > gpus_max) {
    throw std::invalid_argument(
        fmt::format("gpus is {}; allowed are 0 to {}.", options.gpus, gpus_max));
  }
  if (is_taken.exchange(true, std::memory_order_acq_rel)) {
    throw std::logic_error(
        "A second null driver was made while one is alive; destroy the first "
        "one before.");
  }
  settings = options;
  live_blocks.store(0, std::memory_order_relaxed);
  reset_calls();
}

null_driver::~null_driver() {
  is_taken.store(false, std::memory_order_release);
}

const driver_table& null_driver::table() const {
  return the_table;
}

std::uint64_t null_driver::calls(std::string_view entry) const {
  const std::size_t index = find_entry_point(entry);
  if (index == entry_point_count) {
    throw std::invalid_argument(
        fmt::format("entry is '{}', which is no entry point of the driver table.", entry));
  }
  return call_counts[index].load(std::memory_order_relaxed);
}

std::uint64_t null_driver::calls_total() const {
  std::uint64_t total = 0;
  for (const auto& one : call_counts) total += one.load(std::memory_order_relaxed);
  return total;
}

void null_driver::reset_calls() {
  for (auto& one : call_counts) one.store(0, std::memory_order_relaxed);
}

std::int64_t null_driver::blocks() const {
  return live_blocks.load(std::memory_order_relaxed);
}

}  // namespace narke::internal
