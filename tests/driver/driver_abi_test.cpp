// Holds our own words for CUDA's driver against the toolkit's header, where there is a toolkit.
#include "driver/driver_abi.hpp"

#include <gtest/gtest.h>

#include <type_traits>

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
static_assert(same_value(cu_result::not_found, CUDA_ERROR_NOT_FOUND));
static_assert(same_value(cu_result::system_not_ready, CUDA_ERROR_SYSTEM_NOT_READY));
static_assert(same_value(cu_result::system_driver_mismatch, CUDA_ERROR_SYSTEM_DRIVER_MISMATCH));
static_assert(same_value(cu_result::compat_not_supported_on_device,
                         CUDA_ERROR_COMPAT_NOT_SUPPORTED_ON_DEVICE));
static_assert(same_value(cu_result::unknown, CUDA_ERROR_UNKNOWN));

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
static_assert(same_value(attribute::memory_pools_supported,
                         CU_DEVICE_ATTRIBUTE_MEMORY_POOLS_SUPPORTED));

static_assert(same_value(cu_p2p_attribute::performance_rank,
                         CU_DEVICE_P2P_ATTRIBUTE_PERFORMANCE_RANK));
static_assert(same_value(cu_p2p_attribute::access_supported,
                         CU_DEVICE_P2P_ATTRIBUTE_ACCESS_SUPPORTED));
static_assert(same_value(cu_p2p_attribute::native_atomic_supported,
                         CU_DEVICE_P2P_ATTRIBUTE_NATIVE_ATOMIC_SUPPORTED));
static_assert(same_value(cu_proc_address_status::symbol_not_found,
                         CU_GET_PROC_ADDRESS_SYMBOL_NOT_FOUND));
static_assert(same_value(cu_proc_address_status::version_not_sufficient,
                         CU_GET_PROC_ADDRESS_VERSION_NOT_SUFFICIENT));
static_assert(same_value(cu_proc_address_legacy_stream, CU_GET_PROC_ADDRESS_LEGACY_STREAM));

/// Two parameters pass alike: the same kind and size, as pointers or as plain numbers.
template <class Ours, class Theirs>
constexpr bool passes_alike = sizeof(Ours) == sizeof(Theirs) &&
                              std::is_pointer_v<Ours> == std::is_pointer_v<Theirs>;

template <class Ours, class Theirs>
struct same_shape : std::false_type {};
template <class R1, class... A1, class R2, class... A2>
  requires(sizeof...(A1) == sizeof...(A2))
struct same_shape<R1(A1...), R2(A2...)>
    : std::bool_constant<passes_alike<R1, R2> && (passes_alike<A1, A2> && ...)> {};

template <class Ours, class TheirPointer>
constexpr bool same_call = same_shape<Ours, std::remove_pointer_t<TheirPointer>>::value;

static_assert(same_call<cu_get_proc_address_fn, PFN_cuGetProcAddress_v12000>);
static_assert(same_call<cu_init_fn, PFN_cuInit_v2000>);
static_assert(same_call<cu_driver_get_version_fn, PFN_cuDriverGetVersion_v2020>);
static_assert(same_call<cu_get_error_name_fn, PFN_cuGetErrorName_v6000>);
static_assert(same_call<cu_get_error_string_fn, PFN_cuGetErrorString_v6000>);
static_assert(same_call<cu_device_get_count_fn, PFN_cuDeviceGetCount_v2000>);
static_assert(same_call<cu_device_get_fn, PFN_cuDeviceGet_v2000>);
static_assert(same_call<cu_device_get_name_fn, PFN_cuDeviceGetName_v2000>);
static_assert(same_call<cu_device_get_attribute_fn, PFN_cuDeviceGetAttribute_v2000>);
static_assert(same_call<cu_device_get_uuid_fn, PFN_cuDeviceGetUuid_v11040>);
static_assert(same_call<cu_device_total_mem_fn, PFN_cuDeviceTotalMem_v3020>);
static_assert(same_call<cu_device_get_pci_bus_id_fn, PFN_cuDeviceGetPCIBusId_v4010>);
static_assert(same_call<cu_device_can_access_peer_fn, PFN_cuDeviceCanAccessPeer_v4000>);
static_assert(same_call<cu_device_get_p2p_attribute_fn, PFN_cuDeviceGetP2PAttribute_v8000>);

TEST(driver_abi, agrees_with_the_header_of_the_toolkit) {
  EXPECT_GE(CUDA_VERSION, 12000) << "the comparisons above ran when this was compiled";
}

}  // namespace

#else

TEST(driver_abi, agrees_with_the_header_of_the_toolkit) {
  GTEST_SKIP() << "no <cuda.h> here";
}

#endif
