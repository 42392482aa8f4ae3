// A stand-in for libcuda.so.1, for tests of the code that loads it. Its answers are read from the
// environment at each call, because a driver library is never closed:
//
//   NARKE_FAKE_CUDA_DEVICES=2              how many devices
//   NARKE_FAKE_CUDA_UUIDS=GPU-…;GPU-…      one for each device, and so on for all lists
//   NARKE_FAKE_CUDA_NAMES=A;B              NARKE_FAKE_CUDA_PCI=0000:3b:00.0;…
//   NARKE_FAKE_CUDA_MEMORY=bytes;bytes     NARKE_FAKE_CUDA_CC=9.0;8.6
//   NARKE_FAKE_CUDA_PEERS=01;10            row a device, column a peer: 1 = can access
//   NARKE_FAKE_CUDA_VERSION=13000          NARKE_FAKE_CUDA_MISSING=symbol
//   NARKE_FAKE_CUDA_FAIL=cuInit:999;…      calls that answer an error
//
// Built with NARKE_FAKE_CUDA_OLD it is a driver from before CUDA 12.0: no cuGetProcAddress_v2.
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <string>

#include "driver/driver_symbols.hpp"

#define FAKE_EXPORT extern "C" __attribute__((visibility("default")))

namespace {

using namespace narke::internal;

std::string setting(const char* name, const char* otherwise = "") {
  const char* value = std::getenv((std::string("NARKE_FAKE_CUDA_") + name).c_str());
  return value != nullptr ? value : otherwise;
}

/// Item `index` of a list parted by ';'; empty when the list is shorter.
std::string item(const std::string& list, int index) {
  std::size_t begin = 0;
  for (; index > 0; --index) {
    begin = list.find(';', begin);
    if (begin == std::string::npos) return {};
    ++begin;
  }
  return list.substr(begin, list.find(';', begin) - begin);
}

int count() { return std::atoi(setting("DEVICES", "0").c_str()); }
int version() { return std::atoi(setting("VERSION", "13000").c_str()); }

cu_result planned(const char* call) {
  const std::string list = ";" + setting("FAIL");
  const std::string key = std::string(";") + call + ":";
  const std::size_t at = list.find(key);
  if (at == std::string::npos) return cu_result::success;
  return static_cast<cu_result>(std::atoi(list.c_str() + at + key.size()));
}

/// The planned error of a call, else whether the device exists.
cu_result checked(const char* call, cu_device device) {
  const cu_result code = planned(call);
  if (code != cu_result::success) return code;
  return device >= 0 && device < count() ? cu_result::success : cu_result::invalid_device;
}

cu_result copy_text(const std::string& text, char* out, int length) {
  if (length <= 0) return cu_result::invalid_value;
  std::snprintf(out, static_cast<std::size_t>(length), "%s", text.c_str());
  return cu_result::success;
}

cu_result init(unsigned) {
  const cu_result code = planned("cuInit");
  if (code != cu_result::success) return code;
  return count() == 0 ? cu_result::no_device : cu_result::success;
}

cu_result driver_get_version(int* out) {
  *out = version();
  return planned("cuDriverGetVersion");
}

cu_result get_error_name(cu_result code, const char** out) {
  if (code != cu_result::unknown && code != cu_result::system_not_ready) {
    return cu_result::invalid_value;
  }
  *out = code == cu_result::unknown ? "CUDA_ERROR_UNKNOWN" : "CUDA_ERROR_SYSTEM_NOT_READY";
  return cu_result::success;
}

cu_result get_error_string(cu_result code, const char** out) {
  *out = code == cu_result::unknown ? "unknown error" : "system not yet initialized";
  return cu_result::success;
}

cu_result device_get_count(int* out) {
  *out = count();
  return planned("cuDeviceGetCount");
}

cu_result device_get(cu_device* out, int ordinal) {
  *out = ordinal;
  return checked("cuDeviceGet", ordinal);
}

cu_result device_get_name(char* name, int length, cu_device device) {
  const cu_result code = checked("cuDeviceGetName", device);
  if (code != cu_result::success) return code;
  return copy_text(item(setting("NAMES"), device), name, length);
}

cu_result device_get_attribute(int* out, cu_device_attribute attribute, cu_device device) {
  const std::string capability = item(setting("CC", "9.0;9.0;9.0;9.0"), device);
  const std::size_t dot = capability.find('.');
  if (attribute == cu_device_attribute::compute_capability_major) {
    *out = std::atoi(capability.c_str());
  } else if (attribute == cu_device_attribute::compute_capability_minor) {
    *out = dot == std::string::npos ? 0 : std::atoi(capability.c_str() + dot + 1);
  } else if (attribute == cu_device_attribute::multiprocessor_count) {
    *out = 100 + device;
  } else {
    return cu_result::invalid_value;
  }
  return checked("cuDeviceGetAttribute", device);
}

cu_result device_get_uuid(cu_uuid* out, cu_device device) {
  std::memset(out->bytes, 0, sizeof out->bytes);
  const std::string text = item(setting("UUIDS"), device);
  std::size_t digits = 0;
  for (std::size_t i = 4; i < text.size() && digits < 32; ++i) {
    if (text[i] == '-') continue;
    const char digit[] = {text[i], 0};
    const auto value = static_cast<int>(std::strtol(digit, nullptr, 16));
    char& byte = out->bytes[digits / 2];
    byte = static_cast<char>(static_cast<unsigned char>(byte) << 4 | value);
    ++digits;
  }
  return checked("cuDeviceGetUuid", device);
}

cu_result device_total_mem(std::size_t* out, cu_device device) {
  *out = std::strtoull(item(setting("MEMORY"), device).c_str(), nullptr, 10);
  return checked("cuDeviceTotalMem", device);
}

cu_result device_get_pci_bus_id(char* text, int length, cu_device device) {
  const cu_result code = checked("cuDeviceGetPCIBusId", device);
  if (code != cu_result::success) return code;
  return copy_text(item(setting("PCI"), device), text, length);
}

cu_result device_can_access_peer(int* out, cu_device device, cu_device peer) {
  const std::string row = item(setting("PEERS"), device);
  const auto column = static_cast<std::size_t>(peer);
  *out = column < row.size() && row[column] == '1' ? 1 : 0;
  return checked("cuDeviceCanAccessPeer", device);
}

cu_result device_get_p2p_attribute(int* out, cu_p2p_attribute attribute, cu_device from,
                                   cu_device to) {
  *out = 0;
  if (attribute == cu_p2p_attribute::native_atomic_supported) {
    return device_can_access_peer(out, from, to);
  }
  return checked("cuDeviceGetP2PAttribute", from);
}

/// Stands for an entry point that is there and that no test of the loading code calls.
template <class Function>
struct refusal;
template <class... Arguments>
struct refusal<cu_result(Arguments...)> {
  static cu_result call(Arguments...) { return cu_result::not_permitted; }
};

template <class Function>
void* refuse(Function*) {
  return reinterpret_cast<void*>(&refusal<Function>::call);
}

struct symbol {
  const char* name;
  int since;
  void* address;
};

const symbol symbols[] = {
    {"cuInit", 2000, reinterpret_cast<void*>(&init)},
    {"cuDriverGetVersion", 2020, reinterpret_cast<void*>(&driver_get_version)},
    {"cuGetErrorName", 6000, reinterpret_cast<void*>(&get_error_name)},
    {"cuGetErrorString", 6000, reinterpret_cast<void*>(&get_error_string)},
    {"cuDeviceGetCount", 2000, reinterpret_cast<void*>(&device_get_count)},
    {"cuDeviceGet", 2000, reinterpret_cast<void*>(&device_get)},
    {"cuDeviceGetName", 2000, reinterpret_cast<void*>(&device_get_name)},
    {"cuDeviceGetAttribute", 2000, reinterpret_cast<void*>(&device_get_attribute)},
    {"cuDeviceGetUuid", 9020, reinterpret_cast<void*>(&device_get_uuid)},
    {"cuDeviceTotalMem", 3020, reinterpret_cast<void*>(&device_total_mem)},
    {"cuDeviceGetPCIBusId", 4010, reinterpret_cast<void*>(&device_get_pci_bus_id)},
    {"cuDeviceCanAccessPeer", 4000, reinterpret_cast<void*>(&device_can_access_peer)},
    {"cuDeviceGetP2PAttribute", 8000, reinterpret_cast<void*>(&device_get_p2p_attribute)},
};

}  // namespace

