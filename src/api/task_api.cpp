#include <thread>

#include <fmt/format.h>

#include <narke/cancel.hpp>
#include <narke/detail/task_node.hpp>
#include <narke/errors.hpp>
#include <narke/put.hpp>

#include "runtime/engine.hpp"
#include "task/task_info.hpp"
#include "worker/execute.hpp"
#include "worker/placed_task.hpp"

namespace narke::detail {

namespace {

std::string name_for_messages(const task_info& info) {
  return info.name().empty() ? std::string{"the task"} : fmt::format("task '{}'", info.name());
}

std::exception_ptr cancelled(const task_node& node) {
  return std::make_exception_ptr(task_cancelled_error{
      fmt::format("{} was cancelled before it started", internal::display_name(node))});
}

// A task whose results nobody has yet, taken by cancel.
void finish_cancelled(task_node& node, bool was_waiting) {
  const bool is_held_call = was_waiting && node.lane == task_lane::actor_call;
  const bool is_in_lane =
      !was_waiting && node.lane == task_lane::placement && internal::withdraw_placed(node);
  internal::finish_with_error(node, cancelled(node));
  if (is_held_call) {
    internal::the_actor_hooks.forget_held(node);
  }
  if (is_in_lane) {
    node.release_ref();
  }
}

}  // namespace

void check_can_submit(const task_info* info) {
  internal::ensure_running("task");
  if (info != nullptr && info->lane() == task_lane::placement) {
    const std::uint32_t start = internal::start_count();
    if (info->feasible_in() != start) {
      internal::check_feasible(info->request(), name_for_messages(*info));
      info->set_feasible_in(start);
    }
  }
}

void submit(task_node& node) noexcept {
  internal::submit_node(node, node.info != nullptr ? node.info->lane() : task_lane::fast);
}

void check_can_put() {
  internal::ensure_running("put");
}

bool cancel_slot(result_slot& slot, bool force, bool) {
  task_node* node = slot.producer();
  if (slot.is_ready() || node == nullptr) {
    return false;
  }
  if (force) {
    internal::throw_not_there_yet("cancel: force", "true",
                                  "leave it false; nothing isolated runs that could be ended");
  }
  for (const task_state from : {task_state::waiting, task_state::ready}) {
    if (node->claim(from)) {
      finish_cancelled(*node, from == task_state::waiting);
      return true;
    }
  }
  // Claimed for a moment: by a worker that starts it, or by another cancel.
  while (node->state() == task_state::claimed) {
    std::this_thread::yield();
  }
  if (slot.is_ready() || node->state() == task_state::finished) {
    return false;
  }
  throw error{
      fmt::format("narke::cancel: {} runs, and this version of narke cannot cancel running work "
                  "yet; let it end by a flag of your own",
                  internal::display_name(*node))};
}

}  // namespace narke::detail
