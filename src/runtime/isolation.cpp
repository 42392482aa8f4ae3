#include "runtime/isolation.hpp"

#include <algorithm>
#include <numeric>
#include <utility>

#include <fmt/format.h>

#include <narke/detail/task_impl.hpp>
#include <narke/options.hpp>

#include "process/process_pool.hpp"
#include "process/worker_side.hpp"
#include "runtime/engine.hpp"
#include "task/isolation_hooks.hpp"
#include "task/task_info.hpp"
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

void run_in_process(task_node& node, detail::isolated_part& part) {
  process_pool::instance().run(
      {.node = &node,
       .part = &part,
       .name = plain_name(node),
       .display_name = display_name(node),
       .id = node.id,
       .attempt = node.attempt,
       .gpu_uuids = visible_gpus(),
       .memory_bytes = node.info != nullptr ? node.info->request().memory_bytes : 0});
}

// Stands for the task of the parent in the worker: for this_task.
class task_elsewhere final : public task_node {
 public:
  explicit task_elsewhere(const call_head& call) : task_node{1} {
    task_options named;
    named.name = call.name;
    info = new detail::task_info{named};
    id = call.id;
    attempt = static_cast<std::uint8_t>(call.attempt);
  }
  void invoke() noexcept override {}
  void fail(const std::exception_ptr&) noexcept override {}
  void clear_results() noexcept override {}
  void register_dependencies() noexcept override {}
  void visit_arguments(bool (*)(void*, const detail::result_slot&), void*) const override {}
  detail::result_slot* slot(std::size_t) noexcept override { return nullptr; }
  std::size_t slot_count() const noexcept override { return 0; }
};

void run_as_task_here(const call_head& call, const std::function<void()>& body) {
  const auto let_go = [](task_node* node) { node->release_ref(); };
  const std::unique_ptr<task_node, decltype(let_go)> node{new task_elsewhere{call}, let_go};
  std::vector<int> gpu_ids(call.gpu_count);
  std::iota(gpu_ids.begin(), gpu_ids.end(), 0);
  thread_state& self = this_thread_state;
  execution running{node.get(), self.current, call.id, &gpu_ids};
  struct scope {
    ~scope() { state.current = outer; }
    thread_state& state;
    execution* outer;
  };
  const scope restored{self, std::exchange(self.current, &running)};
  body();
}

[[gnu::constructor]] void look_whether_this_is_a_worker() {
  become_worker_if_spawned(run_as_task_here);
}

}  // namespace

void connect_isolation() noexcept {
  the_isolation_hooks.run = run_in_process;
  the_isolation_hooks.end = [](const task_node& node, const std::exception_ptr& why) noexcept {
    return process_pool::instance().end(node, why);
  };
  the_isolation_hooks.ask_to_stop = [](const task_node& node) noexcept {
    return process_pool::instance().ask_to_stop(node);
  };
}

void start_isolation(const runtime_settings& settings) noexcept {
  process_pool::instance().keep_idle(static_cast<std::size_t>(std::max(settings.totals.cpus, 1)));
}

}  // namespace narke::internal
