// The table of CUDA driver calls that everything above `driver/` speaks to. A driver (libcuda.so.1,
// or one of our own) fills it once; afterwards it does not change and may be called from any
// thread, as the CUDA driver may.
#pragma once

#include "driver/driver_abi.hpp"

namespace narke::internal {

/// Every pointer is set in a table that a driver hands out.
struct driver_table {
  // Facts: need no context.
  cu_init_fn* init = nullptr;
  cu_driver_get_version_fn* driver_get_version = nullptr;
  cu_get_error_name_fn* get_error_name = nullptr;
  cu_get_error_string_fn* get_error_string = nullptr;
  cu_device_get_count_fn* device_get_count = nullptr;
  cu_device_get_fn* device_get = nullptr;
  cu_device_get_name_fn* device_get_name = nullptr;
  cu_device_get_attribute_fn* device_get_attribute = nullptr;
  cu_device_get_uuid_fn* device_get_uuid = nullptr;
  cu_device_total_mem_fn* device_total_mem = nullptr;
  cu_device_get_pci_bus_id_fn* device_get_pci_bus_id = nullptr;
  cu_device_can_access_peer_fn* device_can_access_peer = nullptr;
  cu_device_get_p2p_attribute_fn* device_get_p2p_attribute = nullptr;

  // Contexts: one current context a thread.
  cu_device_primary_ctx_retain_fn* device_primary_ctx_retain = nullptr;
  cu_device_primary_ctx_release_fn* device_primary_ctx_release = nullptr;
  cu_device_primary_ctx_get_state_fn* device_primary_ctx_get_state = nullptr;
  cu_ctx_set_current_fn* ctx_set_current = nullptr;
  cu_ctx_get_current_fn* ctx_get_current = nullptr;
  cu_ctx_get_stream_priority_range_fn* ctx_get_stream_priority_range = nullptr;
  cu_mem_get_info_fn* mem_get_info = nullptr;

  // Memory.
  cu_mem_pool_create_fn* mem_pool_create = nullptr;
  cu_mem_pool_destroy_fn* mem_pool_destroy = nullptr;
  cu_mem_pool_set_attribute_fn* mem_pool_set_attribute = nullptr;
  cu_mem_pool_get_attribute_fn* mem_pool_get_attribute = nullptr;
  cu_mem_pool_set_access_fn* mem_pool_set_access = nullptr;
  cu_mem_pool_trim_to_fn* mem_pool_trim_to = nullptr;
  cu_mem_alloc_from_pool_async_fn* mem_alloc_from_pool_async = nullptr;
  cu_mem_free_async_fn* mem_free_async = nullptr;
  cu_mem_host_register_fn* mem_host_register = nullptr;
  cu_mem_host_unregister_fn* mem_host_unregister = nullptr;
  cu_pointer_get_attributes_fn* pointer_get_attributes = nullptr;

  // Copies.
  cu_memcpy_htod_async_fn* memcpy_htod_async = nullptr;
  cu_memcpy_dtoh_async_fn* memcpy_dtoh_async = nullptr;
  cu_memcpy_dtod_async_fn* memcpy_dtod_async = nullptr;
  cu_memcpy_peer_async_fn* memcpy_peer_async = nullptr;
  cu_memset_d8_async_fn* memset_d8_async = nullptr;

  // Streams and events.
  cu_stream_create_with_priority_fn* stream_create_with_priority = nullptr;
  cu_stream_destroy_fn* stream_destroy = nullptr;
  cu_stream_query_fn* stream_query = nullptr;
  cu_stream_synchronize_fn* stream_synchronize = nullptr;
  cu_stream_wait_event_fn* stream_wait_event = nullptr;
  cu_stream_is_capturing_fn* stream_is_capturing = nullptr;
  cu_event_create_fn* event_create = nullptr;
  cu_event_destroy_fn* event_destroy = nullptr;
  cu_event_record_fn* event_record = nullptr;
  cu_event_query_fn* event_query = nullptr;
  cu_event_synchronize_fn* event_synchronize = nullptr;
  cu_event_elapsed_time_fn* event_elapsed_time = nullptr;

  // Ours: a CUDA driver answers emulate with not_supported and annotate with success.
  emulate_fn* emulate = nullptr;
  annotate_fn* annotate = nullptr;
};

}  // namespace narke::internal
