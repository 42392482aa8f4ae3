// Names and numbers the entry points of the driver table, so that calls can be counted and faults
// be planned. Plain values.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <string_view>

namespace narke::internal {

enum class entry_point : std::uint8_t {
  init,
  driver_get_version,
  get_error_name,
  get_error_string,
  device_get_count,
  device_get,
  device_get_name,
  device_get_attribute,
  device_get_uuid,
  device_total_mem,
  device_get_pci_bus_id,
  device_can_access_peer,
  device_get_p2p_attribute,
  device_primary_ctx_retain,
  device_primary_ctx_release,
  device_primary_ctx_get_state,
  ctx_set_current,
  ctx_get_current,
  ctx_get_stream_priority_range,
  mem_get_info,
  mem_pool_create,
  mem_pool_destroy,
  mem_pool_set_attribute,
  mem_pool_get_attribute,
  mem_pool_set_access,
  mem_pool_trim_to,
  mem_alloc_from_pool_async,
  mem_free_async,
  mem_host_register,
  mem_host_unregister,
  pointer_get_attributes,
  memcpy_htod_async,
  memcpy_dtoh_async,
  memcpy_dtod_async,
  memcpy_peer_async,
  memset_d8_async,
  stream_create_with_priority,
  stream_destroy,
  stream_query,
  stream_synchronize,
  stream_wait_event,
  stream_is_capturing,
  event_create,
  event_destroy,
  event_record,
  event_query,
  event_synchronize,
  event_elapsed_time,
  emulate,
  annotate,
};

inline constexpr std::array entry_point_names = {
    "init",
    "driver_get_version",
    "get_error_name",
    "get_error_string",
    "device_get_count",
    "device_get",
    "device_get_name",
    "device_get_attribute",
    "device_get_uuid",
    "device_total_mem",
    "device_get_pci_bus_id",
    "device_can_access_peer",
    "device_get_p2p_attribute",
    "device_primary_ctx_retain",
    "device_primary_ctx_release",
    "device_primary_ctx_get_state",
    "ctx_set_current",
    "ctx_get_current",
    "ctx_get_stream_priority_range",
    "mem_get_info",
    "mem_pool_create",
    "mem_pool_destroy",
    "mem_pool_set_attribute",
    "mem_pool_get_attribute",
    "mem_pool_set_access",
    "mem_pool_trim_to",
    "mem_alloc_from_pool_async",
    "mem_free_async",
    "mem_host_register",
    "mem_host_unregister",
    "pointer_get_attributes",
    "memcpy_htod_async",
    "memcpy_dtoh_async",
    "memcpy_dtod_async",
    "memcpy_peer_async",
    "memset_d8_async",
    "stream_create_with_priority",
    "stream_destroy",
    "stream_query",
    "stream_synchronize",
    "stream_wait_event",
    "stream_is_capturing",
    "event_create",
    "event_destroy",
    "event_record",
    "event_query",
    "event_synchronize",
    "event_elapsed_time",
    "emulate",
    "annotate",
};
inline constexpr std::size_t entry_point_count = entry_point_names.size();
static_assert(entry_point_count == static_cast<std::size_t>(entry_point::annotate) + 1);

[[nodiscard]] constexpr std::size_t index_of(entry_point entry) {
  return static_cast<std::size_t>(entry);
}

[[nodiscard]] constexpr const char* name_of(entry_point entry) {
  return entry_point_names[index_of(entry)];
}

/// entry_point_count when there is no such name.
[[nodiscard]] constexpr std::size_t find_entry_point(std::string_view name) {
  for (std::size_t i = 0; i < entry_point_count; ++i) {
    if (name == entry_point_names[i]) return i;
  }
  return entry_point_count;
}

}  // namespace narke::internal
