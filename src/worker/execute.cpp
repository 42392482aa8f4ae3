#include "worker/execute.hpp"

#include <cstring>
#include <deque>
#include <utility>

#include <fmt/format.h>

#include <narke/errors.hpp>

#include "base/needed_memory.hpp"
#include "observe/event.hpp"
#include "store/object_store.hpp"
#include "task/task_info.hpp"
#include "worker/attempts.hpp"
#include "worker/call_sites.hpp"
#include "worker/cancel_tree.hpp"
#include "worker/coroutine.hpp"
#include "worker/failure_watch.hpp"
#include "worker/lent_cpus.hpp"
#include "worker/lifecycle.hpp"
#include "worker/placed_task.hpp"
#include "worker/task_list.hpp"
#include "worker/worker_pool.hpp"

namespace narke::internal {

constinit actor_hooks the_actor_hooks;
constinit force_end the_force_end_hook = nullptr;
constinit std::atomic<runtime_phase> current_phase{runtime_phase::never};

using detail::result_slot;
using detail::runnable;
using detail::task_lane;
using detail::task_node;
using detail::task_state;

std::exception_ptr dropped_by_shutdown() {
  const memory_needed needed;
  return std::make_exception_ptr(
      task_cancelled_error{"the task was dropped: narke::shutdown() was called before it started. "
                           "Get results before the shutdown"});
}

// Literals and interned names live for ever.
const char* trace_name(const task_node& node) noexcept {
  if (node.info != nullptr && !node.info->name().empty()) {
    return node.info->trace_name();
  }
  const char* path = node.location.file_name();
  const char* slash = std::strrchr(path, '/');
  return *path == '\0' ? nullptr : (slash != nullptr ? slash + 1 : path);
}

namespace {

// The body of a GPU task leaves its outcome open, for whoever ends the task early while its work is
// under way.
inline bool has_failed_here(task_node& node) noexcept {
  const result_slot& slot = node.first_slot();
  const bool is_decided = node.gpu == nullptr || node.outcome_is_decided();
  return (is_decided && (!node.body_has_outcome() || slot.failed())) || slot.is_marked_to_stop();
}

}  // namespace

bool has_failed(task_node& node) noexcept {
  return has_failed_here(node);
}

void record_flow(const task_node& to, const result_slot& from, std::uint64_t ticks) {
  if (from.producer() != nullptr) {
    record_event({.begin_ticks = ticks,
                  .end_ticks = ticks,
                  .name = nullptr,
                  .id = to.id,
                  .parent_or_from = from.producer()->id,
                  .line = 0,
                  .kind = event_kind::flow,
                  .failed = false});
  }
}

void record_flows(const task_node& node, std::uint64_t ticks) {
  struct consumer {
    const task_node& node;
    std::uint64_t ticks;
  } to{node, ticks};
  node.visit_arguments(
      [](void* context, const result_slot& slot) {
        const auto& at = *static_cast<const consumer*>(context);
        record_flow(at.node, slot, at.ticks);
        return true;
      },
      &to);
}

void send_to_lane(task_node& node, runnable** next) noexcept {
  switch (node.lane) {
    case task_lane::fast:
      if (next != nullptr && *next == nullptr) {
        *next = &node;
      } else {
        worker_pool::instance().push(node);
      }
      break;
    case task_lane::placement:
      submit_placed(node);
      break;
    case task_lane::actor_call:
      the_actor_hooks.call_is_ready(node);
      break;
  }
}

namespace {

// Tasks that fail without having run. Failing one may make dependents fail, and so on down a chain
// of any length: the outermost call on a thread works a list off, which lies on its stack; calls
// inside it only append.
struct failing_task {
  task_node* node;
  std::exception_ptr error;  // null: that of its first failed argument
};
constinit thread_local std::deque<failing_task>* failing_tasks = nullptr;

}  // namespace

void arguments_are_ready(task_node& node, runnable** next) noexcept {
  const bool failed = node.argument_failed();
  if (!node.make_ready()) {
    if (!resume_suspended(node, next)) {
      node.release_ref();  // it was cancelled while it waited
    }
  } else if (failed && node.lane != task_lane::actor_call) {
    fail_ready_task(node, nullptr);  // needs no CPU and no resources
  } else {
    send_to_lane(node, next);  // a call keeps its place among the calls of its submitter
  }
}

void one_argument_ready(task_node& node, runnable** next) noexcept {
  if (node.one_ready()) {
    arguments_are_ready(node, next);
  }
}

void run_without_permit(runnable& item) noexcept {
  for (runnable* next = &item; next != nullptr;) {
    if (next->is_turn) {
      static_cast<turn*>(std::exchange(next, nullptr))->take_turn();
    } else {
      next = execute_placed(static_cast<task_node&>(*next));
    }
  }
}

namespace {

// Instead of what the body left, which nobody has seen: `error`. The values of an ordered GPU task
// stay where consumers in stream order look at them.
void replace_results(task_node& node, const std::exception_ptr& error) noexcept {
  if (node.gpu == nullptr || node.gpu->failed_before_order()) {
    node.clear_results();
  }
  for (std::size_t i = 0; i != node.slot_count(); ++i) {
    node.slot(i)->set_error(error);
  }
}

}  // namespace

void end_relations(execution& running) noexcept {
  if (cancel_tree::is_active()) {
    static_cast<void>(cancel_tree::is_asked_to_stop(running));  // marks it
  }
  if (running.kin != kinship::none) {
    cancel_tree::end_parent(running);
  }
  if (running.has_token) {
    cancel_tree::drop_token(*running.node);
  }
}

namespace {

// A body has run, and its time was taken.
[[gnu::noinline]] void note_run(const task_node& node, std::uint64_t begin, bool is_parent,
                                bool failed) noexcept {
  const std::uint64_t end = ticks_now();
  record_event(
      {.begin_ticks = begin,
       .end_ticks = end,
       .name = trace_name(node),
       .id = node.id,
       .parent_or_from = node.parent_id,
       .line = static_cast<std::uint32_t>(node.location.line()),
       .kind = node.lane == task_lane::actor_call ? event_kind::actor_call : event_kind::task,
       .failed = failed,
       .attempt = static_cast<std::uint16_t>(node.attempt)});
  if (node.lane == task_lane::fast) {
    // Who submits others has more to do than its own time tells: recursion is not too fine.
    count_body_slowly(node, is_parent ? body_ticks_of_parent : end - begin);
  }
}

// What may be to look at around a body: a task that is_plain has no more than one result.
enum class looks : std::uint8_t { all, fewest };

// `call` leaves the outcome in the slots, or the task at a co_await. Returns whether it failed.
template <looks Looks = looks::all, class Call>
[[gnu::always_inline]] inline bool run_as(task_node& node, const std::vector<int>* gpu_ids,
                                          std::uint64_t submitter_id, Call&& call) noexcept {
  thread_state& self = this_thread_state;
  execution running{&node, self.current, submitter_id, gpu_ids};
  self.current = &running;
  node.set_state(task_state::running);
  const std::uint64_t begin = event_begin_ticks();
  if (begin != 0 && node.has_ref_arguments) [[unlikely]] {
    record_flows(node, begin);
  }
  {
    const argument_watch watch{Looks == looks::all && node.passes_refs};
    const memory_refusable users;
    call();
  }
  if (Looks == looks::all && node.is_at_co_await) [[unlikely]] {
    end_first_piece(node, running, begin);
    self.current = running.outer;
    return false;
  }
  if (running.kin != kinship::none || running.has_token || cancel_tree::is_active()) [[unlikely]] {
    end_relations(running);
  }
  bool failed = false;
  if constexpr (Looks == looks::all) {
    failed = has_failed_here(node);
  } else {
    const result_slot& only = node.first_slot();
    failed = only.failed() || only.is_marked_to_stop();
  }
  self.current = running.outer;
  if (begin != 0) [[unlikely]] {
    note_run(node, begin, running.kin != kinship::none, failed);
  } else {
    drop_event();
    if (Looks == looks::fewest || node.lane == task_lane::fast) {
      count_body(node);
    }
  }
  return failed;
}

}  // namespace

void end_failed(task_node& node) noexcept {
  count_one(this_record().failed);
  if (node.first_slot().is_marked_to_stop() && node.body_has_outcome()) {
    replace_results(node, cancelled_error(node));
  }
}

namespace {

// A body with rules. Apart, so that others pay nothing for it.
[[gnu::noinline]] void run_attempt(task_node& node, const std::vector<int>* gpu_ids,
                                   std::uint64_t submitter_id) noexcept {
  attempt_timer timer;
  timer.start(node, rules_of(node));
  const bool failed = run_as(node, gpu_ids, submitter_id, [&] { node.invoke(); });
  timer.stop();
  decide_another_attempt(node);
  if (failed && !node.is_to_run_again) {
    end_failed(node);
  }
}

}  // namespace

namespace {

// Whether the task may start; else it has failed.
[[gnu::noinline]] bool may_start(task_node& node) noexcept {
  const std::exception_ptr reason = reason_not_to_start(node);
  if (reason) {
    node.fail(reason);
    count_one(this_record().failed);
  }
  return reason == nullptr;
}

[[gnu::always_inline]] inline void run_body_here(task_node& node, const std::vector<int>* gpu_ids,
                                                 std::uint64_t submitter_id) noexcept {
  if (node.is_coroutine && !begins_as_any_task(node)) [[unlikely]] {
    run_coroutine(node, gpu_ids, submitter_id);
    return;
  }
  if ((is_draining() || cancel_tree::is_active()) && !may_start(node)) [[unlikely]] {
    return;
  }
  if (has_attempts(node)) [[unlikely]] {
    run_attempt(node, gpu_ids, submitter_id);
  } else if (run_as(node, gpu_ids, submitter_id, [&] { node.invoke(); })) {
    end_failed(node);
  }
}

// A claimed task on the CPU of this thread.
[[gnu::always_inline]] inline void run_fast_body(task_node& node, cpu_hold hold) noexcept {
  const cpu_scope cpu{hold, this_thread_state.placement};
  run_body_here(node, nullptr, node.id);
}

}  // namespace

void run_body(task_node& node, const std::vector<int>* gpu_ids,
              std::uint64_t submitter_id) noexcept {
  const memory_needed needed;
  run_body_here(node, gpu_ids, submitter_id);
}

std::exception_ptr reason_not_to_start(task_node& node) noexcept {
  if (is_draining()) {
    return dropped_by_shutdown();
  }
  return node.slot(0)->is_marked_to_stop() || cancel_tree::is_below_cancelled(node.parent_id)
             ? cancelled_error(node)
             : nullptr;
}

std::exception_ptr cancelled_error(const task_node& node) {
  const memory_needed needed;
  return std::make_exception_ptr(task_cancelled_error{
      fmt::format("{} was cancelled, or the task that submitted it was", display_name(node))});
}

void run_gpu_body(task_node& node, gpu_context& gpu, const std::vector<int>* gpu_ids,
                  std::uint64_t submitter_id) noexcept {
  const memory_needed needed;
  static_cast<void>(run_as(node, gpu_ids, submitter_id, [&] { node.gpu->run_body(gpu); }));
}

namespace {

void resume_all(detail::dependent* entry, bool failed, runnable** next) noexcept {
  while (entry != nullptr) {
    // The entry lies in the task that waits, which may be gone once it is told.
    detail::dependent* following = entry->next;
    if (entry->waiting == nullptr) {
      end_wait_of(*entry, next);
    } else {
      entry->waiting->note_argument(failed);
      one_argument_ready(*entry->waiting, next);
    }
    entry = following;
  }
}

// After a slot was closed: `entry` is the first of those that were on its list.
inline void resume(detail::dependent* entry, bool failed, runnable** next) noexcept {
  if (failed) [[unlikely]] {
    failure_watcher::tell_all();
  }
  if (entry != nullptr) {
    resume_all(entry, failed, next);
  }
}

}  // namespace

void one_argument_less(task_node& node) noexcept {
  const memory_needed needed;
  one_argument_ready(node, nullptr);
}

void publish_ordered(task_node& node, bool failed) noexcept {
  const memory_needed needed;
  resume(node.gpu->close_ordered(failed), failed, nullptr);
}

namespace {

// A task that was asked to stop before it settled.
void end_stopped(task_node& node, bool is_body) noexcept {
  cancel_tree::forget(node);
  if (!is_body) {
    return;
  }
  if (!node.slot(0)->failed()) {
    count_one(this_record().failed);
  }
  replace_results(node, cancelled_error(node));
}

}  // namespace

void count_finish() noexcept {
  if (std::exchange(this_thread_state.counts_finish, false)) {
    count_one(this_record().finished);
  }
}

namespace {

// The outcome of a body. `leaves_node`: as of settle_and_close.
[[gnu::noinline]] void publish_slowly(task_node& node, result_slot& slot, bool is_last,
                                      bool& leaves_node, runnable** next) noexcept {
  const memory_needed needed;
  bool failed = slot.failed();
  detail::dependent* first = nullptr;
  // Counted between the closing and the waking: a thread that is woken may take this CPU at once,
  // and ask how many tasks are outstanding.
  bool& counts_finish = this_thread_state.counts_finish;
  counts_finish = is_last;
  const result_slot::settled how = slot.settle_and_close(first, leaves_node);
  if (how == result_slot::settled::stopped) {
    counts_finish = false;  // a value that goes may run tasks on this thread
    failed = true;
    end_stopped(node, true);
    counts_finish = is_last;
    first = slot.close();
  }
  count_finish();
  if (how == result_slot::settled::stopped) {
    slot.settle_stopped();
  } else if (how == result_slot::settled::unwanted) {
    slot.let_go_unwanted();
  }
  resume(first, failed, next);
}

[[gnu::always_inline]] inline void publish_outcome(task_node& node, result_slot& slot, bool is_last,
                                                   bool& leaves_node, runnable** next) noexcept {
  if (slot.failed() || !slot.settle_and_close_alone(leaves_node)) [[unlikely]] {
    publish_slowly(node, slot, is_last, leaves_node, next);
  } else if (is_last) {
    count_one(this_record().finished);
  }
}

// Of a body whose outcome was published early.
// Requires: that is over.
void settle_late(task_node& node, result_slot& slot, bool is_last) noexcept {
  if (!slot.settle()) {
    end_stopped(node, false);
    slot.settle_stopped();
  }
  if (is_last) {
    count_one(this_record().finished);
  }
}

void publish_each(task_node& node, bool is_body, runnable** next) noexcept {
  const std::size_t count = node.slot_count();
  for (std::size_t i = 0; i != count; ++i) {
    const bool is_last = i + 1 == count;
    if (is_body) {
      bool leaves_node = false;
      publish_outcome(node, *node.slot(i), is_last, leaves_node, next);
    } else {
      settle_late(node, *node.slot(i), is_last);
    }
  }
}

}  // namespace

namespace {

// `leaves_node`: the caller's reference to the node is to go, which may have been done on return.
[[gnu::always_inline]] inline void publish_here(task_node& node, bool& leaves_node,
                                                runnable** next) noexcept {
  const bool is_asked = std::exchange(leaves_node, false);
  if (is_suspended(node)) [[unlikely]] {
    open_wait(node, next);
    return;
  }
  if (has_attempts(node)) [[unlikely]] {
    if (node.is_to_run_again) {
      run_again_later(node);
      return;
    }
    end_rules(node);
  }
  if (node.gpu != nullptr) {
    publish_ordered(node, true);  // unless it was ordered
  }
  unlist_task(node);
  const bool is_body = node.body_has_outcome();
  if (!is_body) [[unlikely]] {
    node.let_early_end();  // who does that is not done with the slots
  }
  node.set_state(task_state::finished);
  if (node.is_stream) [[unlikely]] {
    publish_each(node, is_body, next);
    node.published();
    node.first_slot().end_hold();
  } else if (node.has_one_slot() && is_body) {
    leaves_node = is_asked;
    publish_outcome(node, node.first_slot(), true, leaves_node, next);
  } else {
    publish_each(node, is_body, next);
  }
}

}  // namespace

void publish(task_node& node, runnable** next) noexcept {
  const memory_needed needed;
  bool leaves_node = false;
  publish_here(node, leaves_node, next);
}

void publish_and_leave(task_node& node, runnable** next) noexcept {
  const memory_needed needed;
  bool leaves_node = true;
  publish_here(node, leaves_node, next);
  if (!leaves_node) {
    node.release_ref();
  }
}

namespace {

// The body of a claimed task that is_plain; the caller has noted the CPU.
[[gnu::always_inline]] inline void run_plain_body(task_node& node) noexcept {
  if (run_as<looks::fewest>(node, nullptr, node.id, [&] { node.invoke(); })) [[unlikely]] {
    end_failed(node);
  }
}

// Whether tasks may have to be stopped before they begin.
inline bool is_disturbed() noexcept {
  return is_draining() || cancel_tree::is_active();
}

// The same as publish_and_leave for a plain task.
[[gnu::always_inline]] inline void publish_plain(task_node& node, result_slot& slot,
                                                 runnable** next) noexcept {
  node.set_state(task_state::finished);
  bool leaves_node = true;
  publish_outcome(node, slot, true, leaves_node, next);
  if (!leaves_node) [[unlikely]] {
    node.release_ref();
  }
}

// A plain task on a permit that is noted. Takes over one reference.
[[gnu::always_inline]] inline void run_plain(task_node& node, runnable** next) noexcept {
  if (!node.claim(task_state::ready)) [[unlikely]] {
    node.release_ref();
    return;
  }
  result_slot& slot = node.first_slot();
  thread_record& record = this_record();
  record.uses_permit.store(true, std::memory_order_relaxed);
  run_plain_body(node);
  record.uses_permit.store(false, std::memory_order_relaxed);
  publish_plain(node, slot, next);
}

[[gnu::noinline]] void run_other(runnable& item, runnable** next) noexcept {
  if (item.is_turn) {
    static_cast<turn&>(item).take_turn();
    return;
  }
  auto& node = static_cast<task_node&>(item);
  if (node.claim(task_state::ready)) {
    const memory_needed needed;
    run_fast_body(node, cpu_hold::permit);
    publish_and_leave(node, next);
  } else {
    node.release_ref();
  }
}

}  // namespace

runnable* run_on_permit(runnable& item) noexcept {
  // Until all of it is done: a value that nobody wants goes here, and may wait for others as it
  // does.
  thread_state& self = this_thread_state;
  const cpu_hold outer = std::exchange(self.hold, cpu_hold::permit);
  runnable* next = nullptr;
  if (!item.is_turn && static_cast<task_node&>(item).is_plain && !is_disturbed()) [[likely]] {
    run_plain(static_cast<task_node&>(item), &next);
  } else {
    run_other(item, &next);
  }
  self.hold = outer;
  return next;
}

namespace {

// The same as publish_and_leave for a task that was nobody's but this thread's when it began. Its
// body may still have made copies of the ref, or have asked it to stop, by a name that both know.
[[gnu::always_inline]] inline void publish_to_owner(task_node& node,
                                                    result_slot& slot) noexcept {
  if (!slot.is_unshared()) [[unlikely]] {
    publish_and_leave(node);
    return;
  }
  node.set_state(task_state::finished);
  slot.publish_unshared(true);
  count_one(this_record().finished);
  if (slot.failed()) [[unlikely]] {
    failure_watcher::tell_all();  // the ref outlives a get that throws
  }
}

}  // namespace

void publish_slot(result_slot& slot) noexcept {
  const memory_needed needed;
  const bool failed = slot.failed();
  detail::dependent* first = nullptr;
  bool leaves_node = false;
  // Its maker has a reference, and nobody asks a slot without a task to stop.
  static_cast<void>(slot.settle_and_close(first, leaves_node));
  resume(first, failed, nullptr);
}

void publish_held(result_slot& slot) noexcept {
  publish_slot(slot);
  drop_if_stopped();
}

void publish_early(task_node& node, const std::exception_ptr& error) noexcept {
  const memory_needed needed;
  if (!node.take_outcome_early()) {
    return;
  }
  const std::size_t count = node.slot_count();
  for (std::size_t i = 0; i != count; ++i) {
    node.slot(i)->set_error(error);
    resume(node.slot(i)->close(), true, nullptr);
  }
  static_cast<void>(node.slot(0)->mark_stop());  // nobody wants what the body makes
  if (node.is_stream) {
    node.published();
  }
  if (node.gpu != nullptr) {
    publish_ordered(node, true);
  }
  node.end_early();
}

void finish_with_error(task_node& node, const std::exception_ptr& error) noexcept {
  node.fail(error);
  count_one(this_record().failed);
  publish(node);
}

void fail_ready_task(task_node& node, const std::exception_ptr& error) noexcept {
  const memory_needed needed;
  if (failing_tasks != nullptr) {
    failing_tasks->push_back({&node, error});
    return;
  }
  std::deque<failing_task> list{{&node, error}};
  failing_tasks = &list;
  for (; !list.empty(); list.pop_front()) {
    const failing_task& next = list.front();
    if (next.node->claim(task_state::ready)) {
      finish_with_error(*next.node, next.error ? next.error : next.node->first_failed_argument());
    }
    next.node->release_ref();
  }
  failing_tasks = nullptr;
}

bool waits_for_room() noexcept {
  return store_is_over_limit();
}

bool try_run_in_place(const result_slot& slot) noexcept {
  task_node* node = slot.producer();
  // A stream may have to wait for the very thread that would run it.
  if (node == nullptr || node->state() != task_state::ready || node->is_stream) {
    return false;
  }
  if (node->lane == task_lane::actor_call) {
    return the_actor_hooks.try_call_in_place(*node);
  }
  // Not one that may run again: the queue has it still, and may not get it twice. Nor one whose
  // outcome may come before the body's end: who waits is to have it then.
  if (node->info != nullptr && (node->keeps_arguments || node->may_end_early)) {
    return false;
  }
  borrowed_cpu cpu;
  if (node->lane != task_lane::fast || !cpu) {
    return false;
  }
  // As the newest of this thread it does not stay in the queue.
  work_deque<runnable>* const own = this_thread_state.deque;
  const bool is_out = own != nullptr && own->pop_if(node);
  const bool is_ours = node->claim(task_state::ready);
  if (is_ours) {
    run_fast_body(*node, cpu.hold());
    cpu.give_back();
    publish(*node);
  }
  if (is_out) {
    node->release_ref();  // the queue's
  }
  return is_ours && slot.is_ready();  // a coroutine may be suspended
}

namespace {

// The newest task of this thread, and the queue's reference to it.
[[gnu::noinline]] void run_newest_other(task_node& node, result_slot& slot,
                                        bool is_given_up) noexcept {
  const memory_needed needed;
  // If the ref that is given up is the only one as well, nobody else can come to the task: no claim
  // is needed, and no care in publishing.
  if (is_given_up && slot.is_unshared() && node.has_one_slot() && !node.is_listed) {
    node.set_state(task_state::claimed);
    run_fast_body(node, cpu_hold::permit);
    if (is_suspended(node)) [[unlikely]] {
      publish_and_leave(node);
    } else {
      publish_to_owner(node, slot);
    }
  } else if (node.claim(task_state::ready)) {
    run_fast_body(node, cpu_hold::permit);
    publish_and_leave(node);
  } else {
    node.release_ref();
  }
}

// The same for one that is plain, on a permit.
[[gnu::always_inline]] inline void run_newest_plain(task_node& node, result_slot& slot,
                                                    bool is_given_up) noexcept {
  const memory_needed needed;
  const bool is_owned = is_given_up && slot.is_unshared();
  if (!is_owned && !node.claim(task_state::ready)) [[unlikely]] {
    node.release_ref();
    return;
  }
  run_plain_body(node);
  if (is_owned) {
    publish_to_owner(node, slot);
  } else {
    publish_plain(node, slot, nullptr);
  }
}

}  // namespace

bool try_run_newest(result_slot& slot, bool is_given_up) noexcept {
  const thread_state& self = this_thread_state;
  task_node* const node = slot.producer();
  if (self.hold != cpu_hold::permit || node == nullptr || node->info != nullptr ||
      node->lane != task_lane::fast || node->is_stream || needs_watch(*node) ||
      !has_stack_for_nested_task() || self.deque == nullptr || !self.deque->pop_if(node)) {
    return false;
  }
  if (node->is_plain && !is_disturbed()) [[likely]] {
    run_newest_plain(*node, slot, is_given_up);
  } else {
    run_newest_other(*node, slot, is_given_up);
  }
  return slot.is_ready();
}

}  // namespace narke::internal
