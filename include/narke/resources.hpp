// What there is and what is free: resources, nodes, GPUs, the report and the timeline; why a task
// waits, and what the program would better do otherwise. Any thread.
#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include <narke/detail/source_location.hpp>
#include <narke/export.hpp>
#include <narke/object_ref.hpp>

namespace narke {

/// One machine. There is one, as narke runs in one process.
struct node_info {
  std::string node_id;
  bool alive = false;
  std::string hostname;
  std::map<std::string, double> resources;
  std::map<std::string, std::string> labels;
};

/// One GPU that the runtime manages.
struct gpu {
  int id = -1;  ///< the ordinal of this process
  std::string uuid;
  std::string pci_bus_id;
  std::string name;
  std::uint64_t memory_bytes = 0;
  std::optional<int> numa_node;
  bool is_emulated = false;
};

struct report_options {
  bool tasks = false;
};

/// CPU, GPU, memory, object_store_memory (bytes), node:<host>, accelerator_type:<T>, and custom
/// resources.
NARKE_EXPORT std::map<std::string, double> cluster_resources();
/// The same, now. A resource of which nothing is left is absent.
NARKE_EXPORT std::map<std::string, double> available_resources();
NARKE_EXPORT std::vector<node_info> nodes();
NARKE_EXPORT std::vector<gpu> gpus();
/// In a task or an actor: the GPUs that it was given. Elsewhere: all that the runtime manages.
NARKE_EXPORT std::vector<int> get_gpu_ids();

/// One thing that the program would better do otherwise.
struct advice_entry {
  std::string code;     ///< get-in-loop, tasks-too-fine, large-argument-copied,
                        ///< results-in-submission-order, too-many-pending-tasks or
                        ///< get-on-task-argument
  std::string message;  ///< what was seen, what it cost as measured, and the better form
  source_location location;  ///< in the user's program; empty where it is not known
  std::uint64_t count = 0;   ///< how often it was seen there
};

namespace detail {

class result_slot;
/// Keeps a list of the tasks that are not finished, from now on. For a program that asks for it.
NARKE_EXPORT bool list_tasks() noexcept;
NARKE_EXPORT std::string report_with(const report_options& options);
NARKE_EXPORT std::string explain_slot(result_slot& slot);

/// Set at the start of each program that has a call of explain, or of report with options, in it:
/// only such programs pay for the list of tasks.
template <class Asked>
struct asks_for_tasks {
  static inline const bool is_set = list_tasks();
};

}  // namespace detail

/// The JSON of `narke report --json`.
NARKE_EXPORT std::string report();
/// The same; with `tasks`, the tasks that wait or run and the last that ended, as many as 10,000 of
/// each, by Ray's names of their states.
template <class Options = report_options>
std::string report(const Options& options) {
  static_cast<void>(detail::asks_for_tasks<Options>::is_set);
  return detail::report_with(options);
}
/// Why the task of `ref` still waits (for which arguments and who makes them, for which resources
/// and who holds them, for its turn), or where it ran and why there. Text for people, several
/// lines; what it says may be out of date at once. Throws std::invalid_argument for an empty ref.
template <class T>
std::string explain(const object_ref<T>& ref) {
  static_cast<void>(detail::asks_for_tasks<T>::is_set);
  return detail::explain_slot(detail::ref_access::checked(ref, "explain"));
}
/// What the advisor has found since init, by line of the user's program; kept over shutdown, which
/// logs it as warnings. Empty when the option `advisor` is false.
NARKE_EXPORT std::vector<advice_entry> advice();
/// Writes what was recorded as Chrome trace events, for Perfetto. Throws narke::error naming the
/// file when it cannot be written; nothing is then left behind.
NARKE_EXPORT void timeline(const std::string& path);

}  // namespace narke
