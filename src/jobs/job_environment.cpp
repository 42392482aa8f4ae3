#include "jobs/job_environment.hpp"

#include <algorithm>
#include <array>
#include <string_view>
#include <utility>

#include <fmt/format.h>

namespace narke::internal {
namespace {

constexpr std::array<std::string_view, 6> own_names{"CUDA_VISIBLE_DEVICES", "CUDA_DEVICE_ORDER",
                                                    "NARKE_JOB_ID",         "NARKE_JOB_ATTEMPT",
                                                    "NARKE_RUN_ID",         "NARKE_NUM_CPUS"};

std::string_view name_of(std::string_view entry) {
  return entry.substr(0, entry.find('='));
}

std::string_view value_of(const std::vector<std::string>& entries, std::string_view name) {
  for (const std::string& entry : entries) {
    if (name_of(entry) == name && entry.size() > name.size()) {
      return std::string_view{entry}.substr(name.size() + 1);
    }
  }
  return {};
}

}  // namespace

job_environment::job_environment(std::vector<std::string> outer, std::string run_id)
    : kept_{std::move(outer)}, run_id_{std::move(run_id)} {
  // Where GPUs are named by numbers of the user's order, jobs have to count in it too.
  outer_order_ = value_of(kept_, "CUDA_DEVICE_ORDER");
  std::erase_if(kept_, [](const std::string& entry) {
    return std::find(own_names.begin(), own_names.end(), name_of(entry)) != own_names.end();
  });
  sets_omp_threads_ = value_of(kept_, "OMP_NUM_THREADS").empty();
}

std::vector<std::string> job_environment::of(const job& started, const std::vector<int>& gpu_ids,
                                             const granted_machine& granted) const {
  std::vector<std::string> entries = kept_;
  entries.push_back("CUDA_VISIBLE_DEVICES=" + granted.visible_devices(gpu_ids));
  if (granted.by_pci_order) {
    entries.emplace_back("CUDA_DEVICE_ORDER=PCI_BUS_ID");
  } else if (!outer_order_.empty()) {
    entries.push_back("CUDA_DEVICE_ORDER=" + outer_order_);
  }
  for (std::string& mark : marks_of(started.id)) entries.push_back(std::move(mark));
  entries.push_back(fmt::format("NARKE_JOB_ATTEMPT={}", started.attempts));
  const auto cpus = std::max<std::int64_t>(1, started.settings->request.cpus.ceil_whole());
  entries.push_back(fmt::format("NARKE_NUM_CPUS={}", cpus));
  if (sets_omp_threads_) entries.push_back(fmt::format("OMP_NUM_THREADS={}", cpus));
  return entries;
}

std::vector<std::string> job_environment::marks_of(int job_id) const {
  return {fmt::format("NARKE_JOB_ID={}", job_id), "NARKE_RUN_ID=" + run_id_};
}

}  // namespace narke::internal
