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
};

}  // namespace narke::internal
