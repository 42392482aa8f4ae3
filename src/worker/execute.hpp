// Running, dropping and submitting tasks: the steps in a task's life that are the same in every
// lane.
#pragma once

#include <exception>
#include <string>

#include <narke/detail/gpu_part.hpp>
#include <narke/detail/task_node.hpp>

#include "worker/lifecycle.hpp"
#include "worker/thread_state.hpp"

namespace narke::internal {

/// Runs an item of the queues on a permit of this worker: a task or an actor's turn. Takes over the
/// queue's reference. Returns a task that became ready by it and is best run next, here.
[[nodiscard]] detail::runnable* run_on_permit(detail::runnable& item) noexcept;
/// The same for an item that was handed over, on the CPUs that the placement lane gave to it.
void run_without_permit(detail::runnable& item) noexcept;

/// Runs a claimed task on this thread and fills its slots, but publishes nothing. While the runtime
/// shuts down the body is not run. `gpu_ids`: null for none. `submitter_id`: of the actor calls
/// that the body makes.
void run_body(detail::task_node& node, const std::vector<int>* gpu_ids,
              std::uint64_t submitter_id) noexcept;
/// Why a task that is about to run must not: shutdown, or it was cancelled; null when it may.
[[nodiscard]] std::exception_ptr reason_not_to_start(detail::task_node& node) noexcept;
/// What `get` of a cancelled task throws.
[[nodiscard]] std::exception_ptr cancelled_error(const detail::task_node& node);
// The steps after a body, for those who go through them apart from run_body.

/// As far as the body has come, on its thread: nobody else looks at the slots.
[[nodiscard]] bool has_failed(detail::task_node& node) noexcept;
/// What others knew of the task while its body ran.
void end_relations(execution& running) noexcept;
/// A body that has failed, and will not be called again.
void end_failed(detail::task_node& node) noexcept;
/// What a task is called in the trace: its name, else the file of its `remote`.
[[nodiscard]] const char* trace_name(const detail::task_node& node) noexcept;
/// In the trace: `to` goes on with what is in `from`; begins with its arguments.
void record_flow(const detail::task_node& to, const detail::result_slot& from,
                 std::uint64_t ticks);
void record_flows(const detail::task_node& node, std::uint64_t ticks);

/// The same as run_body for the body of a GPU task, on the thread that submits for its device.
void run_gpu_body(detail::task_node& node, gpu_context& gpu, const std::vector<int>* gpu_ids,
                  std::uint64_t submitter_id) noexcept;
/// Sends the GPU tasks that wait for the work of `node` to be enqueued to their lanes. Once; later
/// calls do nothing.
void publish_ordered(detail::task_node& node, bool failed) noexcept;
/// Lets everybody see the results: closes the slots and sends the tasks that waited to their lanes.
/// The first of them that any worker may run is put into `*next` instead, when that is given and
/// empty. A task that is to run again is put aside for that.
void publish(detail::task_node& node, detail::runnable** next = nullptr) noexcept;
/// The same, and gives up one reference to the node.
void publish_and_leave(detail::task_node& node, detail::runnable** next = nullptr) noexcept;
/// Counts the task as finished whose last slot this thread has just closed, unless that is done.
void count_finish() noexcept;
/// Publishes a slot that no task fills. Requires: its value or error is there, and the caller keeps
/// a reference.
void publish_slot(detail::result_slot& slot) noexcept;
/// Fills the slots of a claimed task with `error` and publishes them. The body never runs.
void finish_with_error(detail::task_node& node, const std::exception_ptr& error) noexcept;

/// Fails a task that is ready and that nobody has claimed, with `error`, or with that of its first
/// failed argument. Takes over one reference. Never recurses, however long a chain fails.
void fail_ready_task(detail::task_node& node, const std::exception_ptr& error) noexcept;
/// The same as publish_slot, for the slot of a promise.
void publish_held(detail::result_slot& slot) noexcept;
/// The entry of a task, taken off the list of an argument while the runtime drains: the task is
/// dropped; one that waits for it in a co_await goes on, to its end.
void drop_waiting(detail::dependent& entry) noexcept;
/// Publishes `error` for a task whose body still runs, unless the body was first. Requires:
/// may_end_early, a reference.
void publish_early(detail::task_node& node, const std::exception_ptr& error) noexcept;

/// Marks this thread as running on a CPU, as reports and blocked_section see it. It ends before
/// results are published.
class cpu_scope {
 public:
  /// `is_counted`: whether reports show a permit as in use.
  cpu_scope(cpu_hold hold, placement_record* placement, bool is_counted = true) noexcept
      : outer_hold_{this_thread_state.hold},
        outer_placement_{this_thread_state.placement},
        record_{this_record()},
        outer_uses_permit_{record_.uses_permit.load(std::memory_order_relaxed)} {
    this_thread_state.hold = hold;
    this_thread_state.placement = placement;
    record_.uses_permit.store(is_counted && hold == cpu_hold::permit, std::memory_order_relaxed);
  }
  cpu_scope(const cpu_scope&) = delete;
  cpu_scope& operator=(const cpu_scope&) = delete;
  ~cpu_scope() {
    this_thread_state.hold = outer_hold_;
    this_thread_state.placement = outer_placement_;
    record_.uses_permit.store(outer_uses_permit_, std::memory_order_relaxed);
  }

