// The runtime as a whole: started by init, stopped by shutdown, one at a time. Any thread.
#pragma once

#include <chrono>
#include <cstdint>
#include <map>
#include <memory>
#include <stop_token>
#include <string>
#include <vector>

#include <narke/options.hpp>
#include <narke/resources.hpp>

#include "observe/report.hpp"
#include "resources/resource_request.hpp"
#include "runtime/settings.hpp"
#include "worker/lifecycle.hpp"

namespace narke::internal {

void start_runtime(const runtime_options& options);
/// True: it is stopped. Throws narke::error inside a task.
bool stop_runtime(std::chrono::nanoseconds timeout);

/// Starts a runtime when nobody ever has. Throws task_cancelled_error while it shuts down,
/// narke::error after an explicit shutdown. `call`: who asks, for the message.
void ensure_running_slowly(const char* call);
inline void ensure_running(const char* call) {
  if (current_phase.load(std::memory_order_acquire) != runtime_phase::running) [[unlikely]] {
    ensure_running_slowly(call);
  }
}
/// Throws infeasible_request unless this machine can meet `request`. `who`: for the message.
void check_feasible(const resource_request& request, const std::string& who);
/// Asks the CUDA driver for its devices when nobody has yet: before whatever names, counts or wants
/// GPUs. Programs that never do never initialise the driver. Any thread, also inside tasks.
void know_gpus() noexcept;
/// How often a runtime was started: what was found feasible holds for one start.
std::uint32_t start_count() noexcept;

/// What the running, or last, runtime was started with; null when there was none.
std::shared_ptr<const runtime_settings> current_settings();
std::stop_source runtime_stop_source();

std::map<std::string, double> available_now(const runtime_settings& settings);
runtime_facts facts_now(const runtime_settings& settings);
std::string report_now(bool with_tasks = false);
/// What the advisor has found since the last start.
std::vector<advice_entry> advice_now();

}  // namespace narke::internal
