#include "driver/device_facts.hpp"

#include <fmt/format.h>

#include <array>

#include "driver/clean_text.hpp"
#include "driver/cuda_driver.hpp"
#include "driver/pci_address.hpp"

namespace narke::internal {
namespace {

/// More devices than any machine has: a count above it is not believed.
constexpr int device_count_max = 1024;

/// Reads one device. A call that fails leaves its fact unknown and adds a sentence.
class device_reader {
 public:
  device_reader(const driver_table& table, int ordinal, std::vector<std::string>& warnings)
      : table_(table), ordinal_(ordinal), warnings_(warnings) {}

  device_facts read() {
    device_facts facts{.ordinal = ordinal_};
    if (!told(table_.device_get(&device_, ordinal_), "cuDeviceGet")) return facts;
    facts.name = read_name();
    facts.uuid = read_uuid(facts.name);
    facts.pci_bus_id = read_pci_bus_id();
    facts.memory_total_bytes = read_memory();
    const auto major = read_attribute(cu_device_attribute::compute_capability_major);
    const auto minor = read_attribute(cu_device_attribute::compute_capability_minor);
    if (major && minor) facts.compute_capability = fmt::format("{}.{}", *major, *minor);
    facts.multiprocessors = read_attribute(cu_device_attribute::multiprocessor_count);
    return facts;
  }

 private:
  bool told(cu_result code, const char* call) {
    if (code == cu_result::success) return true;
    warnings_.push_back(fmt::format("GPU {}: {} failed, {}; what it tells is left out.", ordinal_,
                                    call, describe_result(table_, code)));
    return false;
  }

  std::string read_name() {
    std::array<char, 256> text{};
    const int length = static_cast<int>(text.size()) - 1;
    if (!told(table_.device_get_name(text.data(), length, device_), "cuDeviceGetName")) return {};
    return clean_text(text.data());
  }

  std::string read_uuid(const std::string& name) {
    cu_uuid uuid{};
    if (!told(table_.device_get_uuid(&uuid, device_), "cuDeviceGetUuid")) return {};
    std::string text = format_gpu_uuid(uuid);
    // The driver gives a slice its own UUID but says only in the name that it is one.
    if (name.find(" MIG ") != std::string::npos) text.replace(0, 3, "MIG");
    return text;
  }

  std::string read_pci_bus_id() {
    std::array<char, 64> text{};
    const int length = static_cast<int>(text.size()) - 1;
    const cu_result code = table_.device_get_pci_bus_id(text.data(), length, device_);
    if (!told(code, "cuDeviceGetPCIBusId")) return {};
    const auto address = parse_pci_address(text.data());
    return address ? format_pci_address(*address) : std::string{};
  }

  std::optional<std::uint64_t> read_memory() {
    std::size_t bytes = 0;
    if (!told(table_.device_total_mem(&bytes, device_), "cuDeviceTotalMem")) return std::nullopt;
    return bytes;
  }

  std::optional<int> read_attribute(cu_device_attribute attribute) {
    int value = 0;
    const cu_result code = table_.device_get_attribute(&value, attribute, device_);
    if (!told(code, "cuDeviceGetAttribute")) return std::nullopt;
    return value;
  }

  const driver_table& table_;
  int ordinal_;
  cu_device device_ = 0;
  std::vector<std::string>& warnings_;
};

peer_facts read_peer(const driver_table& table, int from, int to) {
  peer_facts facts{.from = from, .to = to};
  cu_device source = 0;
  cu_device target = 0;
  if (table.device_get(&source, from) != cu_result::success) return facts;
  if (table.device_get(&target, to) != cu_result::success) return facts;
  int value = 0;
  if (table.device_can_access_peer(&value, source, target) == cu_result::success) {
    facts.can_access = value != 0;
  }
  const auto ask = [&](cu_p2p_attribute attribute) -> std::optional<int> {
    int answer = 0;
    const cu_result code = table.device_get_p2p_attribute(&answer, attribute, source, target);
    if (code != cu_result::success) return std::nullopt;
    return answer;
  };
  if (const auto atomics = ask(cu_p2p_attribute::native_atomic_supported)) {
    facts.native_atomics = *atomics != 0;
  }
  facts.performance_rank = ask(cu_p2p_attribute::performance_rank);
  return facts;
}

}  // namespace

driver_facts read_driver_facts(const driver_table& table) {
  driver_facts facts;
  int count = 0;
  const cu_result code = table.device_get_count(&count);
  if (code == cu_result::no_device) return facts;
  if (code != cu_result::success) {
    facts.warnings.push_back(fmt::format("cuDeviceGetCount failed, {}: GPUs are left out.",
                                         describe_result(table, code)));
    return facts;
  }
  if (count < 0 || count > device_count_max) {
    facts.warnings.push_back(
        fmt::format("The CUDA driver counts {} devices, which cannot be: GPUs are left out.",
                    count));
    return facts;
  }
  for (int ordinal = 0; ordinal < count; ++ordinal) {
    facts.devices.push_back(device_reader(table, ordinal, facts.warnings).read());
  }
  for (int from = 0; from < count; ++from) {
    for (int to = 0; to < count; ++to) {
      if (from != to) facts.peers.push_back(read_peer(table, from, to));
    }
  }
  return facts;
}

std::string format_gpu_uuid(const cu_uuid& uuid) {
  std::string text = "GPU-";
  for (std::size_t i = 0; i < sizeof uuid.bytes; ++i) {
    if (i == 4 || i == 6 || i == 8 || i == 10) text += '-';
    text += fmt::format("{:02x}", static_cast<unsigned char>(uuid.bytes[i]));
  }
  return text;
}

}  // namespace narke::internal
