// The CUDA driver's types, constants and entry points that narke calls, in our own words, so that
// no toolkit is needed to build. A test holds them against the toolkit's cuda.h where there is one.
// Plain values; any thread.
#pragma once

#include <cstddef>
#include <cstdint>

namespace narke::internal {

using cu_device = int;

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
  not_found = 500,
  system_not_ready = 802,
  system_driver_mismatch = 803,
  compat_not_supported_on_device = 804,
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

}  // namespace narke::internal
