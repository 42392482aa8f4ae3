#include "runtime/engine.hpp"

#include <algorithm>
#include <atomic>
#include <cstdlib>
#include <mutex>
#include <thread>
#include <utility>

#include <pthread.h>

#include <fmt/format.h>

#include <narke/detail/gpu_body.hpp>
#include <narke/errors.hpp>

#include "actor/actor_core.hpp"
#include "base/forked_child.hpp"
#include "base/log.hpp"
#include "base/needed_memory.hpp"
#include "base/output_file.hpp"
#include "base/ticks.hpp"
#include "base/timer_queue.hpp"
#include "device/gpu_engine.hpp"
#include "observe/event.hpp"
#include "process/process_pool.hpp"
#include "runtime/gpu_runtime.hpp"
#include "runtime/isolation.hpp"
#include "runtime/task_explain.hpp"
#include "store/object_store.hpp"
#include "worker/call_sites.hpp"
#include "task/task_rules.hpp"
#include "worker/cancel_tree.hpp"
#include "worker/coroutine.hpp"
#include "worker/execute.hpp"
#include "worker/gpu_task.hpp"
#include "worker/lifecycle.hpp"
#include "worker/numa_scope.hpp"
#include "worker/open_promises.hpp"
#include "worker/placement_lane.hpp"
#include "worker/suspended_watch.hpp"
#include "worker/thread_state.hpp"
#include "worker/waiting.hpp"
#include "worker/worker_pool.hpp"

namespace narke::internal {

namespace {

using clock = std::chrono::steady_clock;
constexpr std::chrono::seconds log_period{10};
constexpr std::size_t tasks_reported_most = 10'000;

struct engine_state {
  std::mutex life;  // held for the whole of init, and of shutdown
  std::mutex mutex;
  std::shared_ptr<const runtime_settings> settings;  // guarded by mutex
  std::stop_source stop{std::nostopstate};           // guarded by mutex
  clock::time_point started;                         // guarded by mutex
  task_totals before;                                // guarded by mutex: counts of earlier runtimes
  std::atomic<std::uint32_t> starts{0};

