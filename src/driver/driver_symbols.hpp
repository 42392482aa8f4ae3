// The driver table's members beside CUDA's names for them, each with the version of CUDA in which
// the entry point took the form that narke calls. A test holds both against cudaTypedefs.h.
#pragma once

#include "driver/driver_table.hpp"

namespace narke::internal {

/// Calls `visit(member, name, version)` for everything that needs no context.
template <class Table, class Visitor>
void visit_fact_symbols(Table& table, Visitor&& visit) {
  visit(table.init, "cuInit", 2000);
  visit(table.driver_get_version, "cuDriverGetVersion", 2020);
  visit(table.get_error_name, "cuGetErrorName", 6000);
  visit(table.get_error_string, "cuGetErrorString", 6000);
  visit(table.device_get_count, "cuDeviceGetCount", 2000);
  visit(table.device_get, "cuDeviceGet", 2000);
  visit(table.device_get_name, "cuDeviceGetName", 2000);
  visit(table.device_get_attribute, "cuDeviceGetAttribute", 2000);
  visit(table.device_get_uuid, "cuDeviceGetUuid", 11040);
  visit(table.device_total_mem, "cuDeviceTotalMem", 3020);
  visit(table.device_get_pci_bus_id, "cuDeviceGetPCIBusId", 4010);
  visit(table.device_can_access_peer, "cuDeviceCanAccessPeer", 4000);
  visit(table.device_get_p2p_attribute, "cuDeviceGetP2PAttribute", 8000);
}

/// The same for what runs work: contexts, memory, copies, streams and events.
template <class Table, class Visitor>
void visit_execution_symbols(Table& table, Visitor&& visit) {
  visit(table.device_primary_ctx_retain, "cuDevicePrimaryCtxRetain", 7000);
  visit(table.device_primary_ctx_release, "cuDevicePrimaryCtxRelease", 11000);
  visit(table.device_primary_ctx_get_state, "cuDevicePrimaryCtxGetState", 7000);
  visit(table.ctx_set_current, "cuCtxSetCurrent", 4000);
  visit(table.ctx_get_current, "cuCtxGetCurrent", 4000);
  visit(table.ctx_get_stream_priority_range, "cuCtxGetStreamPriorityRange", 5050);
  visit(table.mem_get_info, "cuMemGetInfo", 3020);

  visit(table.mem_pool_create, "cuMemPoolCreate", 11020);
  visit(table.mem_pool_destroy, "cuMemPoolDestroy", 11020);
  visit(table.mem_pool_set_attribute, "cuMemPoolSetAttribute", 11020);
  visit(table.mem_pool_get_attribute, "cuMemPoolGetAttribute", 11020);
  visit(table.mem_pool_set_access, "cuMemPoolSetAccess", 11020);
  visit(table.mem_pool_trim_to, "cuMemPoolTrimTo", 11020);
  visit(table.mem_alloc_from_pool_async, "cuMemAllocFromPoolAsync", 11020);
  visit(table.mem_free_async, "cuMemFreeAsync", 11020);
  visit(table.mem_host_register, "cuMemHostRegister", 6050);
  visit(table.mem_host_unregister, "cuMemHostUnregister", 4000);
  visit(table.pointer_get_attributes, "cuPointerGetAttributes", 7000);

  visit(table.memcpy_htod_async, "cuMemcpyHtoDAsync", 3020);
  visit(table.memcpy_dtoh_async, "cuMemcpyDtoHAsync", 3020);
  visit(table.memcpy_dtod_async, "cuMemcpyDtoDAsync", 3020);
  visit(table.memcpy_peer_async, "cuMemcpyPeerAsync", 4000);
  visit(table.memset_d8_async, "cuMemsetD8Async", 3020);

  visit(table.stream_create_with_priority, "cuStreamCreateWithPriority", 5050);
  visit(table.stream_destroy, "cuStreamDestroy", 4000);
  visit(table.stream_query, "cuStreamQuery", 2000);
  visit(table.stream_synchronize, "cuStreamSynchronize", 2000);
  visit(table.stream_wait_event, "cuStreamWaitEvent", 3020);
  visit(table.stream_is_capturing, "cuStreamIsCapturing", 10000);
  visit(table.event_create, "cuEventCreate", 2000);
  visit(table.event_destroy, "cuEventDestroy", 4000);
  visit(table.event_record, "cuEventRecord", 2000);
  visit(table.event_query, "cuEventQuery", 2000);
  visit(table.event_synchronize, "cuEventSynchronize", 2000);
  visit(table.event_elapsed_time, "cuEventElapsedTime", 2000);
}

}  // namespace narke::internal
