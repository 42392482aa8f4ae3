#include "worker/coroutine.hpp"

#include <stdexcept>
#include <utility>

#include <fmt/format.h>

#include <narke/errors.hpp>

#include "base/needed_memory.hpp"
#include "observe/event.hpp"
#include "task/task_info.hpp"
#include "worker/attempts.hpp"
#include "worker/call_sites.hpp"
#include "worker/cancel_tree.hpp"
#include "worker/execute.hpp"
#include "worker/lifecycle.hpp"
#include "worker/placed_task.hpp"
#include "worker/suspended_tasks.hpp"
#include "worker/suspended_watch.hpp"

namespace narke::internal {

using detail::co_part;
using detail::result_slot;
using detail::runnable;
using detail::task_lane;
using detail::task_node;
using detail::task_state;

namespace {

// Of the task that runs on this thread.
bool is_asked_to_stop() noexcept {
  return is_draining() || cancel_tree::is_asked_to_stop(*this_thread_state.current);
}

// The same of one that nobody runs, in one order with who asks it to.
bool is_asked_to_stop(task_node& node) noexcept {
  if (is_draining() || node.slot(0)->look_for_stop()) {
    return true;
  }
  const std::uint64_t changes = cancel_tree::changes.load(std::memory_order_acquire);
  if (changes == node.coroutine()->changes_seen ||
      !cancel_tree::is_below_cancelled(node.parent_id)) {
    return false;
  }
  node.slot(0)->mark_stop();
  return true;
}

// What this thread knows of the task while it runs on it. It submits for a parent that was already
// one: the way up leads through this thread before it leaves the list.
void begin_piece(co_part& part, execution& running) noexcept {
  running.changes_seen = part.changes_seen;
  running.has_token = part.has_token;
  running.takes_as_ready = part.takes_as_ready;
  if (part.waits_at != nullptr) {
    ids_above(part.waits_at->last_id);
    if (part.node.has_children) {
      cancel_tree::list_as_parent(running);
    }
    suspended_tasks::remove(*part.waits_at);
  }
}

void suspend_piece(co_part& part, const execution& running) noexcept {
  part.changes_seen = running.changes_seen;
  part.has_token = running.has_token;
  part.takes_as_ready = running.takes_as_ready;
  part.has_waited = true;
  part.waits_at->last_id = this_thread_state.next_id;
  suspended_tasks::add(*part.waits_at);
  watch_suspended();
  if (running.kin == kinship::listed_parent) {
    this_record().parents.pop();
  }
}

void record_piece(const task_node& node, std::uint64_t begin, std::uint64_t end, bool failed) {
  record_event({.begin_ticks = begin,
                .end_ticks = end,
                .name = begin != 0 ? trace_name(node) : nullptr,
                .id = node.id,
                .parent_or_from = node.parent_id,
                .line = static_cast<std::uint32_t>(node.location.line()),
                .kind = event_kind::task,
                .failed = failed,
                .attempt = static_cast<std::uint16_t>(node.attempt)});
}

// Whose result it goes on with, or whose it begins with.
void record_what_it_got(const task_node& node, const co_part& part, std::uint64_t begin) {
  if (part.waits_at == nullptr) {
    if (node.has_ref_arguments) {
      record_flows(node, begin);
    }
  } else if (!part.waits_at->ended_early()) {
    record_flow(node, part.waits_at->slot(), begin);
  }
}

// One that was suspended before, or has rules. Whether the body has ended, and failed.
bool run_piece(task_node& node, co_part& part, const std::vector<int>* gpu_ids,
               std::uint64_t submitter_id) noexcept {
  thread_state& self = this_thread_state;
  execution running{&node, self.current, submitter_id, gpu_ids};
  self.current = &running;
  begin_piece(part, running);
  node.set_state(task_state::running);
  const std::uint64_t begin = event_begin_ticks();
  if (begin != 0) {
    record_what_it_got(node, part, begin);
  }
  {
    const argument_watch watch{node.passes_refs};
    const memory_refusable users;
    node.invoke();
  }
  const bool is_over = !part.is_suspended();
  if (!is_over) {
    suspend_piece(part, running);
  } else if (running.kin != kinship::none || running.has_token || cancel_tree::is_active()) {
    end_relations(running);
  }
  const bool failed = is_over && has_failed(node);
  const std::uint64_t end = begin != 0 ? ticks_now() : 0;
  record_piece(node, begin, end, failed);
  self.current = running.outer;
  if (is_over && node.lane == task_lane::fast) {
    const bool is_short = running.kin == kinship::none && !part.has_waited;
    count_body_slowly(node, is_short ? end - begin : body_ticks_of_parent);
  }
  return failed;
}

}  // namespace

void end_first_piece(task_node& node, const execution& running, std::uint64_t begin) noexcept {
  suspend_piece(*node.coroutine(), running);
  record_piece(node, begin, begin != 0 ? ticks_now() : 0, false);
}

void run_coroutine(task_node& node, const std::vector<int>* gpu_ids,
                   std::uint64_t submitter_id) noexcept {
  const memory_needed needed;
  co_part& part = *node.coroutine();
  if (!part.has_begun && (is_draining() || cancel_tree::is_active())) [[unlikely]] {
    if (const std::exception_ptr reason = reason_not_to_start(node)) {
      node.fail(reason);
      count_one(this_record().failed);
      return;
    }
  }
  const bool has_rules = has_attempts(node);
  attempt_timer timer{part.timer};
  if (has_rules && !part.has_begun) {
    timer.start(node, rules_of(node));
  }
  const bool failed = run_piece(node, part, gpu_ids, submitter_id);
  if (part.is_suspended()) {
    part.timer = timer.keep();
    return;
  }
  timer.stop();
  part.timer = 0;
  if (has_rules) {
    decide_another_attempt(node);
  }
  if (failed && !node.is_to_run_again) {
    end_failed(node);
  }
}

namespace {

// From open() to the last step. True: the caller has the task again.
bool wait_once(suspension& wait) noexcept {
  task_node& node = wait.node();
  wait.open();
  result_slot& slot = wait.slot();
  if (wait.hang_on(slot)) {
    detail::want_completion(slot);
  } else if (wait.take()) {
    static_cast<void>(node.one_ready());  // never the last: this thread counts
  }
  if (is_asked_to_stop(node) && wait.take()) {
    wait.end_early(nullptr);
    static_cast<void>(node.one_ready());
  }
  return node.one_ready();
}

void queue(suspension& wait, runnable** next) noexcept {
  task_node& node = wait.node();
  node.set_state(task_state::claimed);
  wait.submitted_ticks = node.submitted_ticks;
  if (node.lane == task_lane::placement &&
      !goes_on_by_permit(*static_cast<placement_record*>(node.lane_data))) {
    worker_pool::instance().hand_over(wait);
  } else if (next != nullptr && *next == nullptr) {
    *next = &wait;
  } else {
    worker_pool::instance().push(wait);
  }
}

}  // namespace

void open_wait(task_node& node, runnable** next) noexcept {
  suspension& wait = *node.coroutine()->waits_at;
  node.add_ref();
  if (wait_once(wait)) {
    static_cast<void>(resume_suspended(node, next));
  }
}

bool resume_suspended(task_node& node, runnable** next) noexcept {
  if (node.state() != task_state::suspended) {
    return false;
  }
  suspension& wait = *node.coroutine()->waits_at;
  while (!wait.ended_early() && wait.advance()) {
    if (!wait_once(wait)) {
      return true;
    }
  }
  queue(wait, next);
  return true;
}

void end_wait_of(detail::dependent& entry, runnable** next) noexcept {
  co_wait& wait = co_wait::of(entry);
  if (wait.take()) {
    one_argument_ready(wait.node(), next);
  }
  wait.release();
}

bool suspension::advance() {
  while (at_ != slots_.size && slots_[at_]->is_ready()) {
    if (slots_[at_]->failed() || at_ + 1 == slots_.size) {
      return false;
    }
    ++at_;
  }
  return true;
}

// After this is let go, by the coroutine itself as it goes on, only the node is left.
void suspension::take_turn() noexcept {
  const memory_needed needed;
  task_node& its = node();
  if (its.lane == task_lane::placement) {
    go_on_placed(its);
  } else {
    const cpu_scope cpu{cpu_hold::permit, this_thread_state.placement};
    run_body(its, nullptr, its.id);
  }
  publish_and_leave(its);
}

bool goes_on_by_permit(const placement_record& record) noexcept {
  return record.request->cpus == quantity::one();
}

void visit_what_it_waits_for(const task_node& node,
                             bool (*visit)(void* context, const result_slot& slot),
                             void* context) {
  if (node.state() != task_state::suspended) {
    node.visit_arguments(visit, context);
  } else {
    static_cast<void>(
        visit(context, const_cast<task_node&>(node).coroutine()->waits_at->slot()));
  }
}

void wake_suspended_below_cancelled() noexcept {
  suspended_tasks::wake_each([](task_node& node) {
    if (!cancel_tree::is_below_cancelled(node.parent_id)) {
      return false;
    }
    node.slot(0)->mark_stop();
    return true;
  });
}

void wake_all_suspended() noexcept {
  suspended_tasks::wake_each([](task_node&) { return true; });
}

}  // namespace narke::internal

