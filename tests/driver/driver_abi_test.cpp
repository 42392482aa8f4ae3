// Holds our own words for CUDA's driver against the toolkit's header, where there is a toolkit.
#include "driver/driver_abi.hpp"

#include <gtest/gtest.h>

#include <cstddef>
#include <string>
#include <type_traits>
#include <vector>

#include "driver/driver_symbols.hpp"

#if __has_include(<cuda.h>)
#include <cuda.h>

#include <cudaTypedefs.h>

namespace {

using namespace narke::internal;

template <class Ours, class Theirs>
constexpr bool same_value(Ours ours, Theirs theirs) {
  return static_cast<long long>(ours) == static_cast<long long>(theirs);
}

static_assert(sizeof(cu_device) == sizeof(CUdevice) && std::is_same_v<cu_device, CUdevice>);
static_assert(sizeof(cu_uuid) == sizeof(CUuuid) && alignof(cu_uuid) == alignof(CUuuid));
static_assert(sizeof(cu_result) == sizeof(CUresult));
static_assert(sizeof(cu_device_attribute) == sizeof(CUdevice_attribute));
static_assert(sizeof(cu_p2p_attribute) == sizeof(CUdevice_P2PAttribute));
static_assert(sizeof(cu_proc_address_status) == sizeof(CUdriverProcAddressQueryResult));

static_assert(same_value(cu_result::success, CUDA_SUCCESS));
static_assert(same_value(cu_result::invalid_value, CUDA_ERROR_INVALID_VALUE));
static_assert(same_value(cu_result::out_of_memory, CUDA_ERROR_OUT_OF_MEMORY));
static_assert(same_value(cu_result::not_initialized, CUDA_ERROR_NOT_INITIALIZED));
static_assert(same_value(cu_result::deinitialized, CUDA_ERROR_DEINITIALIZED));
static_assert(same_value(cu_result::stub_library, CUDA_ERROR_STUB_LIBRARY));
static_assert(same_value(cu_result::device_unavailable, CUDA_ERROR_DEVICE_UNAVAILABLE));
static_assert(same_value(cu_result::no_device, CUDA_ERROR_NO_DEVICE));
static_assert(same_value(cu_result::invalid_device, CUDA_ERROR_INVALID_DEVICE));
static_assert(same_value(cu_result::invalid_context, CUDA_ERROR_INVALID_CONTEXT));
static_assert(same_value(cu_result::no_binary_for_gpu, CUDA_ERROR_NO_BINARY_FOR_GPU));
static_assert(same_value(cu_result::ecc_uncorrectable, CUDA_ERROR_ECC_UNCORRECTABLE));
static_assert(same_value(cu_result::peer_access_unsupported, CUDA_ERROR_PEER_ACCESS_UNSUPPORTED));
static_assert(same_value(cu_result::nvlink_uncorrectable, CUDA_ERROR_NVLINK_UNCORRECTABLE));
static_assert(same_value(cu_result::operating_system, CUDA_ERROR_OPERATING_SYSTEM));
static_assert(same_value(cu_result::invalid_handle, CUDA_ERROR_INVALID_HANDLE));
static_assert(same_value(cu_result::illegal_state, CUDA_ERROR_ILLEGAL_STATE));
static_assert(same_value(cu_result::not_found, CUDA_ERROR_NOT_FOUND));
static_assert(same_value(cu_result::not_ready, CUDA_ERROR_NOT_READY));
static_assert(same_value(cu_result::illegal_address, CUDA_ERROR_ILLEGAL_ADDRESS));
static_assert(same_value(cu_result::launch_out_of_resources, CUDA_ERROR_LAUNCH_OUT_OF_RESOURCES));
static_assert(same_value(cu_result::launch_timeout, CUDA_ERROR_LAUNCH_TIMEOUT));
static_assert(same_value(cu_result::peer_access_not_enabled, CUDA_ERROR_PEER_ACCESS_NOT_ENABLED));
static_assert(same_value(cu_result::context_is_destroyed, CUDA_ERROR_CONTEXT_IS_DESTROYED));
static_assert(same_value(cu_result::assert_failed, CUDA_ERROR_ASSERT));
static_assert(same_value(cu_result::too_many_peers, CUDA_ERROR_TOO_MANY_PEERS));
static_assert(same_value(cu_result::host_memory_already_registered,
                         CUDA_ERROR_HOST_MEMORY_ALREADY_REGISTERED));
static_assert(same_value(cu_result::host_memory_not_registered,
                         CUDA_ERROR_HOST_MEMORY_NOT_REGISTERED));
static_assert(same_value(cu_result::hardware_stack_error, CUDA_ERROR_HARDWARE_STACK_ERROR));
static_assert(same_value(cu_result::illegal_instruction, CUDA_ERROR_ILLEGAL_INSTRUCTION));
static_assert(same_value(cu_result::misaligned_address, CUDA_ERROR_MISALIGNED_ADDRESS));
static_assert(same_value(cu_result::invalid_address_space, CUDA_ERROR_INVALID_ADDRESS_SPACE));
static_assert(same_value(cu_result::invalid_pc, CUDA_ERROR_INVALID_PC));
static_assert(same_value(cu_result::launch_failed, CUDA_ERROR_LAUNCH_FAILED));
static_assert(same_value(cu_result::not_permitted, CUDA_ERROR_NOT_PERMITTED));
static_assert(same_value(cu_result::not_supported, CUDA_ERROR_NOT_SUPPORTED));
static_assert(same_value(cu_result::system_not_ready, CUDA_ERROR_SYSTEM_NOT_READY));
static_assert(same_value(cu_result::system_driver_mismatch, CUDA_ERROR_SYSTEM_DRIVER_MISMATCH));
static_assert(same_value(cu_result::compat_not_supported_on_device,
                         CUDA_ERROR_COMPAT_NOT_SUPPORTED_ON_DEVICE));
static_assert(same_value(cu_result::mps_client_terminated, CUDA_ERROR_MPS_CLIENT_TERMINATED));
static_assert(same_value(cu_result::cdp_not_supported, CUDA_ERROR_CDP_NOT_SUPPORTED));
static_assert(same_value(cu_result::stream_capture_unsupported,
                         CUDA_ERROR_STREAM_CAPTURE_UNSUPPORTED));
static_assert(same_value(cu_result::stream_capture_implicit, CUDA_ERROR_STREAM_CAPTURE_IMPLICIT));
static_assert(same_value(cu_result::external_device, CUDA_ERROR_EXTERNAL_DEVICE));
static_assert(same_value(cu_result::unknown, CUDA_ERROR_UNKNOWN));

#if CUDA_VERSION >= 13000
static_assert(same_value(cu_result::contained, CUDA_ERROR_CONTAINED));
static_assert(same_value(cu_result::tensor_memory_leak, CUDA_ERROR_TENSOR_MEMORY_LEAK));
#endif

using attribute = cu_device_attribute;
static_assert(same_value(attribute::clock_rate_khz, CU_DEVICE_ATTRIBUTE_CLOCK_RATE));
static_assert(same_value(attribute::multiprocessor_count,
                         CU_DEVICE_ATTRIBUTE_MULTIPROCESSOR_COUNT));
static_assert(same_value(attribute::integrated, CU_DEVICE_ATTRIBUTE_INTEGRATED));
static_assert(same_value(attribute::compute_mode, CU_DEVICE_ATTRIBUTE_COMPUTE_MODE));
static_assert(same_value(attribute::pci_bus_id, CU_DEVICE_ATTRIBUTE_PCI_BUS_ID));
static_assert(same_value(attribute::pci_device_id, CU_DEVICE_ATTRIBUTE_PCI_DEVICE_ID));
static_assert(same_value(attribute::async_engine_count, CU_DEVICE_ATTRIBUTE_ASYNC_ENGINE_COUNT));
static_assert(same_value(attribute::unified_addressing, CU_DEVICE_ATTRIBUTE_UNIFIED_ADDRESSING));
static_assert(same_value(attribute::pci_domain_id, CU_DEVICE_ATTRIBUTE_PCI_DOMAIN_ID));
static_assert(same_value(attribute::compute_capability_major,
                         CU_DEVICE_ATTRIBUTE_COMPUTE_CAPABILITY_MAJOR));
static_assert(same_value(attribute::compute_capability_minor,
                         CU_DEVICE_ATTRIBUTE_COMPUTE_CAPABILITY_MINOR));
static_assert(same_value(attribute::stream_priorities_supported,
                         CU_DEVICE_ATTRIBUTE_STREAM_PRIORITIES_SUPPORTED));
static_assert(same_value(attribute::pageable_memory_access,
                         CU_DEVICE_ATTRIBUTE_PAGEABLE_MEMORY_ACCESS));
static_assert(same_value(attribute::host_register_supported,
                         CU_DEVICE_ATTRIBUTE_HOST_REGISTER_SUPPORTED));
static_assert(same_value(attribute::memory_pools_supported,
                         CU_DEVICE_ATTRIBUTE_MEMORY_POOLS_SUPPORTED));

static_assert(same_value(cu_p2p_attribute::performance_rank,
                         CU_DEVICE_P2P_ATTRIBUTE_PERFORMANCE_RANK));
static_assert(same_value(cu_p2p_attribute::access_supported,
                         CU_DEVICE_P2P_ATTRIBUTE_ACCESS_SUPPORTED));
static_assert(same_value(cu_p2p_attribute::native_atomic_supported,
                         CU_DEVICE_P2P_ATTRIBUTE_NATIVE_ATOMIC_SUPPORTED));
static_assert(same_value(cu_proc_address_status::success, CU_GET_PROC_ADDRESS_SUCCESS));
static_assert(same_value(cu_proc_address_status::symbol_not_found,
                         CU_GET_PROC_ADDRESS_SYMBOL_NOT_FOUND));
static_assert(same_value(cu_proc_address_status::version_not_sufficient,
                         CU_GET_PROC_ADDRESS_VERSION_NOT_SUFFICIENT));
static_assert(same_value(cu_proc_address_legacy_stream, CU_GET_PROC_ADDRESS_LEGACY_STREAM));

static_assert(same_value(cu_stream_capture_status::none, CU_STREAM_CAPTURE_STATUS_NONE));
static_assert(same_value(cu_stream_capture_status::active, CU_STREAM_CAPTURE_STATUS_ACTIVE));
static_assert(same_value(cu_stream_capture_status::invalidated,
                         CU_STREAM_CAPTURE_STATUS_INVALIDATED));
static_assert(same_value(cu_mem_allocation_type::invalid, CU_MEM_ALLOCATION_TYPE_INVALID));
static_assert(same_value(cu_mem_allocation_type::pinned, CU_MEM_ALLOCATION_TYPE_PINNED));
static_assert(same_value(cu_mem_handle_type::none, CU_MEM_HANDLE_TYPE_NONE));
static_assert(same_value(cu_mem_location_type::invalid, CU_MEM_LOCATION_TYPE_INVALID));
static_assert(same_value(cu_mem_location_type::device, CU_MEM_LOCATION_TYPE_DEVICE));
static_assert(same_value(cu_mem_location_type::host, CU_MEM_LOCATION_TYPE_HOST));
static_assert(same_value(cu_mem_access_flags::none, CU_MEM_ACCESS_FLAGS_PROT_NONE));
static_assert(same_value(cu_mem_access_flags::read, CU_MEM_ACCESS_FLAGS_PROT_READ));
static_assert(same_value(cu_mem_access_flags::read_write, CU_MEM_ACCESS_FLAGS_PROT_READWRITE));

using pool_attribute = cu_mem_pool_attribute;
static_assert(same_value(pool_attribute::reuse_follow_event_dependencies,
                         CU_MEMPOOL_ATTR_REUSE_FOLLOW_EVENT_DEPENDENCIES));
static_assert(same_value(pool_attribute::reuse_allow_opportunistic,
                         CU_MEMPOOL_ATTR_REUSE_ALLOW_OPPORTUNISTIC));
static_assert(same_value(pool_attribute::reuse_allow_internal_dependencies,
                         CU_MEMPOOL_ATTR_REUSE_ALLOW_INTERNAL_DEPENDENCIES));
static_assert(same_value(pool_attribute::release_threshold, CU_MEMPOOL_ATTR_RELEASE_THRESHOLD));
static_assert(same_value(pool_attribute::reserved_mem_current,
                         CU_MEMPOOL_ATTR_RESERVED_MEM_CURRENT));
static_assert(same_value(pool_attribute::reserved_mem_high, CU_MEMPOOL_ATTR_RESERVED_MEM_HIGH));
static_assert(same_value(pool_attribute::used_mem_current, CU_MEMPOOL_ATTR_USED_MEM_CURRENT));
static_assert(same_value(pool_attribute::used_mem_high, CU_MEMPOOL_ATTR_USED_MEM_HIGH));

using pointer_attribute = cu_pointer_attribute;
static_assert(same_value(pointer_attribute::context, CU_POINTER_ATTRIBUTE_CONTEXT));
static_assert(same_value(pointer_attribute::memory_type, CU_POINTER_ATTRIBUTE_MEMORY_TYPE));
static_assert(same_value(pointer_attribute::device_pointer, CU_POINTER_ATTRIBUTE_DEVICE_POINTER));
static_assert(same_value(pointer_attribute::host_pointer, CU_POINTER_ATTRIBUTE_HOST_POINTER));
static_assert(same_value(pointer_attribute::buffer_id, CU_POINTER_ATTRIBUTE_BUFFER_ID));
static_assert(same_value(pointer_attribute::device_ordinal, CU_POINTER_ATTRIBUTE_DEVICE_ORDINAL));
static_assert(same_value(pointer_attribute::range_start, CU_POINTER_ATTRIBUTE_RANGE_START_ADDR));
static_assert(same_value(pointer_attribute::range_size, CU_POINTER_ATTRIBUTE_RANGE_SIZE));
static_assert(same_value(pointer_attribute::mem_pool_handle, CU_POINTER_ATTRIBUTE_MEMPOOL_HANDLE));
static_assert(same_value(cu_memory_type::host, CU_MEMORYTYPE_HOST));
static_assert(same_value(cu_memory_type::device, CU_MEMORYTYPE_DEVICE));

static_assert(same_value(cu_stream_default, CU_STREAM_DEFAULT));
static_assert(same_value(cu_stream_non_blocking, CU_STREAM_NON_BLOCKING));
static_assert(same_value(cu_event_default, CU_EVENT_DEFAULT));
static_assert(same_value(cu_event_blocking_sync, CU_EVENT_BLOCKING_SYNC));
static_assert(same_value(cu_event_disable_timing, CU_EVENT_DISABLE_TIMING));
static_assert(same_value(cu_mem_host_register_portable, CU_MEMHOSTREGISTER_PORTABLE));
static_assert(same_value(cu_mem_host_register_device_map, CU_MEMHOSTREGISTER_DEVICEMAP));

static_assert(sizeof(cu_device_ptr) == sizeof(CUdeviceptr) && std::is_unsigned_v<CUdeviceptr>);
static_assert(sizeof(cu_context) == sizeof(CUcontext) && std::is_pointer_v<CUcontext>);
static_assert(sizeof(cu_stream) == sizeof(CUstream) && std::is_pointer_v<CUstream>);
static_assert(sizeof(cu_event) == sizeof(CUevent) && std::is_pointer_v<CUevent>);
static_assert(sizeof(cu_mem_pool) == sizeof(CUmemoryPool) && std::is_pointer_v<CUmemoryPool>);
static_assert(sizeof(cu_stream_capture_status) == sizeof(CUstreamCaptureStatus));
static_assert(sizeof(cu_mem_allocation_type) == sizeof(CUmemAllocationType));
static_assert(sizeof(cu_mem_handle_type) == sizeof(CUmemAllocationHandleType));
static_assert(sizeof(cu_mem_location_type) == sizeof(CUmemLocationType));
static_assert(sizeof(cu_mem_access_flags) == sizeof(CUmemAccess_flags));
static_assert(sizeof(cu_mem_pool_attribute) == sizeof(CUmemPool_attribute));
static_assert(sizeof(cu_pointer_attribute) == sizeof(CUpointer_attribute));
static_assert(sizeof(cu_memory_type) == sizeof(CUmemorytype));

template <class Ours, class Theirs>
constexpr bool same_layout = sizeof(Ours) == sizeof(Theirs) && alignof(Ours) == alignof(Theirs) &&
                             std::is_standard_layout_v<Ours> && std::is_trivial_v<Ours>;

static_assert(same_layout<cu_mem_location, CUmemLocation>);
static_assert(offsetof(cu_mem_location, type) == offsetof(CUmemLocation, type));
static_assert(offsetof(cu_mem_location, id) == offsetof(CUmemLocation, id));

static_assert(same_layout<cu_mem_access_desc, CUmemAccessDesc>);
static_assert(offsetof(cu_mem_access_desc, location) == offsetof(CUmemAccessDesc, location));
static_assert(offsetof(cu_mem_access_desc, flags) == offsetof(CUmemAccessDesc, flags));

using our_props = cu_mem_pool_props;
static_assert(same_layout<our_props, CUmemPoolProps>);
static_assert(offsetof(our_props, allocation_type) == offsetof(CUmemPoolProps, allocType));
static_assert(offsetof(our_props, handle_types) == offsetof(CUmemPoolProps, handleTypes));
static_assert(offsetof(our_props, location) == offsetof(CUmemPoolProps, location));
static_assert(offsetof(our_props, security_attributes) ==
              offsetof(CUmemPoolProps, win32SecurityAttributes));
static_assert(offsetof(our_props, max_size_bytes) == offsetof(CUmemPoolProps, maxSize));
static_assert(offsetof(our_props, usage) == offsetof(CUmemPoolProps, usage));
static_assert(offsetof(our_props, reserved) == offsetof(CUmemPoolProps, reserved));
static_assert(sizeof(our_props::reserved) == sizeof(CUmemPoolProps::reserved));

template <class T>
concept has_size = requires { sizeof(T); };

/// What a pointer points to: insides of handles and void are nobody's business.
template <class Ours, class Theirs>
constexpr bool points_alike() {
  if constexpr (!has_size<Ours> || !has_size<Theirs>) {
    return true;
  } else {
    return sizeof(Ours) == sizeof(Theirs) && std::is_const_v<Ours> == std::is_const_v<Theirs> &&
           std::is_pointer_v<Ours> == std::is_pointer_v<Theirs> &&
           std::is_floating_point_v<Ours> == std::is_floating_point_v<Theirs>;
  }
}

/// Two parameters pass alike: the same kind and size, as pointers or as plain numbers.
template <class Ours, class Theirs>
constexpr bool passes_alike =
    sizeof(Ours) == sizeof(Theirs) && std::is_pointer_v<Ours> == std::is_pointer_v<Theirs> &&
    std::is_floating_point_v<Ours> == std::is_floating_point_v<Theirs> &&
    points_alike<std::remove_pointer_t<Ours>, std::remove_pointer_t<Theirs>>();

template <class Ours, class Theirs>
struct same_shape : std::false_type {};
template <class R1, class... A1, class R2, class... A2>
  requires(sizeof...(A1) == sizeof...(A2))
struct same_shape<R1(A1...), R2(A2...)>
    : std::bool_constant<passes_alike<R1, R2> && (passes_alike<A1, A2> && ...)> {};

template <class Ours, class TheirPointer>
constexpr bool same_call = same_shape<Ours, std::remove_pointer_t<TheirPointer>>::value;

static_assert(same_call<cu_get_proc_address_fn, PFN_cuGetProcAddress_v12000>);

/// The table's members with CUDA's name and version, written out a second time: cudaTypedefs.h has
/// a type for each pair, so that a wrong one does not compile.
#define NARKE_TEST_SYMBOLS(HOLDS)                                                                 \
  HOLDS(init, cuInit, 2000)                                                                       \
  HOLDS(driver_get_version, cuDriverGetVersion, 2020)                                             \
  HOLDS(get_error_name, cuGetErrorName, 6000)                                                     \
  HOLDS(get_error_string, cuGetErrorString, 6000)                                                 \
  HOLDS(device_get_count, cuDeviceGetCount, 2000)                                                 \
  HOLDS(device_get, cuDeviceGet, 2000)                                                            \
  HOLDS(device_get_name, cuDeviceGetName, 2000)                                                   \
  HOLDS(device_get_attribute, cuDeviceGetAttribute, 2000)                                         \
  HOLDS(device_get_uuid, cuDeviceGetUuid, 11040)                                                  \
  HOLDS(device_total_mem, cuDeviceTotalMem, 3020)                                                 \
  HOLDS(device_get_pci_bus_id, cuDeviceGetPCIBusId, 4010)                                         \
  HOLDS(device_can_access_peer, cuDeviceCanAccessPeer, 4000)                                      \
  HOLDS(device_get_p2p_attribute, cuDeviceGetP2PAttribute, 8000)                                  \
  HOLDS(device_primary_ctx_retain, cuDevicePrimaryCtxRetain, 7000)                                \
  HOLDS(device_primary_ctx_release, cuDevicePrimaryCtxRelease, 11000)                             \
  HOLDS(device_primary_ctx_get_state, cuDevicePrimaryCtxGetState, 7000)                           \
  HOLDS(ctx_set_current, cuCtxSetCurrent, 4000)                                                   \
  HOLDS(ctx_get_current, cuCtxGetCurrent, 4000)                                                   \
  HOLDS(ctx_get_stream_priority_range, cuCtxGetStreamPriorityRange, 5050)                         \
  HOLDS(mem_get_info, cuMemGetInfo, 3020)                                                         \
  HOLDS(mem_pool_create, cuMemPoolCreate, 11020)                                                  \
  HOLDS(mem_pool_destroy, cuMemPoolDestroy, 11020)                                                \
  HOLDS(mem_pool_set_attribute, cuMemPoolSetAttribute, 11020)                                     \
  HOLDS(mem_pool_get_attribute, cuMemPoolGetAttribute, 11020)                                     \
  HOLDS(mem_pool_set_access, cuMemPoolSetAccess, 11020)                                           \
  HOLDS(mem_pool_trim_to, cuMemPoolTrimTo, 11020)                                                 \
  HOLDS(mem_alloc_from_pool_async, cuMemAllocFromPoolAsync, 11020)                                \
  HOLDS(mem_free_async, cuMemFreeAsync, 11020)                                                    \
  HOLDS(mem_host_register, cuMemHostRegister, 6050)                                               \
  HOLDS(mem_host_unregister, cuMemHostUnregister, 4000)                                           \
  HOLDS(pointer_get_attributes, cuPointerGetAttributes, 7000)                                     \
  HOLDS(memcpy_htod_async, cuMemcpyHtoDAsync, 3020)                                               \
  HOLDS(memcpy_dtoh_async, cuMemcpyDtoHAsync, 3020)                                               \
  HOLDS(memcpy_dtod_async, cuMemcpyDtoDAsync, 3020)                                               \
  HOLDS(memcpy_peer_async, cuMemcpyPeerAsync, 4000)                                               \
  HOLDS(memset_d8_async, cuMemsetD8Async, 3020)                                                   \
  HOLDS(stream_create_with_priority, cuStreamCreateWithPriority, 5050)                            \
  HOLDS(stream_destroy, cuStreamDestroy, 4000)                                                    \
  HOLDS(stream_query, cuStreamQuery, 2000)                                                        \
  HOLDS(stream_synchronize, cuStreamSynchronize, 2000)                                            \
  HOLDS(stream_wait_event, cuStreamWaitEvent, 3020)                                               \
  HOLDS(stream_is_capturing, cuStreamIsCapturing, 10000)                                          \
  HOLDS(event_create, cuEventCreate, 2000)                                                        \
  HOLDS(event_destroy, cuEventDestroy, 4000)                                                      \
  HOLDS(event_record, cuEventRecord, 2000)                                                        \
  HOLDS(event_query, cuEventQuery, 2000)                                                          \
  HOLDS(event_synchronize, cuEventSynchronize, 2000)                                              \
  HOLDS(event_elapsed_time, cuEventElapsedTime, 2000)

#define NARKE_TEST_HOLDS(member, symbol, version)                                  \
  static_assert(same_call<std::remove_pointer_t<decltype(driver_table::member)>,  \
                          PFN_##symbol##_v##version>);
NARKE_TEST_SYMBOLS(NARKE_TEST_HOLDS)

struct listed_symbol {
  std::size_t offset;
  std::string name;
  int version;
  bool operator==(const listed_symbol&) const = default;
};

TEST(driver_abi, entry_points_are_asked_by_the_names_and_versions_of_the_toolkit) {
#define NARKE_TEST_LISTED(member, symbol, version) \
  {offsetof(driver_table, member), #symbol, version},
  const std::vector<listed_symbol> of_the_toolkit{NARKE_TEST_SYMBOLS(NARKE_TEST_LISTED)};
  const driver_table table;
  const auto* begin = reinterpret_cast<const char*>(&table);
  std::vector<listed_symbol> asked;
  const auto add = [&](auto& slot, const char* name, int version) {
    const auto offset = reinterpret_cast<const char*>(&slot) - begin;
    asked.push_back({static_cast<std::size_t>(offset), name, version});
  };
  visit_fact_symbols(table, add);
  visit_execution_symbols(table, add);
  EXPECT_EQ(asked, of_the_toolkit);
}

TEST(driver_abi, agrees_with_the_header_of_the_toolkit) {
  EXPECT_GE(CUDA_VERSION, 12000) << "the comparisons above ran when this was compiled";
}

}  // namespace

#else

TEST(driver_abi, agrees_with_the_header_of_the_toolkit) {
  GTEST_SKIP() << "no <cuda.h> here";
}

#endif