 private:
  const cpu_hold outer_hold_;
  placement_record* const outer_placement_;
  thread_record& record_;
  const bool outer_uses_permit_;
};

/// A task, from the moment that `remote` made it. Takes over one reference.
void submit_node(detail::task_node& node, detail::task_lane lane) noexcept;

/// Sends a task whose arguments are ready to its lane, which takes over one reference; or puts it
/// into `*next`, as publish does.
void send_to_lane(detail::task_node& node, detail::runnable** next) noexcept;
/// The last argument of `node` is ready: it goes on its way, or fails. As send_to_lane.
void arguments_are_ready(detail::task_node& node, detail::runnable** next) noexcept;
/// One thing less that `node` waits for; it goes on when that was the last.
void one_argument_less(detail::task_node& node) noexcept;
/// The same, in a step of publish(), with its `next`.
void one_argument_ready(detail::task_node& node, detail::runnable** next) noexcept;
/// A task that was made ready goes to its lane. Takes over one reference.
void send_ready_task(detail::task_node& node) noexcept;

void drop_slowly() noexcept;
/// After something was queued: drops it when shutdown was faster, and no worker is left to take it.
inline void drop_if_stopped() noexcept {
  if (current_phase.load(std::memory_order_seq_cst) == runtime_phase::stopped) [[unlikely]] {
    drop_slowly();
  }
}

/// Whether tasks that have not begun are held back, as the object store is over its limit.
bool waits_for_room() noexcept;

/// Runs the task that fills `slot` on this thread, if nobody has started it and a CPU is to be had.
/// Whether it did, to its end.
bool try_run_in_place(const detail::result_slot& slot) noexcept;
/// The same for the newest task of a worker, which is nothing but a task: quick, and it does not
/// stay in the queue. `is_given_up`: the caller has a reference to the slot that nobody else looks
/// at.
bool try_run_newest(detail::result_slot& slot, bool is_given_up) noexcept;

/// What the actor layer does, as this layer cannot call it: set once, when the library is loaded.
struct actor_hooks {
  void (*call_is_ready)(detail::task_node& call) noexcept = nullptr;
  bool (*try_call_in_place)(detail::task_node& call) noexcept = nullptr;
  void (*forget_held)(detail::task_node& call) noexcept = nullptr;
  std::string (*why_call_waits)(const detail::task_node& call) = nullptr;
  std::string (*actor_name)(const void* actor) = nullptr;
  /// Of a call that may be given again, on the thread that ran it, its slots filled: whether it was
  /// lost with its actor, and has another attempt left.
  bool (*was_call_lost)(const detail::task_node& call) noexcept = nullptr;
  /// Such a call, emptied: its actor has it back. Takes a reference of its own.
  void (*give_again)(detail::task_node& call) noexcept = nullptr;
  /// A call that might have been given again is about to be published.
  void (*call_is_settled)(detail::task_node& call) noexcept = nullptr;
  /// Appends the calls that run now on the actor of `call`. False when it has a turn to give.
  bool (*list_running)(const detail::task_node& call,
                       std::vector<const detail::task_node*>& to) = nullptr;
  /// By which the actor of `call` holds its resources, or asks for them; 0: neither.
  std::uint64_t (*ticket_of)(const detail::task_node& call) = nullptr;
};
extern constinit actor_hooks the_actor_hooks;

/// Ends a body that does not run on a thread of this process, by `why`: what cancel with `force`
/// asks for, and a timeout. Returns once that is sure; does nothing for other tasks. Null: nothing
/// runs so. Any thread; the task is claimed, and not finished or a moment ago.
using force_end = void (*)(detail::task_node& node, const std::exception_ptr& why) noexcept;
extern constinit force_end the_force_end_hook;

}  // namespace narke::internal
