#include "driver/emulated/emulated_checks.hpp"

#include <fmt/format.h>

#include <charconv>
#include <cmath>
#include <stdexcept>

#include "driver/emulated/emulator_thread.hpp"
#include "driver/emulated/entry_point.hpp"
#include "driver/pci_address.hpp"

namespace narke::internal::emulation {
namespace {

constexpr std::size_t gpus_max = 64;

void check_gpu(const emulated_gpu& gpu, std::size_t ordinal) {
  constexpr std::uint64_t memory_bytes_min = std::uint64_t{1} << 20;
  constexpr std::uint64_t memory_bytes_max = std::uint64_t{1} << 42;
  if (gpu.memory_bytes < memory_bytes_min || gpu.memory_bytes > memory_bytes_max) {
    throw std::invalid_argument(fmt::format("gpus[{}].memory_bytes is {}; allowed are {} to {}.",
                                            ordinal, gpu.memory_bytes, memory_bytes_min,
                                            memory_bytes_max));
  }
  if (!gpu.pci_bus_id.empty() && !parse_pci_address(gpu.pci_bus_id)) {
    throw std::invalid_argument(
        fmt::format("gpus[{}].pci_bus_id is '{}'; allowed is the form '00000000:3B:00.0'.", ordinal,
                    gpu.pci_bus_id));
  }
  (void)uuid_of(gpu, ordinal);
}

void check_links(const emulated_options& options) {
  if (options.links.empty()) return;
  bool is_square = options.links.size() == options.gpus.size();
  for (const auto& row : options.links) is_square &= row.size() == options.gpus.size();
  if (is_square) return;
  throw std::invalid_argument(
      fmt::format("links has {} rows for {} GPUs; allowed is none, or one row a GPU with one link "
                  "a GPU.",
                  options.links.size(), options.gpus.size()));
}

void check_rate(std::uint64_t bytes_per_second, const char* field) {
  if (bytes_per_second != 0) return;
  throw std::invalid_argument(fmt::format("model.{} is 0; allowed is above 0.", field));
}

}  // namespace

void check_options(const emulated_options& options) {
  if (options.gpus.size() > gpus_max) {
    throw std::invalid_argument(fmt::format("gpus has {} elements; allowed are at most {}.",
                                            options.gpus.size(), gpus_max));
  }
  for (std::size_t i = 0; i < options.gpus.size(); ++i) check_gpu(options.gpus[i], i);
  check_links(options);
  check_rate(options.model.h2d_bytes_per_second, "h2d_bytes_per_second");
  check_rate(options.model.d2h_bytes_per_second, "d2h_bytes_per_second");
  check_rate(options.model.peer_bytes_per_second, "peer_bytes_per_second");
  check_rate(options.model.device_copy_bytes_per_second, "device_copy_bytes_per_second");
  check_rate(options.model.pageable_bytes_per_second, "pageable_bytes_per_second");
  check_rate(options.model.pin_bytes_per_second, "pin_bytes_per_second");
  if (options.launch_queue_depth == 0) {
    throw std::invalid_argument("launch_queue_depth is 0; allowed is above 0.");
  }
  for (const emulated_fault& fault : options.faults) check_fault(fault);
}

void check_fault(const emulated_fault& fault) {
  if (!fault.entry.empty() && find_entry_point(fault.entry) == entry_point_count) {
    throw std::invalid_argument(
        fmt::format("fault.entry is '{}', which is no entry point of the table.", fault.entry));
  }
  if (!std::isfinite(fault.chance) || fault.chance < 0 || fault.chance > 1) {
    throw std::invalid_argument(
        fmt::format("fault.chance is {}; allowed is 0 to 1.", fault.chance));
  }
  if (fault.skip && fault.entry != "stream_wait_event" && fault.entry != "event_record" &&
      fault.entry != "annotate") {
    throw std::invalid_argument(
        fmt::format("fault.skip is set for '{}'; allowed are stream_wait_event, event_record and "
                    "annotate.",
                    fault.entry));
  }
  if (fault.code == cu_result::success) {
    throw std::invalid_argument("fault.code is success; allowed is an error.");
  }
  if (fault.when_executed && !is_sticky(fault.code)) {
    throw std::invalid_argument(
        fmt::format("fault.code is {} for work that fails when executed; allowed is a code that "
                    "loses the device, such as 700 or 719.",
                    static_cast<int>(fault.code)));
  }
}

cu_uuid uuid_of(const emulated_gpu& gpu, std::size_t ordinal) {
  cu_uuid uuid{};
  if (gpu.uuid.empty()) {
    constexpr char mark[] = "narke emulated";
    for (std::size_t i = 0; i + 2 < sizeof uuid.bytes; ++i) uuid.bytes[i] = mark[i];
    uuid.bytes[15] = static_cast<char>(ordinal);
    return uuid;
  }
  std::string digits;
  const std::size_t prefix = gpu.uuid.find('-');
  for (std::size_t i = prefix == std::string::npos ? 0 : prefix; i < gpu.uuid.size(); ++i) {
    if (gpu.uuid[i] != '-') digits += gpu.uuid[i];
  }
  bool is_valid = digits.size() == 2 * sizeof uuid.bytes &&
                  (gpu.uuid.starts_with("GPU-") || gpu.uuid.starts_with("MIG-"));
  for (std::size_t i = 0; is_valid && i < sizeof uuid.bytes; ++i) {
    unsigned byte = 0;
    const char* first = digits.data() + 2 * i;
    const auto parsed = std::from_chars(first, first + 2, byte, 16);
    is_valid = parsed.ec == std::errc{} && parsed.ptr == first + 2;
    uuid.bytes[i] = static_cast<char>(byte);
  }
  if (!is_valid) {
    throw std::invalid_argument(
        fmt::format("gpus[{}].uuid is '{}'; allowed is the form "
                    "'GPU-8932f937-d72c-4106-c12f-20bd9faed9f6'.",
                    ordinal, gpu.uuid));
  }
  return uuid;
}

bool is_sticky(cu_result code) {
  switch (code) {
    case cu_result::ecc_uncorrectable:
    case cu_result::nvlink_uncorrectable:
    case cu_result::contained:
    case cu_result::illegal_address:
    case cu_result::launch_timeout:
    case cu_result::context_is_destroyed:
    case cu_result::assert_failed:
    case cu_result::hardware_stack_error:
    case cu_result::illegal_instruction:
    case cu_result::misaligned_address:
    case cu_result::invalid_address_space:
    case cu_result::invalid_pc:
    case cu_result::launch_failed:
    case cu_result::tensor_memory_leak:
    case cu_result::mps_client_terminated:
    case cu_result::external_device:
    case cu_result::unknown:
      return true;
    default:
      return false;
  }
}

thread_facts& this_thread() {
  static constinit thread_local thread_facts facts;
  return facts;
}

}  // namespace narke::internal::emulation
