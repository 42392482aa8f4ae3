// On which devices a benchmark of the GPU side runs: those that the CUDA driver has, or emulated
// ones where there are none or they were asked for. Records of an emulated run say so, and its
// times are no GPU's.
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "harness/program.hpp"

namespace bench {

/// What emulated devices take.
enum class emulated_pace : std::uint8_t {
  free,      ///< what their work takes on a CPU
  modelled,  ///< the link to the host is as fast as it is told; copies and launches take their time
  null,      ///< nothing: they do nothing but call closures, to measure the host
};

/// What a run needs. Memory, pace and link are those of emulated devices.
struct gpu_setup {
  int devices = 1;
  std::uint64_t memory_bytes = std::uint64_t{1} << 30;  ///< of each
  emulated_pace pace = emulated_pace::free;
  std::uint64_t link_bytes_per_second = 1'000'000'000;  ///< each way, when modelled
};

/// What there is to run on.
struct gpu_choice {
  bool is_emulated = true;
  std::string device = "emulated";  ///< the label of every record: a real GPU's name
  int devices_max = 64;
};

/// Leaves `bytes` of the first real device free for others, as long as the result lives; emulated
/// devices are made as small as they are wanted, so there it does nothing.
[[nodiscard]] std::shared_ptr<void> leave_free(const gpu_choice& choice, std::uint64_t bytes);

/// The command line and the table's head of a program of the GPU side. It leaves out workloads of
/// more devices than there are, and says so.
[[nodiscard]] int gpu_main(
    const std::string& name, const std::string& description,
    const std::function<std::vector<workload>(const options&, const gpu_choice&)>& workloads,
    int argc, const char* const* argv, const std::function<void(CLI::App&)>& add_options = {});

}  // namespace bench
