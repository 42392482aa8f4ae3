#include "worker/placed_task.hpp"

#include <memory>

#include <fmt/format.h>

#include <narke/errors.hpp>

#include "task/task_info.hpp"
#include "worker/cancel_tree.hpp"
#include "worker/coroutine.hpp"
#include "worker/execute.hpp"
#include "worker/gpu_task.hpp"
#include "worker/lifecycle.hpp"
#include "worker/numa_scope.hpp"
#include "worker/placement_lane.hpp"
#include "worker/worker_pool.hpp"

namespace narke::internal {

using detail::task_node;
using detail::task_state;

namespace {

task_node& node_of(const placement_record& record) noexcept {
  return *static_cast<task_node*>(record.owner);
}

// The NUMA node that the task was placed on, or wishes for; -1: none.
int node_of_cpus(const placement_record& record) noexcept {
  const bool is_wish = record.request->wish == placement_wish::numa_node;
  return record.numa_node < 0 && is_wish ? record.request->wish_index : record.numa_node;
}

// The lane has let go of the record: shutdown.
void on_dropped(placement_record& record) noexcept {
  task_node& node = node_of(record);
  delete &record;
  fail_ready_task(node, dropped_by_shutdown());
}

void on_lost(placement_record& record) noexcept {
  task_node& node = node_of(record);
  delete &record;
  fail_ready_task(node, no_place_left(node));
}

}  // namespace

std::exception_ptr no_place_left(const task_node& node) {
  const resource_request& request = node.info->request();
  if (request.in_group != 0) {
    if (const auto reason = placement_lane::instance().infeasible_reason(request)) {
      return std::make_exception_ptr(
          infeasible_request{fmt::format("{} {}", display_name(node), *reason)});
    }
  }
  return std::make_exception_ptr(
      device_lost_error{display_name(node) +
                        " waits for a GPU, and none is left that could run it: a device was lost. "
                        "Start the program again to have it back"});
}

void submit_placed(task_node& node) noexcept {
  if (node.gpu != nullptr) {
    submit_gpu_task(node);
    return;
  }
  auto* record = new placement_record{.id = node.id,
                                      .request = &node.info->request(),
                                      .submitted_ticks = node.submitted_ticks,
                                      .priority = node.info->priority(),
                                      .for_life = false,
                                      .item = &node,
                                      .granted = nullptr,
                                      .dropped = on_dropped,
                                      .lost = on_lost,
                                      .owner = &node,
                                      .task = &node,
                                      .gpus = nullptr};
  node.lane_data = record;
  placement_lane::instance().submit(*record);
}

detail::runnable* execute_placed(task_node& node) noexcept {
  std::unique_ptr<placement_record> record{static_cast<placement_record*>(node.lane_data)};
  // Whoever cancels claims first, and leaves a record that was granted to this.
  const bool is_ours = node.claim(task_state::ready);
  if (is_ours) {
    const numa_scope node_cpus{node_of_cpus(*record)};
    const cpu_scope cpu{cpu_hold::placement, record.get()};
    run_body(node, record->gpu_ids(), node.id);
  }
  if (is_ours && is_suspended(node)) {
    placement_lane::instance().blocked(*record.release());  // the task keeps it
    publish_and_leave(node);
    return nullptr;
  }
  detail::runnable* next = placement_lane::instance().finished_next(*record);
  if (is_ours) {
    publish_and_leave(node);
  } else {
    node.release_ref();
  }
  return next;
}

void go_on_placed(task_node& node) noexcept {
  std::unique_ptr<placement_record> record{static_cast<placement_record*>(node.lane_data)};
  placement_lane& lane = placement_lane::instance();
  const bool by_permit = goes_on_by_permit(*record);
  if (!by_permit) {
    lane.unblocked(*record);
  }
  {
    const numa_scope node_cpus{node_of_cpus(*record)};
    const cpu_scope cpu{by_permit ? cpu_hold::permit : cpu_hold::placement, record.get()};
    run_body(node, record->gpu_ids(), node.id);
  }
  if (!is_suspended(node)) {
    lane.finished(*record);
    return;
  }
  if (!by_permit) {
    lane.blocked(*record);
  }
  static_cast<void>(record.release());
}

bool withdraw_placed(task_node& node) noexcept {
  if (node.gpu != nullptr) {
    return placement_lane::instance().withdraw(node.id) != nullptr;  // the task owns its record
  }
  const std::unique_ptr<placement_record> record{placement_lane::instance().withdraw(node.id)};
  return record != nullptr;
}

void fail_placed_below_cancelled() {
  const auto pending = placement_lane::instance().pending_tasks(
      [](const task_node& task) { return cancel_tree::is_below_cancelled(task.parent_id); });
  for (task_node* node : pending) {
    if (node->claim(task_state::ready)) {
      const bool is_in_lane = withdraw_placed(*node);
      finish_with_error(*node, cancelled_error(*node));
      if (is_in_lane) {
        node->release_ref();
      }
    }
    node->release_ref();
  }
}

}  // namespace narke::internal
