#include <stdexcept>

#include <fmt/format.h>

#include <narke/cancel.hpp>
#include <narke/detail/task_node.hpp>
#include <narke/errors.hpp>
#include <narke/put.hpp>

#include "base/forked_child.hpp"
#include "base/needed_memory.hpp"
#include "base/timer_queue.hpp"
#include "runtime/engine.hpp"
#include "task/task_info.hpp"
#include "task/task_rules.hpp"
#include "worker/call_sites.hpp"
#include "worker/cancel_tree.hpp"
#include "worker/coroutine.hpp"
#include "worker/execute.hpp"
#include "worker/pending_limit.hpp"
#include "worker/placed_task.hpp"
#include "worker/suspended_tasks.hpp"

namespace narke::detail {

namespace {

std::string name_for_messages(const task_info& info) {
  return info.name().empty() ? std::string{"the task"} : fmt::format("task '{}'", info.name());
}

// A task whose results nobody has yet, taken by cancel.
void finish_cancelled(task_node& node, bool was_waiting) {
  const internal::memory_needed needed;
  const bool is_held_call = was_waiting && node.lane == task_lane::actor_call;
  const bool is_in_lane =
      !was_waiting && node.lane == task_lane::placement && internal::withdraw_placed(node);
  internal::finish_with_error(node, internal::cancelled_error(node));
  if (is_held_call) {
    internal::the_actor_hooks.forget_held(node);
  }
  if (is_in_lane) {
    node.release_ref();
  }
}

// A task that nobody has claimed. Whether it was one.
bool cancel_queued(task_node& node) {
  for (const task_state from : {task_state::waiting, task_state::ready}) {
    if (node.claim(from)) {
      finish_cancelled(node, from == task_state::waiting);
      return true;
    }
  }
  return false;
}

// A task that somebody has claimed: it runs, or is about to. See cancel_tree.hpp.
bool cancel_running(task_node& node, bool force, bool recursive) {
  // A result that is there by now may come of the mark: a body that saw it at once.
  if (!node.slot(0)->mark_stop() || node.has_ended_early()) {
    return false;
  }
  const internal::memory_needed needed;  // it is marked
  if (cancel_queued(node)) {
    return true;  // it was between two attempts
  }
  if (recursive) {
    internal::cancel_tree::add(node);
  }
  internal::cancel_tree::stop_tokens_of(node, recursive);
  internal::suspended_tasks::wake(node);
  if (recursive) {
    internal::fail_placed_below_cancelled();
    internal::wake_suspended_below_cancelled();
  }
  if (force && internal::the_force_end_hook != nullptr) {
    internal::the_force_end_hook(node, internal::cancelled_error(node));
  }
  return true;
}

}  // namespace

namespace {

[[gnu::noinline]] void check_can_submit_slowly(const task_info* info) {
  internal::begin_submission();
  internal::ensure_running("task");
  if (info != nullptr && info->lane() == task_lane::placement) {
    const std::uint32_t start = internal::start_count();
    if (info->feasible_in() != start || info->request().in_group != 0) {
      internal::check_feasible(info->request(), name_for_messages(*info));
      info->set_feasible_in(start);
    }
  }
}

}  // namespace

void check_can_submit(const task_info* info) {
  if (info != nullptr || internal::this_thread_state.attention != 0 || internal::is_draining())
      [[unlikely]] {
    check_can_submit_slowly(info);
  }
}

bool submission::count(const task_info& info, bool is_repeatable) {
  internal::task_rules* rules = info.rules();
  if (rules == nullptr) {
    return false;
  }
  if (rules->may_retry() && !is_repeatable) {
    throw std::invalid_argument{fmt::format(
        "{}: max_retries: one of its parameters takes a move-only value or an array_builder, which "
        "cannot be given a second time. Take const T&, or leave max_retries at 0",
        name_for_messages(info))};
  }
  if (rules->needs_timer()) {
    internal::timer_queue::instance().start();
  }
  return rules->has_limit() && internal::wait_for_room(info, *rules, name_for_messages(info));
}

void submission::uncount(const task_info& info) noexcept {
  info.rules()->remove();
}

void submit(task_node& node) noexcept {
  internal::submit_node(node, node.info != nullptr ? node.info->lane() : task_lane::fast);
}

void check_can_put() {
  internal::ensure_running("put");
}

bool cancel_slot(result_slot& slot, bool force, bool recursive) {
  internal::refuse_in_forked_child("cancel");
  task_node* node = slot.producer();
  if (slot.is_ready() || node == nullptr) {
    return false;
  }
  return cancel_queued(*node) || cancel_running(*node, force, recursive);
}

}  // namespace narke::detail
