// What the emulated driver tells of itself and its devices without a context.
#include <algorithm>
#include <cstring>

#include "driver/emulated/emulator.hpp"

namespace narke::internal {
namespace {

struct code_text {
  cu_result code;
  const char* name;
  const char* text;
};

constexpr code_text code_texts[] = {
    {cu_result::success, "CUDA_SUCCESS", "no error"},
    {cu_result::invalid_value, "CUDA_ERROR_INVALID_VALUE", "invalid argument"},
    {cu_result::out_of_memory, "CUDA_ERROR_OUT_OF_MEMORY", "out of memory"},
    {cu_result::not_initialized, "CUDA_ERROR_NOT_INITIALIZED", "initialization error"},
    {cu_result::deinitialized, "CUDA_ERROR_DEINITIALIZED", "driver shutting down"},
    {cu_result::device_unavailable, "CUDA_ERROR_DEVICE_UNAVAILABLE",
     "CUDA-capable device(s) is/are busy or unavailable"},
    {cu_result::no_device, "CUDA_ERROR_NO_DEVICE", "no CUDA-capable device is detected"},
    {cu_result::invalid_device, "CUDA_ERROR_INVALID_DEVICE", "invalid device ordinal"},
    {cu_result::invalid_context, "CUDA_ERROR_INVALID_CONTEXT", "invalid device context"},
    {cu_result::ecc_uncorrectable, "CUDA_ERROR_ECC_UNCORRECTABLE",
     "uncorrectable ECC error encountered"},
    {cu_result::nvlink_uncorrectable, "CUDA_ERROR_NVLINK_UNCORRECTABLE",
     "uncorrectable NVLink error detected during the execution"},
    {cu_result::invalid_handle, "CUDA_ERROR_INVALID_HANDLE", "invalid resource handle"},
    {cu_result::not_ready, "CUDA_ERROR_NOT_READY", "device not ready"},
    {cu_result::illegal_address, "CUDA_ERROR_ILLEGAL_ADDRESS",
     "an illegal memory access was encountered"},
    {cu_result::launch_timeout, "CUDA_ERROR_LAUNCH_TIMEOUT",
     "the launch timed out and was terminated"},
    {cu_result::context_is_destroyed, "CUDA_ERROR_CONTEXT_IS_DESTROYED", "context is destroyed"},
    {cu_result::assert_failed, "CUDA_ERROR_ASSERT", "device-side assert triggered"},
    {cu_result::host_memory_already_registered, "CUDA_ERROR_HOST_MEMORY_ALREADY_REGISTERED",
     "part or all of the requested memory range is already mapped"},
    {cu_result::host_memory_not_registered, "CUDA_ERROR_HOST_MEMORY_NOT_REGISTERED",
     "pointer does not correspond to a registered memory region"},
    {cu_result::misaligned_address, "CUDA_ERROR_MISALIGNED_ADDRESS", "misaligned address"},
    {cu_result::launch_failed, "CUDA_ERROR_LAUNCH_FAILED", "unspecified launch failure"},
    {cu_result::not_permitted, "CUDA_ERROR_NOT_PERMITTED", "operation not permitted"},
    {cu_result::not_supported, "CUDA_ERROR_NOT_SUPPORTED", "operation not supported"},
    {cu_result::unknown, "CUDA_ERROR_UNKNOWN", "unknown error"},
};

const code_text* find_text(cu_result code) {
  const auto* found = std::find_if(std::begin(code_texts), std::end(code_texts),
                                   [&](const code_text& text) { return text.code == code; });
  return found == std::end(code_texts) ? nullptr : found;
}

/// Cut to `length`, the closing zero included.
cu_result copy_text(const std::string& text, char* out, int length) {
  if (out == nullptr || length <= 0) return cu_result::invalid_value;
  const std::size_t size = std::min(text.size(), static_cast<std::size_t>(length) - 1);
  std::memcpy(out, text.data(), size);
  out[size] = '\0';
  return cu_result::success;
}

int attribute_of(const emulated_gpu& gpu, cu_device_attribute attribute, std::size_t ordinal) {
  switch (attribute) {
    case cu_device_attribute::clock_rate_khz:
      return 1'500'000;
    case cu_device_attribute::multiprocessor_count:
      return gpu.multiprocessors;
    case cu_device_attribute::integrated:
      return 0;
    case cu_device_attribute::compute_mode:
      return gpu.taken ? 3 : 0;
    case cu_device_attribute::pci_bus_id:
      return 0x10 + static_cast<int>(ordinal);
    case cu_device_attribute::async_engine_count:
      return 2;
    case cu_device_attribute::unified_addressing:
      return 1;
    case cu_device_attribute::compute_capability_major:
      return gpu.compute_capability_major;
    case cu_device_attribute::compute_capability_minor:
      return gpu.compute_capability_minor;
    case cu_device_attribute::stream_priorities_supported:
      return 1;
    case cu_device_attribute::host_register_supported:
      return 1;
    case cu_device_attribute::memory_pools_supported:
      return 1;
    default:
      return 0;
  }
}

emulated_link link_of(const emulated_options& options, int from, int to) {
  if (options.links.empty()) return {};
  return options.links[static_cast<std::size_t>(from)][static_cast<std::size_t>(to)];
}

}  // namespace

cu_result emulator::init(call&, unsigned flags) {
  if (flags != 0) return cu_result::invalid_value;
  if (devices_.empty()) return cu_result::no_device;
  is_initialised_ = true;
  return cu_result::success;
}

cu_result emulator::driver_get_version(call&, int* version) {
  if (version == nullptr) return cu_result::invalid_value;
  *version = options_.driver_version;
  return cu_result::success;
}

cu_result emulator::get_error_name(call&, cu_result code, const char** text) {
  if (text == nullptr) return cu_result::invalid_value;
  const code_text* found = find_text(code);
  *text = found == nullptr ? nullptr : found->name;
  return found == nullptr ? cu_result::invalid_value : cu_result::success;
}

cu_result emulator::get_error_string(call&, cu_result code, const char** text) {
  if (text == nullptr) return cu_result::invalid_value;
  const code_text* found = find_text(code);
  *text = found == nullptr ? nullptr : found->text;
  return found == nullptr ? cu_result::invalid_value : cu_result::success;
}

cu_result emulator::device_get_count(call&, int* count) {
  if (count == nullptr) return cu_result::invalid_value;
  *count = static_cast<int>(devices_.size());
  return cu_result::success;
}

cu_result emulator::device_get(call&, cu_device* device, int ordinal) {
  if (device == nullptr) return cu_result::invalid_value;
  if (find_device(ordinal) == nullptr) return cu_result::invalid_device;
  *device = ordinal;
  return cu_result::success;
}

cu_result emulator::device_get_name(call&, char* name, int length, cu_device device) {
  const device_state* found = find_device(device);
  return found == nullptr ? cu_result::invalid_device : copy_text(found->gpu.name, name, length);
}

cu_result emulator::device_get_attribute(call&, int* value, cu_device_attribute attribute,
                                         cu_device device) {
  const device_state* found = find_device(device);
  if (found == nullptr) return cu_result::invalid_device;
  if (value == nullptr) return cu_result::invalid_value;
  *value = attribute_of(found->gpu, attribute, static_cast<std::size_t>(device));
  return cu_result::success;
}

cu_result emulator::device_get_uuid(call&, cu_uuid* uuid, cu_device device) {
  const device_state* found = find_device(device);
  if (found == nullptr) return cu_result::invalid_device;
  if (uuid == nullptr) return cu_result::invalid_value;
  *uuid = found->uuid;
  return cu_result::success;
}

cu_result emulator::device_total_mem(call&, std::size_t* bytes, cu_device device) {
  const device_state* found = find_device(device);
  if (found == nullptr) return cu_result::invalid_device;
  if (bytes == nullptr) return cu_result::invalid_value;
  *bytes = found->gpu.memory_bytes;
  return cu_result::success;
}

cu_result emulator::device_get_pci_bus_id(call&, char* text, int length, cu_device device) {
  const device_state* found = find_device(device);
  return found == nullptr ? cu_result::invalid_device
                          : copy_text(found->gpu.pci_bus_id, text, length);
}

cu_result emulator::device_can_access_peer(call&, int* can_access, cu_device device,
                                           cu_device peer) {
  if (find_device(device) == nullptr || find_device(peer) == nullptr) {
    return cu_result::invalid_device;
  }
  if (can_access == nullptr) return cu_result::invalid_value;
  *can_access = device != peer && link_of(options_, device, peer).can_access ? 1 : 0;
  return cu_result::success;
}

cu_result emulator::device_get_p2p_attribute(call&, int* value, cu_p2p_attribute attribute,
                                             cu_device from, cu_device to) {
  if (find_device(from) == nullptr || find_device(to) == nullptr || from == to) {
    return cu_result::invalid_device;
  }
  if (value == nullptr) return cu_result::invalid_value;
  const emulated_link link = link_of(options_, from, to);
  switch (attribute) {
    case cu_p2p_attribute::performance_rank:
      *value = link.performance_rank;
      break;
    case cu_p2p_attribute::access_supported:
      *value = link.can_access ? 1 : 0;
      break;
    case cu_p2p_attribute::native_atomic_supported:
      *value = link.native_atomics ? 1 : 0;
      break;
    default:
      return cu_result::invalid_value;
  }
  return cu_result::success;
}

}  // namespace narke::internal
