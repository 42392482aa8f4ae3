#include "runtime/isolation.hpp"

#include <algorithm>
#include <memory>
#include <numeric>
#include <stop_token>
#include <thread>

#include <fmt/format.h>

#include <narke/detail/task_impl.hpp>
#include <narke/options.hpp>

#include "actor/actor_core.hpp"
#include "process/process_pool.hpp"
#include "process/worker_side.hpp"
#include "runtime/engine.hpp"
#include "task/isolation_hooks.hpp"
#include "task/task_info.hpp"
#include "worker/cancel_tree.hpp"
#include "worker/execute.hpp"
#include "worker/lifecycle.hpp"
#include "worker/thread_state.hpp"

namespace narke::internal {

namespace {

using detail::task_node;

// Of the GPUs that the running task was given.
std::vector<std::string> visible_gpus() {
  std::vector<std::string> uuids;
  const execution* current = this_thread_state.current;
  if (current == nullptr || current->gpu_ids == nullptr) {
    return uuids;
  }
  const auto settings = current_settings();
  for (const int id : *current->gpu_ids) {
    for (const gpu_info& each : settings->described.gpus) {
      if (each.index == id) {
        uuids.push_back(each.uuid.empty() ? fmt::format("{}", id) : each.uuid);
      }
    }
  }
  return uuids;
}

// As narke::stop_token() in the task.
std::stop_token stop_token_of_task() {
  execution* current = this_thread_state.current;
  if (current == nullptr) {
    return {};
  }
  std::stop_token token = cancel_tree::token_of(*current);
  if (current_phase.load(std::memory_order_seq_cst) != runtime_phase::running) {
    cancel_tree::stop_all_tokens();  // shutdown has looked before this one was there
  }
  return token;
}

isolated_call call_of(task_node& node, detail::isolated_part& part) {
  return {.node = &node,
          .part = &part,
          .name = plain_name(node),
          .display_name = display_name(node),
          .id = node.id,
          .attempt = static_cast<int>(node.attempt),
          .gpu_uuids = visible_gpus(),
          .memory_bytes = node.info != nullptr ? node.info->request().memory_bytes : 0,
          .stop = stop_token_of_task()};
}

void run_in_process_of_actor(task_node& node, detail::isolated_part& part) {
  auto& actor = *static_cast<detail::actor_core*>(node.lane_data);
  host_call hosted = actor.begin_in_process(node);
  std::exception_ptr thrown;
  try {
    isolated_call call = call_of(node, part);
    call.display_name =
        fmt::format("{} of {}", hosted.makes_state ? "the constructor" : call.display_name,
                    actor.display_name());
    call.memory_bytes = actor.memory_bytes();
    call.hosted = &hosted;
    process_pool::instance().run(call);
  } catch (...) {
    thrown = std::current_exception();
  }
  actor.end_in_process(node, hosted, thrown);
}

void run_in_process(task_node& node, detail::isolated_part& part) {
  if (node.lane == detail::task_lane::actor_call) {
    run_in_process_of_actor(node, part);
  } else {
    process_pool::instance().run(call_of(node, part));
  }
}

// A task that was claimed a moment ago has its call soon, and one that lost it is ready soon. What
// was ended early is ready already, and its call finds that out.
void end_by_force(task_node& node, const std::exception_ptr& why) noexcept {
  if (!detail::is_isolated(node.info)) {
    return;
  }
  while (!process_pool::instance().end(node, why) && !node.slot(0)->is_ready()) {
    std::this_thread::yield();
  }
}

// Stands for the task of the parent in the worker: for this_task.
class task_elsewhere final : public task_node {
 public:
  explicit task_elsewhere(const call_head& call) : task_node{1} {
    task_options named;
    named.name = call.name;
    info = new detail::task_info{named};
    id = call.id;
    attempt = static_cast<std::uint32_t>(call.attempt);
    // Of an actor that is in the parent: this_actor asks actor_here.
    lane = call.is_of_actor ? detail::task_lane::actor_call : detail::task_lane::fast;
  }
  void invoke() noexcept override {}
  void fail(const std::exception_ptr&) noexcept override {}
  void clear_results() noexcept override {}
  void let_go_arguments() noexcept override {}
  std::uint32_t register_dependencies() noexcept override { return 0; }
  void visit_arguments(bool (*)(void*, const detail::result_slot&), void*) const override {}
  detail::result_slot* slot(std::size_t) noexcept override { return &slot_; }
  std::size_t slot_count() const noexcept override { return 1; }

 private:
  detail::task_slot<void> slot_;
};

// As the thread that runs a task has it, for the time of one call.
class execution_scope {
 public:
  explicit execution_scope(execution& running) noexcept : running_{running} {
    this_thread_state.current = &running;
  }
  execution_scope(const execution_scope&) = delete;
  execution_scope& operator=(const execution_scope&) = delete;
  ~execution_scope() {
    if (running_.kin != kinship::none) {
      cancel_tree::end_parent(running_);
    }
    if (running_.has_token) {
      cancel_tree::drop_token(*running_.node);
    }
    this_thread_state.current = running_.outer;
  }

 private:
  execution& running_;
};

void run_as_task_here(const call_head& call, const std::function<void()>& body) {
  const auto let_go = [](task_node* node) { node->release_ref(); };
  const std::unique_ptr<task_node, decltype(let_go)> node{new task_elsewhere{call}, let_go};
  std::vector<int> gpu_ids(call.gpu_count);
  std::iota(gpu_ids.begin(), gpu_ids.end(), 0);
  execution running{node.get(), this_thread_state.current, call.id, &gpu_ids};
  const execution_scope scope{running};
  body();
}

[[gnu::constructor]] void look_whether_this_is_a_worker() {
  become_worker_if_spawned(run_as_task_here);
}

}  // namespace

void connect_isolation() noexcept {
  the_isolation_hooks.run = run_in_process;
  the_force_end_hook = end_by_force;
}

void start_isolation(const runtime_settings& settings) noexcept {
  process_pool::instance().keep_idle(static_cast<std::size_t>(std::max(settings.totals.cpus, 1)));
}

}  // namespace narke::internal
