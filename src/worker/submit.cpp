// A task on its way from `remote` to its lane, or dropped there.
#include <narke/detail/task_node.hpp>

#include "base/needed_memory.hpp"
#include "base/ticks.hpp"
#include "observe/event.hpp"
#include "task/task_info.hpp"
#include "worker/attempts.hpp"
#include "worker/call_sites.hpp"
#include "worker/cancel_tree.hpp"
#include "worker/coroutine.hpp"
#include "worker/execute.hpp"
#include "worker/gpu_task.hpp"
#include "worker/lifecycle.hpp"
#include "worker/placement_lane.hpp"
#include "worker/task_list.hpp"
#include "worker/thread_state.hpp"
#include "worker/worker_pool.hpp"

namespace narke::internal {

using detail::task_lane;
using detail::task_node;
using detail::task_state;

namespace {

// When it was submitted, about: until the events of this thread are no longer kept, to the tick;
// then by a clock that is read at one submission in 64, and at the first after a wait. So the lanes
// may take a few tasks for older than they are.
std::uint64_t submission_ticks(const task_node& node, thread_state& self) noexcept {
  if (event_writer* const writer = this_thread_events;
      node.lane != task_lane::fast || node.id % ids_per_look == 0 || self.coarse_ticks == 0 ||
      writer == nullptr || !writer->is_full()) {
    self.coarse_ticks = ticks_now();
  }
  return self.coarse_ticks;
}

// The less usual steps.
void begin_special(task_node& node) noexcept {
  if (node.gpu != nullptr) {
    announce_gpu_task(node);
  }
  if (node.info != nullptr && rules_of(node) != nullptr) {
    begin_rules(node);
  }
}

}  // namespace

void submit_node(task_node& node, task_lane lane) noexcept {
  const memory_needed needed;
  thread_state& self = this_thread_state;
  const std::uint32_t attention = self.attention;
  if (attention != 0) [[unlikely]] {
    attend_to(node);
  }
  node.lane = lane;
  node.id = next_id();
  if (execution* submitter = self.current; submitter != nullptr) {
    node.parent_id = submitter->node->id;
    if (submitter->kin == kinship::none) {
      cancel_tree::list_as_parent(*submitter);
    }
  }
  node.submitted_ticks = submission_ticks(node, self);
  count_one(this_record().submitted);
  list_task(node);
  if (node.gpu != nullptr || node.info != nullptr) [[unlikely]] {
    begin_special(node);
  }
  if (!node.has_ref_arguments) {
    node.set_state(task_state::ready);
    send_to_lane(node, nullptr);
  } else {
    // Only then may others take it: nobody looks at arguments while they are registered. It cannot
    // become ready before: the submitter counts as more arguments than there can be.
    const std::uint32_t registered = node.register_dependencies();
    node.set_state(task_state::waiting);
    if (node.end_registration(registered)) {
      arguments_are_ready(node, nullptr);
    }
  }
  // A submitter that shutdown overtook: nobody is left to take the task.
  drop_if_stopped();
  if (attention != 0) [[unlikely]] {
    end_submission();
  }
}

void send_ready_task(task_node& node) noexcept {
  const memory_needed needed;
  send_to_lane(node, nullptr);
  drop_if_stopped();
}

void drop_waiting(detail::dependent& entry) noexcept {
  const memory_needed needed;
  if (entry.waiting == nullptr) {
    end_wait_of(entry, nullptr);
    return;
  }
  task_node& node = *entry.waiting;
  if (node.claim(task_state::waiting)) {
    finish_with_error(node, dropped_by_shutdown());
    if (node.lane == task_lane::actor_call) {
      the_actor_hooks.forget_held(node);
    }
  }
  one_argument_ready(node, nullptr);
}

void drop_slowly() noexcept {
  const memory_needed needed;
  worker_pool::instance().drop_late();
  placement_lane::instance().drop_pending();
}

}  // namespace narke::internal
