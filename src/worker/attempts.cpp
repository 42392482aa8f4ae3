#include "worker/attempts.hpp"

#include <utility>

#include <fmt/format.h>

#include <narke/errors.hpp>

#include "base/needed_memory.hpp"
#include "task/task_info.hpp"
#include "task/task_rules.hpp"
#include "worker/cancel_tree.hpp"
#include "worker/execute.hpp"
#include "worker/lifecycle.hpp"
#include "worker/suspended_tasks.hpp"

namespace narke::internal {

using detail::task_node;
using detail::task_state;

namespace {

std::exception_ptr timeout_error(const task_node& node, std::chrono::nanoseconds timeout) {
  return std::make_exception_ptr(task_timeout_error{
      fmt::format("{} was not done {} s after its start, which is its timeout. Its body was asked "
                  "to stop; give it more time, or look at narke::stop_requested() in it",
                  display_name(node), std::chrono::duration<double>(timeout).count())});
}

// The runner of the attempt keeps the node until it has stopped the timer. A body that was first
// has the outcome, and ends by itself.
void on_timeout(void* context) noexcept {
  const memory_needed needed;
  auto& node = *static_cast<task_node*>(context);
  const std::exception_ptr why = timeout_error(node, rules_of(node)->timeout());
  publish_early(node, why);
  cancel_tree::stop_tokens_of(node, false);
  if (node.is_coroutine) {
    suspended_tasks::wake(node);
  }
  if (node.has_ended_early() && the_force_end_hook != nullptr) {
    the_force_end_hook(node, why);
  }
}

// Takes over the reference that the timer had.
void on_delay_over(void* context) noexcept {
  auto& node = *static_cast<task_node*>(context);
  if (node.make_ready()) {
    send_ready_task(node);
  } else {
    node.release_ref();  // it was cancelled meanwhile
  }
}

}  // namespace

task_rules* rules_of(const task_node& node) noexcept {
  return node.info != nullptr ? node.info->rules() : nullptr;
}

void begin_rules(task_node& node) noexcept {
  const task_rules& rules = *rules_of(node);
  node.may_end_early = node.may_end_early || rules.has_timeout();
  node.keeps_arguments = node.keeps_arguments || rules.may_retry();
}

void end_rules(task_node& node) noexcept {
  task_rules* const rules = rules_of(node);
  if (rules != nullptr && rules->has_limit()) {
    rules->remove();
  }
  if (node.lane == detail::task_lane::actor_call && node.keeps_arguments) {
    the_actor_hooks.call_is_settled(node);
  }
}

void attempt_timer::start(task_node& node, const task_rules* rules) noexcept {
  if (rules != nullptr && rules->has_timeout()) {
    const memory_needed needed;
    const auto now = timer_queue::time_point::clock::now();
    const bool is_never = rules->timeout() >= timer_queue::time_point::max() - now;
    id_ =
        is_never ? 0 : timer_queue::instance().schedule(now + rules->timeout(), on_timeout, &node);
  }
}

void attempt_timer::stop() noexcept {
  if (const timer_id id = std::exchange(id_, 0); id != 0) {
    timer_queue::instance().cancel(id);
  }
}

void decide_another_attempt(task_node& node) noexcept {
  if (!node.keeps_arguments) {
    return;
  }
  detail::result_slot& slot = *node.slot(0);
  node.is_to_run_again = node.body_has_outcome() && !slot.is_marked_to_stop() && slot.failed() &&
                         !node.argument_failed() && !is_draining() &&
                         (node.lane == detail::task_lane::actor_call
                              ? the_actor_hooks.was_call_lost(node)
                              : rules_of(node)->wants_another(node.attempt, slot.error()));
  if (!node.is_to_run_again) {
    node.let_go_arguments();
  }
}

void run_again_later(task_node& node) noexcept {
  node.is_to_run_again = false;
  node.clear_results();
  node.reopen_outcome();
  if (node.lane == detail::task_lane::actor_call) {
    the_actor_hooks.give_again(node);
    return;
  }
  const auto delay = rules_of(node)->delay_after(node.attempt);
  next_attempt(node);
  node.add_ref();
  node.add_ref();  // one for the timer, one for the look at the mark
  node.set_state(task_state::waiting);
  timer_queue::instance().schedule(timer_queue::time_point::clock::now() + delay, on_delay_over,
                                   &node, timer_kind::may_come_early);
  if (node.slot(0)->look_for_stop() && node.claim(task_state::waiting)) {
    finish_with_error(node, cancelled_error(node));
  }
  node.release_ref();
}

}  // namespace narke::internal