  // Held while the GPUs are looked up, and while they are let go. Never inside `mutex`; inside
  // `life`, which a thread that looks them up does not take: shutdown may be waiting for its task.
  std::mutex gpus;
  // Written under `gpus`. Read without it: who reads false sees all that is known of GPUs.
  std::atomic<bool> has_unknown_gpus{false};
};

constinit std::atomic<int> life_changes{0};  // threads that start or stop a runtime, or want to

engine_state& engine() {
  // Never destroyed: threads of the user may still call while static objects go.
  static auto* state = new engine_state;
  return *state;
}

// While it lives, a runtime starts or stops on this thread, and no other does. Counted beside the
// mutex for the child of a fork, to which a mutex says nothing.
class life_lock {
 public:
  life_lock() {
    life_changes.fetch_add(1, std::memory_order_relaxed);
    engine().life.lock();
  }
  life_lock(const life_lock&) = delete;
  life_lock& operator=(const life_lock&) = delete;
  ~life_lock() {
    engine().life.unlock();
    life_changes.fetch_sub(1, std::memory_order_relaxed);
  }
};

// The only thread of the child runs this: where the runtime was there, it is of no use. A driver of
// real GPUs does not survive a fork even after shutdown.
void on_fork_in_child() {
  const runtime_phase phase = current_phase.load(std::memory_order_relaxed);
  if (phase == runtime_phase::running || phase == runtime_phase::draining ||
      life_changes.load(std::memory_order_relaxed) != 0 || real_gpus_were_used()) {
    is_forked_child_flag.store(true, std::memory_order_relaxed);
    detail::any_gpu_body.store(true, std::memory_order_relaxed);
    current_phase.store(runtime_phase::forked, std::memory_order_relaxed);
  }
}

void shut_down_at_exit() {
  if (is_forked_child()) {
    return;
  }
  // exit() inside a task: its thread cannot wait for itself. The process ends; nothing can be done
  // better.
  if (this_thread_state.current == nullptr && this_thread_state.self == nullptr) {
    try {
      stop_runtime(std::chrono::nanoseconds::max());
    } catch (const std::exception& failed) {
      log_error(failed.what());
    }
  }
}

void connect_actors() {
  the_actor_hooks.call_is_ready = [](detail::task_node& call) noexcept {
    static_cast<detail::actor_core*>(call.lane_data)->call_is_ready(call);
  };
  detail::release_actor_of_call = [](void* actor) noexcept {
    static_cast<detail::actor_core*>(actor)->release_ref();
  };
  the_actor_hooks.try_call_in_place = [](detail::task_node& call) noexcept {
    return static_cast<detail::actor_core*>(call.lane_data)->try_call_in_place(call);
  };
  the_actor_hooks.why_call_waits = [](const detail::task_node& call) {
    return static_cast<detail::actor_core*>(call.lane_data)->why_call_waits(call);
  };
  the_actor_hooks.actor_name = [](const void* actor) {
    return static_cast<const detail::actor_core*>(actor)->display_name();
  };
  the_actor_hooks.forget_held = [](detail::task_node& call) noexcept {
    static_cast<detail::actor_core*>(call.lane_data)->forget_held(call);
  };
  the_actor_hooks.was_call_lost = [](const detail::task_node& call) noexcept {
    return static_cast<const detail::actor_core*>(call.lane_data)->was_call_lost(call);
  };
  the_actor_hooks.give_again = [](detail::task_node& call) noexcept {
    static_cast<detail::actor_core*>(call.lane_data)->give_again(call);
  };
  the_actor_hooks.call_is_settled = [](detail::task_node& call) noexcept {
    static_cast<detail::actor_core*>(call.lane_data)->call_is_settled(call);
  };
  the_actor_hooks.list_running = [](const detail::task_node& call,
                                    std::vector<const detail::task_node*>& to) {
    return static_cast<const detail::actor_core*>(call.lane_data)->list_running(to);
  };
  the_actor_hooks.ticket_of = [](const detail::task_node& call) {
    return static_cast<const detail::actor_core*>(call.lane_data)->ticket();
  };
}

std::map<int, std::vector<int>> numa_cpus_of(const machine& described) {
  std::map<int, std::vector<int>> cpus;
  for (const numa_node_info& node : described.numa_nodes) {
    if (described.is_this_system) {
      cpus[node.os_index] = node.pus;
    }
  }
  return cpus;
}

// Once no worker is there: what came in while they ended, and the actors.
void drop_what_is_left() {
  do {
    worker_pool::instance().drop_all();
    placement_lane::instance().drop_pending();
    actor_registry::end_all();
  } while (worker_pool::instance().has_work());
}

// Requires: nothing runs, and nothing new starts.
void end_all() {
  worker_pool::instance().stop();
  unwatch_suspended();
  timer_queue::instance().stop();
  drop_what_is_left();
  process_pool::instance().stop();  // once no actor has a process
  drop_what_is_left();              // what the end of a process had begun meanwhile
  cancel_tree::forget_ended();
  {
    const std::lock_guard gpus{engine().gpus};
    engine().has_unknown_gpus.store(false, std::memory_order_release);
    stop_gpus();
  }
  set_store_limit_bytes(0);
}

// Requires: engine().life is held, and no runtime is there.
void start_locked(const runtime_options& options) {
  static const bool at_exit = [] {
    connect_actors();
    connect_gpu_engine(know_gpus);
    connect_isolation();
    start_tick_calibration();
    static_cast<void>(pthread_atfork(nullptr, nullptr, on_fork_in_child));
    return std::atexit(shut_down_at_exit) == 0;
  }();
  static_cast<void>(at_exit);
  wait_for_needed_memory();
  auto settings = std::make_shared<const runtime_settings>(resolve_settings(options));
  set_log_level(settings->logging_level);
  for (const std::string& warning : settings->described.warnings) {
    log_warning(warning);
  }
  clear_events();
  set_tracing(settings->tracing);
  forget_call_sites();
  advisor_is_on.store(settings->advisor, std::memory_order_relaxed);
  set_store_limit_bytes(settings->object_store_bytes);
  placement_lane::instance().configure(settings->totals);
  set_numa_cpus(numa_cpus_of(settings->described));
  std::stop_source stop;
  worker_pool::instance().start(settings->totals.cpus);
  try {
    start_gpus(*settings);
  } catch (...) {  // no memory: the threads that are there would be in the way of the next try
    end_all();
    throw;
  }
  start_isolation(*settings);
  engine_state& state = engine();
  state.has_unknown_gpus.store(!settings->knows_gpus, std::memory_order_release);
  {
    const std::lock_guard lock{state.mutex};
    state.settings = std::move(settings);
    state.stop = std::move(stop);
    state.started = clock::now();
    state.before = count_tasks();
  }
  state.starts.fetch_add(1, std::memory_order_acq_rel);
  current_phase.store(runtime_phase::running, std::memory_order_seq_cst);
}

bool is_quiet() noexcept {
  const task_totals totals = count_tasks();
  return totals.finished == totals.submitted;
}

void log_who_runs() {
  const task_totals totals = count_tasks();
  log_warning(fmt::format(
      "shutdown still waits for {} tasks that run. They see narke::stop_requested(); a task that "
      "never returns keeps shutdown waiting",
      totals.submitted - totals.finished));
}

// Waits until every task has finished: those that run by themselves, the others dropped by the
// workers.
bool drain(clock::time_point deadline) {
  auto next_log = clock::now() + log_period;
  for (auto pause = std::chrono::microseconds{20}; !is_quiet();) {
    timer_queue::instance().hurry();  // what waits for another attempt
    task_rules::wake_all();           // who waits for room
    drop_waiting_for_promises();
    wake_all_suspended();
    placement_lane::instance().drop_pending();
    worker_pool::instance().notify();
    const auto now = clock::now();
    if (now >= deadline) {
      return false;
    }
    if (now >= next_log) {
      next_log = now + log_period;
      log_who_runs();
    }
    std::this_thread::sleep_for(std::min<clock::duration>(pause, deadline - now));
    pause = std::min(pause * 2, std::chrono::microseconds{2'000});
  }
  return true;
}

void write_report_file(const std::string& file) {
  try {
    write_file(file, report_now());
  } catch (const std::exception& failed) {
    log_error(fmt::format("NARKE_REPORT: {}", failed.what()));
  }
}

void log_advice() {
  for (const advice_entry& each : advice_now()) {
    log_warning(fmt::format("advice: {}: {} [{}]", place_name(each.location), each.message,
                            each.code));
  }
}

}  // namespace

void start_runtime(const runtime_options& options) {
  refuse_in_forked_child("init");
  const life_lock lock;
  const runtime_phase phase = current_phase.load(std::memory_order_seq_cst);
  if (phase == runtime_phase::running || phase == runtime_phase::draining) {
    throw already_initialized{phase == runtime_phase::running
                                  ? "narke::init: the runtime is there already. Call "
                                    "narke::shutdown() first, or ask narke::is_initialized()"
                                  : "narke::init: the last runtime still drains. Call "
                                    "narke::shutdown() until it is done"};
  }
  start_locked(options);
}

bool stop_runtime(std::chrono::nanoseconds timeout) {
  refuse_in_forked_child("shutdown");
  if (this_thread_state.current != nullptr || this_thread_state.self != nullptr) {
    throw error{
        "narke::shutdown: called from inside a task, which it would wait for. Call it from the "
        "thread that called init"};
  }
  const auto deadline = timeout == std::chrono::nanoseconds::max() ? clock::time_point::max()
                                                                   : deadline_after(timeout);
  const life_lock lock;
  const runtime_phase phase = current_phase.load(std::memory_order_seq_cst);
  if (phase == runtime_phase::never || phase == runtime_phase::stopped) {
    return true;
  }
  const memory_needed needed;  // from here on there is no way back
  current_phase.store(runtime_phase::draining, std::memory_order_seq_cst);
  runtime_stop_source().request_stop();
  cancel_tree::stop_all_tokens();
  if (!drain(deadline)) {
    return false;
  }
  if (const auto file = current_settings()->report_file) {
    write_report_file(*file);
  }
  log_advice();
  // First the phase, then the workers: who submits after the phase drops the task himself.
  current_phase.store(runtime_phase::stopped, std::memory_order_seq_cst);
  end_all();
  return true;
}

void ensure_running_slowly(const char* call) {
  switch (current_phase.load(std::memory_order_acquire)) {
    case runtime_phase::running:
      return;
    case runtime_phase::draining:
      throw task_cancelled_error{
          fmt::format("narke::{}: the runtime shuts down, and nothing new starts", call)};
    case runtime_phase::stopped:
      throw error{fmt::format(
          "narke::{}: the runtime was shut down. Call narke::init() to start another", call)};
    case runtime_phase::forked:
      throw_fork_error(call);
    case runtime_phase::never:
      break;
  }
  {
    const life_lock lock;
    if (current_phase.load(std::memory_order_seq_cst) == runtime_phase::never) {
      start_locked({});
    }
  }
  ensure_running(call);
}

namespace {

bool is_about_gpus(const resource_request& request) {
  return !request.gpus.is_zero() || request.gpu_memory_bytes != 0 ||
         request.wish == placement_wish::gpu ||
         std::any_of(request.custom.begin(), request.custom.end(), [](const custom_amount& each) {
           return each.name.starts_with("accelerator_type:");
         });
}

// What the driver says of its GPUs in addition to what was known before.
void log_what_is_said_first(const std::vector<std::string>& before,
                            const std::vector<std::string>& warnings) {
  for (const std::string& warning : warnings) {
    if (std::find(before.begin(), before.end(), warning) == before.end()) {
      log_warning(warning);
    }
  }
}

}  // namespace

void know_gpus() noexcept {
  const memory_needed needed;
  engine_state& state = engine();
  if (!state.has_unknown_gpus.load(std::memory_order_acquire)) {
    return;
  }
  const std::lock_guard lock{state.gpus};
  if (!state.has_unknown_gpus.load(std::memory_order_relaxed)) {
    return;
  }
  try {
    const auto before = current_settings();
    auto known = std::make_shared<const runtime_settings>(with_gpus_looked_up(*before));
    log_what_is_said_first(before->described.warnings, known->described.warnings);
    start_gpus(*known);
    placement_lane::instance().add_gpus(known->totals);
    const std::lock_guard settings_lock{state.mutex};
    state.settings = std::move(known);
  } catch (const std::exception& failed) {
    log_error(fmt::format("the GPUs cannot be looked up, and none is used: {}", failed.what()));
  }
  state.has_unknown_gpus.store(false, std::memory_order_release);
}

void check_feasible(const resource_request& request, const std::string& who) {
  if (is_about_gpus(request)) {
    know_gpus();
  }
  if (const auto reason = placement_lane::instance().infeasible_reason(request)) {
    throw infeasible_request{
        fmt::format("{} {}, so it could never run. Ask for less, or give narke::init more "
                    "(num_cpus, num_gpus, resources)",
                    who, *reason)};
  }
}

std::uint32_t start_count() noexcept {
  return engine().starts.load(std::memory_order_acquire);
}

std::shared_ptr<const runtime_settings> current_settings() {
  refuse_in_forked_child("report");
  const std::lock_guard lock{engine().mutex};
  return engine().settings;
}

std::stop_source runtime_stop_source() {
  refuse_in_forked_child("stop_token");
  const std::lock_guard lock{engine().mutex};
  return engine().stop;
}

namespace {

void put_if_any(std::map<std::string, double>& resources, const std::string& name, double amount) {
  if (amount > 0) {
    resources[name] = amount;
  }
}

}  // namespace

std::map<std::string, double> available_now(const runtime_settings& settings) {
  const placement_usage usage = placement_lane::instance().usage();
  int busy = 0;
  for_each_record([&](const thread_record& record) {
    busy += record.uses_permit.load(std::memory_order_relaxed) ? 1 : 0;
  });
  std::map<std::string, double> resources;
  put_if_any(resources, "CPU", settings.totals.cpus - busy - usage.cpus_in_use);
  put_if_any(resources, "GPU", usage.available.gpu_sum().to_double());
  put_if_any(resources, "memory", static_cast<double>(usage.available.memory_bytes));
  put_if_any(resources, "object_store_memory",
             static_cast<double>(store_limit_bytes() - stored_bytes()));
  for (const auto& [name, amount] : usage.available.custom) {
    put_if_any(resources, name, amount.to_double());
  }
  return resources;
}

runtime_facts facts_now(const runtime_settings& settings) {
  const task_totals totals = count_tasks();
  const trace_stats events = event_stats();
  engine_state& state = engine();
  const std::lock_guard lock{state.mutex};
  runtime_facts facts;
  facts.num_cpus = settings.totals.cpus;
  facts.workers = worker_pool::instance().thread_count();
  facts.tasks_submitted = totals.submitted - state.before.submitted;
  facts.tasks_finished = totals.finished - state.before.finished;
  facts.tasks_failed = totals.failed - state.before.failed;
  facts.tasks_pending =
      facts.tasks_submitted - std::min(facts.tasks_submitted, facts.tasks_finished);
  facts.object_store_used_bytes =
      static_cast<std::uint64_t>(std::max<std::int64_t>(stored_bytes(), 0));
  facts.object_store_limit_bytes = static_cast<std::uint64_t>(settings.object_store_bytes);
  facts.trace_events = events.events;
  facts.trace_events_dropped = events.dropped;
  facts.uptime =
      std::chrono::duration_cast<std::chrono::milliseconds>(clock::now() - state.started);
  return facts;
}

namespace {

void add_gpu_facts(runtime_facts& facts, const machine& described) {
  if (!gpu_engine::instance().is_started()) {
    return;  // its facts are of an earlier runtime
  }
  const gpu_engine_facts engine = gpu_engine::instance().facts();
  for (std::size_t i = 0; i != engine.devices.size(); ++i) {
    const gpu_device_facts& device = engine.devices[i];
    facts.gpus.push_back({.index = described.gpus.at(i).index,
                          .is_open = device.is_open,
                          .is_lost = device.is_lost,
                          .capacity_bytes = device.capacity_bytes,
                          .used_bytes = device.used_bytes,
                          .peak_bytes = device.peak_bytes,
                          .evictions = device.evictions});
  }
  facts.gpu_tasks = engine.works;
  facts.bytes_to_devices = engine.bytes_to_device;
  facts.bytes_to_host = engine.bytes_to_host;
  facts.bytes_between_devices = engine.bytes_between_devices;
}

}  // namespace

std::vector<advice_entry> advice_now() {
  const auto settings = current_settings();
  if (settings == nullptr || !settings->advisor) {
    return {};
  }
  return findings(call_site_facts());
}

std::string report_now(bool with_tasks) {
  know_gpus();
  const auto settings = current_settings();
  report_inputs inputs{
      .described = settings->described,
      .cluster_resources = cluster_resources(settings->described, settings->overrides),
      .available_resources = available_now(*settings),
      .runtime = facts_now(*settings),
      .advice = advice_now()};
  add_gpu_facts(*inputs.runtime, settings->described);
  if (with_tasks) {
    inputs.tasks = task_list(tasks_reported_most);
  }
  return report_json(inputs);
}

}  // namespace narke::internal
