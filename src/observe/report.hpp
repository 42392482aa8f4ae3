// The resource report: what the machine has, what of it may be used, what the runtime does with it.
// As JSON (docs/report.schema.json) and as a tree for people. Pure functions of their input; never
// in them: the environment, command lines, anything secret.
#pragma once

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include <narke/resources.hpp>

#include "topology/machine.hpp"

namespace narke::internal {

/// A GPU as the engine uses it.
struct gpu_use {
  int index = -1;
  bool is_open = false;  ///< has had a task
  bool is_lost = false;
  std::uint64_t capacity_bytes = 0;  ///< what tasks and arrays may take; 0 until it is open
  std::uint64_t used_bytes = 0;
  std::uint64_t peak_bytes = 0;
  std::uint64_t evictions = 0;  ///< arrays that had to leave it
};

struct runtime_facts {
  int num_cpus = 0;
  int workers = 0;                              ///< threads that run tasks, spare ones included
  std::uint64_t tasks_submitted = 0;
  std::uint64_t tasks_finished = 0;
  std::uint64_t tasks_failed = 0;
  std::uint64_t tasks_pending = 0;
  std::uint64_t object_store_used_bytes = 0;
  std::uint64_t object_store_limit_bytes = 0;
  std::uint64_t trace_events = 0;
  std::uint64_t trace_events_dropped = 0;
  std::chrono::milliseconds uptime{0};
  std::vector<gpu_use> gpus;
  std::uint64_t gpu_tasks = 0;  ///< enqueued on a device
  std::uint64_t bytes_to_devices = 0;
  std::uint64_t bytes_to_host = 0;
  std::uint64_t bytes_between_devices = 0;
};

/// Where the report is made, which need not be the machine it describes.
struct host_facts {
  std::string hostname;
  std::string os;            ///< "Debian GNU/Linux 12 (bookworm)"
  std::string kernel;        ///< "Linux 6.1.0"
  std::string architecture;
};
host_facts this_host();

/// One task, by Ray's words.
struct task_facts {
  std::uint64_t id = 0;
  std::uint64_t parent_id = 0;  ///< 0: submitted by a thread outside
  std::string name;
  bool is_actor_call = false;
  std::string state;
  int attempt = 0;
  std::string file;  ///< of its remote; empty: not known
  std::uint_least32_t line = 0;
  std::map<std::string, double> required_resources;
  std::vector<std::uint64_t> waits_for;  ///< the tasks that make its missing arguments
  std::string reason;                    ///< why it waits
  std::string thread;                    ///< where it ran
  std::optional<double> started_ago_ms;
  std::optional<double> ended_ago_ms;
};
struct task_list_facts {
  std::vector<task_facts> tasks;
  std::size_t left_out = 0;  ///< unfinished ones beyond the bound
};

struct report_inputs {
  const machine& described;
  std::map<std::string, double> cluster_resources;
  std::map<std::string, double> available_resources;
  std::optional<runtime_facts> runtime;  ///< nullopt: not initialized
  std::vector<advice_entry> advice = {};
  std::optional<task_list_facts> tasks = {};  ///< nullopt: nobody asked for them
  host_facts host = this_host();
  std::chrono::system_clock::time_point generated_at = std::chrono::system_clock::now();
};

/// Indented JSON with a line end. Text that is not UTF-8 comes with replacement characters.
std::string report_json(const report_inputs& inputs);

/// A tree, the limits, the resources and the links between GPUs. Safe to show on a terminal.
std::string report_text(const report_inputs& inputs);

/// As `nvidia-smi topo -m` shows it: a row and a column for each GPU. Empty when no link is known.
std::string link_matrix(const machine& described);

}  // namespace narke::internal