#ifdef NARKE_FAKE_CUDA_OLD

FAKE_EXPORT cu_result cuInit(unsigned flags) { return init(flags); }
FAKE_EXPORT cu_result cuDriverGetVersion(int* out) { return driver_get_version(out); }

#else

/// The entry points that run work: they need no settings but to be missing.
static cu_result find_execution_symbol(const char* name, void** out, int wanted,
                                       cu_proc_address_status* status) {
  driver_table table;
  visit_execution_symbols(table, [&](auto* slot, const char* known, int since) {
    if (std::strcmp(known, name) != 0 || setting("MISSING") == name) return;
    const bool is_old = wanted < since;
    *status = is_old ? cu_proc_address_status::version_not_sufficient
                     : cu_proc_address_status::success;
    if (!is_old) *out = refuse(slot);
  });
  return *out != nullptr ? cu_result::success : cu_result::not_found;
}

/// As the driver: a version above its own is an invalid value, a symbol it lacks is not found.
FAKE_EXPORT cu_result cuGetProcAddress_v2(const char* name, void** out, int wanted,
                                          std::uint64_t flags, cu_proc_address_status* status) {
  *out = nullptr;
  const cu_result code = planned("cuGetProcAddress");
  if (code != cu_result::success) return code;
  if (wanted > version() || flags > 2) return cu_result::invalid_value;
  *status = cu_proc_address_status::symbol_not_found;
  for (const symbol& known : symbols) {
    if (std::strcmp(known.name, name) != 0 || setting("MISSING") == name) continue;
    *status = cu_proc_address_status::version_not_sufficient;
    if (wanted < known.since) return cu_result::not_found;
    *status = cu_proc_address_status::success;
    *out = known.address;
    return cu_result::success;
  }
  return find_execution_symbol(name, out, wanted, status);
}

#endif
