// The CUDA driver's types, constants and entry points that narke calls, in our own words, so that
// no toolkit is needed to build. A test holds them against the toolkit's cuda.h where there is one.
// Plain values; any thread.
#pragma once

#include <cstddef>
#include <cstdint>

namespace narke::internal {

using cu_device = int;

using cu_device_ptr = std::uint64_t;

// Handles: their insides belong to the driver.
struct cu_context_state;
struct cu_stream_state;
struct cu_event_state;
struct cu_mem_pool_state;
using cu_context = cu_context_state*;
using cu_stream = cu_stream_state*;
using cu_event = cu_event_state*;
using cu_mem_pool = cu_mem_pool_state*;

struct cu_uuid {
  char bytes[16];
};

/// Unlisted codes are legal values too: the driver knows more than we name.
enum class cu_result : int {
  success = 0,
  invalid_value = 1,
  out_of_memory = 2,
  not_initialized = 3,
  deinitialized = 4,
  stub_library = 34,
  device_unavailable = 46,
  no_device = 100,
  invalid_device = 101,
  invalid_context = 201,
  no_binary_for_gpu = 209,
  ecc_uncorrectable = 214,
  peer_access_unsupported = 217,
  nvlink_uncorrectable = 220,
  contained = 226,
  operating_system = 304,
  invalid_handle = 400,
  illegal_state = 401,
  not_found = 500,
  not_ready = 600,
  illegal_address = 700,
  launch_out_of_resources = 701,
  launch_timeout = 702,
  peer_access_not_enabled = 705,
  context_is_destroyed = 709,
  assert_failed = 710,
  too_many_peers = 711,
  host_memory_already_registered = 712,
  host_memory_not_registered = 713,
  hardware_stack_error = 714,
  illegal_instruction = 715,
  misaligned_address = 716,
  invalid_address_space = 717,
  invalid_pc = 718,
  launch_failed = 719,
  tensor_memory_leak = 721,
  not_permitted = 800,
  not_supported = 801,
  system_not_ready = 802,
  system_driver_mismatch = 803,
  compat_not_supported_on_device = 804,
  mps_client_terminated = 810,
  cdp_not_supported = 811,
  stream_capture_unsupported = 900,
  stream_capture_implicit = 906,
  external_device = 911,
  unknown = 999,
};

enum class cu_device_attribute : int {
  clock_rate_khz = 13,
  multiprocessor_count = 16,
  integrated = 18,
  compute_mode = 20,
  pci_bus_id = 33,
  pci_device_id = 34,
  async_engine_count = 40,
  unified_addressing = 41,
  pci_domain_id = 50,
  compute_capability_major = 75,
  compute_capability_minor = 76,
  stream_priorities_supported = 78,
  pageable_memory_access = 88,
  host_register_supported = 99,
  memory_pools_supported = 115,
};

enum class cu_p2p_attribute : int {
  performance_rank = 1,
  access_supported = 2,
  native_atomic_supported = 3,
};

enum class cu_proc_address_status : int {
  success = 0,
  symbol_not_found = 1,
  version_not_sufficient = 2,
};

/// Values of cuStreamIsCapturing.
enum class cu_stream_capture_status : int {
  none = 0,
  active = 1,
  invalidated = 2,
};

enum class cu_mem_allocation_type : int {
  invalid = 0,
  pinned = 1,
};

enum class cu_mem_handle_type : int {
  none = 0,
};

enum class cu_mem_location_type : int {
  invalid = 0,
  device = 1,
  host = 2,
};

enum class cu_mem_access_flags : int {
  none = 0,
  read = 1,
  read_write = 3,
};

/// Types of the values: int for the three `reuse_…` switches, std::uint64_t for the others. A high
/// mark can only be set to 0.
enum class cu_mem_pool_attribute : int {
  reuse_follow_event_dependencies = 1,
  reuse_allow_opportunistic = 2,
  reuse_allow_internal_dependencies = 3,
  release_threshold = 4,
  reserved_mem_current = 5,
  reserved_mem_high = 6,
  used_mem_current = 7,
  used_mem_high = 8,
};

/// Types of the values: context: cu_context; memory_type: unsigned int (cu_memory_type);
/// device_pointer and range_start: cu_device_ptr; host_pointer: void*; buffer_id:
/// unsigned long long; device_ordinal: int; range_size: std::size_t; mem_pool_handle: cu_mem_pool.
enum class cu_pointer_attribute : int {
  context = 1,
  memory_type = 2,
  device_pointer = 3,
  host_pointer = 4,
  buffer_id = 7,
  device_ordinal = 9,
  range_start = 11,
  range_size = 12,
  mem_pool_handle = 17,
};

enum class cu_memory_type : unsigned int {
  unknown = 0,  ///< what the driver leaves for memory that it does not know
  host = 1,
  device = 2,
};

struct cu_mem_location {
  cu_mem_location_type type;
  int id;  ///< of a device: its ordinal
};

/// Everything unnamed must be zero.
struct cu_mem_pool_props {
  cu_mem_allocation_type allocation_type;
  cu_mem_handle_type handle_types;
  cu_mem_location location;
  void* security_attributes;
  std::size_t max_size_bytes;  ///< 0 = the driver's own limit
  unsigned short usage;
  unsigned char reserved[54];
};

struct cu_mem_access_desc {
  cu_mem_location location;
  cu_mem_access_flags flags;
};

inline constexpr unsigned int cu_stream_default = 0;
inline constexpr unsigned int cu_stream_non_blocking = 1;
inline constexpr unsigned int cu_event_default = 0;
inline constexpr unsigned int cu_event_blocking_sync = 1;
inline constexpr unsigned int cu_event_disable_timing = 2;
inline constexpr unsigned int cu_mem_host_register_portable = 1;
inline constexpr unsigned int cu_mem_host_register_device_map = 2;

/// Flag of cuGetProcAddress: the entry points whose stream 0 is the legacy default stream.
inline constexpr std::uint64_t cu_proc_address_legacy_stream = 1;

using cu_get_proc_address_fn = cu_result(const char* symbol, void** function, int cuda_version,
                                         std::uint64_t flags, cu_proc_address_status* status);
using cu_init_fn = cu_result(unsigned int flags);
using cu_driver_get_version_fn = cu_result(int* version);
using cu_get_error_name_fn = cu_result(cu_result code, const char** text);
using cu_get_error_string_fn = cu_result(cu_result code, const char** text);
using cu_device_get_count_fn = cu_result(int* count);
using cu_device_get_fn = cu_result(cu_device* device, int ordinal);
using cu_device_get_name_fn = cu_result(char* name, int length, cu_device device);
using cu_device_get_attribute_fn = cu_result(int* value, cu_device_attribute attribute,
                                             cu_device device);
using cu_device_get_uuid_fn = cu_result(cu_uuid* uuid, cu_device device);
using cu_device_total_mem_fn = cu_result(std::size_t* bytes, cu_device device);
using cu_device_get_pci_bus_id_fn = cu_result(char* text, int length, cu_device device);
using cu_device_can_access_peer_fn = cu_result(int* can_access, cu_device device, cu_device peer);
using cu_device_get_p2p_attribute_fn = cu_result(int* value, cu_p2p_attribute attribute,
                                                 cu_device from, cu_device to);

using cu_device_primary_ctx_retain_fn = cu_result(cu_context* context, cu_device device);
using cu_device_primary_ctx_release_fn = cu_result(cu_device device);
using cu_device_primary_ctx_get_state_fn = cu_result(cu_device device, unsigned int* flags,
                                                     int* active);
using cu_ctx_set_current_fn = cu_result(cu_context context);
using cu_ctx_get_current_fn = cu_result(cu_context* context);
using cu_ctx_get_stream_priority_range_fn = cu_result(int* least, int* greatest);
using cu_mem_get_info_fn = cu_result(std::size_t* free_bytes, std::size_t* total_bytes);

using cu_mem_pool_create_fn = cu_result(cu_mem_pool* pool, const cu_mem_pool_props* props);
using cu_mem_pool_destroy_fn = cu_result(cu_mem_pool pool);
using cu_mem_pool_set_attribute_fn = cu_result(cu_mem_pool pool, cu_mem_pool_attribute attribute,
                                               void* value);
using cu_mem_pool_get_attribute_fn = cu_result(cu_mem_pool pool, cu_mem_pool_attribute attribute,
                                               void* value);
using cu_mem_pool_set_access_fn = cu_result(cu_mem_pool pool, const cu_mem_access_desc* accesses,
                                            std::size_t count);
using cu_mem_pool_trim_to_fn = cu_result(cu_mem_pool pool, std::size_t bytes_to_keep);
using cu_mem_alloc_from_pool_async_fn = cu_result(cu_device_ptr* pointer, std::size_t bytes,
                                                  cu_mem_pool pool, cu_stream stream);
using cu_mem_free_async_fn = cu_result(cu_device_ptr pointer, cu_stream stream);
using cu_mem_host_register_fn = cu_result(void* begin, std::size_t bytes, unsigned int flags);
using cu_mem_host_unregister_fn = cu_result(void* begin);
using cu_pointer_get_attributes_fn = cu_result(unsigned int count,
                                               cu_pointer_attribute* attributes, void** values,
                                               cu_device_ptr pointer);

using cu_memcpy_htod_async_fn = cu_result(cu_device_ptr to, const void* from, std::size_t bytes,
                                          cu_stream stream);
using cu_memcpy_dtoh_async_fn = cu_result(void* to, cu_device_ptr from, std::size_t bytes,
                                          cu_stream stream);
using cu_memcpy_dtod_async_fn = cu_result(cu_device_ptr to, cu_device_ptr from, std::size_t bytes,
                                          cu_stream stream);
using cu_memcpy_peer_async_fn = cu_result(cu_device_ptr to, cu_context to_context,
                                          cu_device_ptr from, cu_context from_context,
                                          std::size_t bytes, cu_stream stream);
using cu_memset_d8_async_fn = cu_result(cu_device_ptr to, unsigned char value, std::size_t bytes,
                                        cu_stream stream);

using cu_stream_create_with_priority_fn = cu_result(cu_stream* stream, unsigned int flags,
                                                    int priority);
using cu_stream_destroy_fn = cu_result(cu_stream stream);
using cu_stream_query_fn = cu_result(cu_stream stream);
using cu_stream_synchronize_fn = cu_result(cu_stream stream);
using cu_stream_wait_event_fn = cu_result(cu_stream stream, cu_event event, unsigned int flags);
using cu_stream_is_capturing_fn = cu_result(cu_stream stream, cu_stream_capture_status* status);

using cu_event_create_fn = cu_result(cu_event* event, unsigned int flags);
using cu_event_destroy_fn = cu_result(cu_event event);
using cu_event_record_fn = cu_result(cu_event event, cu_stream stream);
using cu_event_query_fn = cu_result(cu_event event);
using cu_event_synchronize_fn = cu_result(cu_event event);
using cu_event_elapsed_time_fn = cu_result(float* milliseconds, cu_event start, cu_event end);

enum class byte_access : std::uint8_t { read, write };

struct accessed_bytes {
  cu_device_ptr begin;
  std::size_t bytes;
  byte_access access;
};

/// A closure that runs at its turn in its stream, on a thread of the emulated driver.
struct emulated_work {
  bool (*run)(void* context);    ///< false = it threw: the device is lost with launch_failed
  /// Called exactly once, after `run` or instead of it, on a thread of the driver. The work may
  /// have been seen complete by then.
  void (*drop)(void* context);
  void* context;
  const accessed_bytes* accesses;  ///< copied by the call
  std::size_t access_count;
  const char* label;               ///< stays valid until `drop` was called
  std::uint64_t modelled_ns;       ///< 0 = the launch latency of the model alone
};

/// Our own entry. The CUDA driver answers not_supported and calls neither `run` nor `drop`; the
/// same holds for every other answer than success.
using emulate_fn = cu_result(cu_stream stream, const emulated_work& work);

enum class annotation : std::uint8_t { alloc, free, read, write };

/// Our own entry: what the caller knows of a block and a driver cannot see. The CUDA driver does
/// nothing. `label` may be null and is copied.
///   alloc        A block of the caller's own cache is handed out at this point of `stream`.
///   free         It is put back at this point of `stream`; with a null stream, in no order with
///                anything: who takes it out again orders that, and tells it by alloc.
///   read, write  What was enqueued outside the driver's sight, or will be next, does this; with a
///                null stream, the host itself does it, at once.
using annotate_fn = cu_result(annotation kind, cu_device_ptr begin, std::size_t bytes,
                              cu_stream stream, const char* label);

}  // namespace narke::internal