namespace narke::detail {

using internal::suspension;

co_part::co_part(task_node& its) noexcept : node{its} {
  its.is_coroutine = true;
}

bool co_part::is_there(result_slot& slot, bool is_given_up) {
  is_stopped = internal::is_asked_to_stop();
  if (is_stopped) [[unlikely]] {
    return true;
  }
  if (!slot.is_ready()) {
    want_completion(slot);
    if (!internal::try_run_newest(slot, is_given_up)) {
      static_cast<void>(internal::try_run_in_place(slot));
    }
  }
  return slot.is_ready();
}

bool co_part::are_there(const slot_list& slots, std::size_t& first) {
  is_stopped = internal::is_asked_to_stop();
  for (first = 0; first != slots.size && !is_stopped; ++first) {
    result_slot& slot = *slots[first];
    if (!is_there(slot, false)) {
      return false;
    }
    if (!is_stopped && slot.failed()) {
      return true;
    }
  }
  return true;
}

void co_part::suspend(const slot_list& slots, std::size_t first) {
  waits_at = new suspension{node, slots, first};
  node.is_at_co_await = true;
}

void co_part::leave_wait() noexcept {
  suspension& wait = *std::exchange(waits_at, nullptr);
  node.is_at_co_await = false;
  reason_to_stop_ = wait.why();
  is_stopped = wait.ended_early() || internal::is_asked_to_stop();
  wait.release();
}

void co_part::throw_reason_to_stop() {
  is_stopped = false;
  if (const std::exception_ptr reason = std::exchange(reason_to_stop_, nullptr)) {
    std::rethrow_exception(reason);
  }
  throw task_cancelled_error{
      fmt::format("narke: co_await ends here: {} was cancelled, its time is over, or the runtime "
                  "shuts down",
                  internal::display_name(node))};
}

void throw_empty_co_task() {
  throw std::invalid_argument{
      "narke: co_await: the co_task is empty: it was awaited before, or moved from. Call its "
      "coroutine again for another"};
}

}  // namespace narke::detail
