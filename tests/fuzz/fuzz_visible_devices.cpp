// CUDA_VISIBLE_DEVICES, with GPUs, with slices of GPUs, and by its form alone.
#include <set>
#include <string>
#include <vector>

#include "fuzz/fuzz_targets.hpp"
#include "jobs/granted_machine.hpp"
#include "topology/visible_devices.hpp"

namespace narke_fuzz {
namespace {

using namespace narke::internal;

void check(std::string_view bytes, const std::vector<visible_device>& devices) {
  const visible_selection selection = select_visible_devices(bytes, devices);
  const std::set<std::size_t> different{selection.chosen.begin(), selection.chosen.end()};
  require(different.size() == selection.chosen.size(), "a device is chosen once");
  require(different.empty() || *different.rbegin() < devices.size(), "a device that is there");
  require(!selection.explanation || is_harmless(*selection.explanation), "words in one line");
}

}  // namespace

void visible_devices(std::string_view bytes) {
  check(bytes, {});
  check(bytes, {{.uuid = "GPU-8932f937-d72c-4106-c12f-20bd9faed9f6"},
                {.uuid = "GPU-8932f900-0000-4106-c12f-20bd9faed9f6"},
                {.uuid = ""},
                {.uuid = "GPU-00000000-d72c-4106-c12f-20bd9faed9f6"}});
  check(bytes, {{.uuid = "MIG-4c32f937-d72c-4106-c12f-20bd9faed9f6",
                 .parent_uuid = "GPU-8932f937-d72c-4106-c12f-20bd9faed9f6",
                 .gpu_instance = 1,
                 .compute_instance = 0},
                {.uuid = "MIG-5c32f937-d72c-4106-c12f-20bd9faed9f6",
                 .parent_uuid = "GPU-8932f937-d72c-4106-c12f-20bd9faed9f6",
                 .gpu_instance = 2,
                 .compute_instance = 0}});
  const auto words = explain_visible_devices_syntax(bytes);
  require(!words || is_harmless(*words), "words in one line");

  machine described;
  described.limits.usable_cpus = 8;
  for (int i = 0; i < 4; ++i) {
    described.gpus.push_back({.index = i, .is_emulated = true});
  }
  const std::string text{bytes};
  const granted_machine granted = granted_of(
      described, {.visible_devices = bytes.size() % 2 == 0 ? std::optional{text} : std::nullopt,
                  .slurm_job_gpus = text,
                  .slurm_cpus_on_node = text});
  require(granted.cpus >= 1 && granted.cpus <= 8, "CPUs that are there");
  require(granted.gpus.size() <= 4, "GPUs that are there");
  for (const std::string& warning : granted.warnings) require(is_harmless(warning), "a warning");
}

}  // namespace narke_fuzz
