#include "worker/gpu_task.hpp"

#include <atomic>
#include <memory>
#include <utility>

#include <narke/detail/gpu_part.hpp>
#include <narke/errors.hpp>
#include <narke/task.hpp>

#include "base/needed_memory.hpp"
#include "task/task_info.hpp"
#include "worker/attempts.hpp"
#include "worker/cancel_tree.hpp"
#include "worker/execute.hpp"
#include "worker/lent_cpus.hpp"
#include "worker/lifecycle.hpp"
#include "worker/placed_task.hpp"
#include "worker/placement_lane.hpp"

namespace narke::internal {

using detail::task_node;
using detail::task_state;

namespace {

// The engine's half of one GPU task. The node owns it; the engine and the lane have it only while
// they have a reference to the node.
class gpu_task final : public gpu_work {
 public:
  explicit gpu_task(task_node& node) : node_{node} {}

  task_node& node() noexcept { return node_; }
  placement_record& record() noexcept { return record_; }
  void set_call(std::shared_ptr<const granted_gpus> gpus) noexcept {
    set_gpus(std::move(gpus));
    is_call_ = true;
  }
  void wait_until_ordered() noexcept { is_ordered_.wait(false, std::memory_order_acquire); }

  void prepare(void (*visit)(void*, detail::array_buffer&), void* context) override {
    if (is_draining() || cancel_tree::is_active() || node_.slot(0)->is_marked_to_stop()) {
      if (const std::exception_ptr reason = reason_not_to_start(node_)) {
        std::rethrow_exception(reason);
      }
    }
    const memory_refusable users;
    node_.gpu->prepare_inputs(visit, context);
  }
  void run_body(gpu_context& gpu) noexcept override {
    run_gpu_body(node_, gpu, &gpus_->ids, node_.id);
  }
  bool try_rewind() noexcept override { return node_.gpu->try_rewind(); }
  bool body_failed() const noexcept override {
    return node_.has_ended_early() || (node_.outcome_is_decided() && node_.slot(0)->failed());
  }

  // A task that may run again gives nothing on before its end is seen: what made it fail may come
  // only then.
  void ordered() noexcept override {
    const bool is_told = !is_call_ && placement_lane::instance().ordered_if_nothing_waits(record_);
    if (!node_.keeps_arguments) {
      node_.gpu->let_go_inputs();
      if (!node_.has_ended_early()) {  // else whoever published early told those who wait
        publish_ordered(node_, body_failed());
      }
    }
    was_ordered_ = true;
    if (is_call_) {
      tell_ordered();
    } else if (!is_told) {
      placement_lane::instance().ordered(record_);
    }
  }

  void completed(const std::exception_ptr& error) noexcept override {
    timer_.stop();
    if (node_.keeps_arguments) {
      end_attempt(error);
    } else if (error != nullptr && !was_ordered_) {
      node_.fail(error);
      count_one(this_record().failed);
      publish_ordered(node_, true);
    } else if (error != nullptr && node_.body_has_outcome()) {
      // The values stay where consumers in stream order may be looking at them.
      set_error(error);
    }
    if (was_ordered_ && body_failed() && !node_.is_to_run_again) {
      count_one(this_record().failed);
    }
    if (is_call_) {
      tell_ordered();
    } else {
      placement_lane::instance().finished(record_);
    }
    task_node& node = node_;
    publish_and_leave(node);  // two attempts later this half is gone
  }

  /// The first attempt, and each further one, has a half of its own: the engine may still hold on
  /// to the last.
  void follow(std::unique_ptr<gpu_task> previous) noexcept {
    previous->previous_.reset();
    previous_ = std::move(previous);
  }
  void start_timer() noexcept { timer_.start(node_, rules_of(node_)); }
  void unopened(const std::exception_ptr& why) noexcept override;

  void set_place(const placement_record& granted) {
    share_id = granted.share;
    set_gpus(granted.gpus);
  }

 private:
  void set_gpus(std::shared_ptr<const granted_gpus> gpus) noexcept {
    gpus_ = std::move(gpus);
    devices = gpus_->indices;
  }
  void set_error(const std::exception_ptr& error) noexcept {
    for (std::size_t i = 0; i != node_.slot_count(); ++i) {
      node_.slot(i)->set_error(error);
    }
  }
  // Of a task that may run again, of which nobody has seen anything.
  void end_attempt(const std::exception_ptr& error) noexcept {
    if (error != nullptr && node_.body_has_outcome()) {
      set_error(error);
    }
    decide_another_attempt(node_);
    if (!node_.is_to_run_again) {
      if (!was_ordered_ && body_failed()) {
        count_one(this_record().failed);
      }
      publish_ordered(node_, body_failed());
    }
  }
  void tell_ordered() noexcept {
    is_ordered_.store(true, std::memory_order_release);
    is_ordered_.notify_all();
  }

  task_node& node_;
  attempt_timer timer_;
  std::unique_ptr<gpu_task> previous_;
  placement_record record_;
  std::shared_ptr<const granted_gpus> gpus_;
  bool is_call_ = false;
  bool was_ordered_ = false;             // the engine's thread alone
  std::atomic<bool> is_ordered_{false};  // of an actor's call: its turn waits for it
};

// The engine's half of a task is made when the task is ready, by the thread that makes it so: in a
// chain that is the device's own, which then has it in its caches. Until then somebody may already
// want the task's end. In gpu_part::work:
//  1. null: nobody has asked, there is no half.
//  2. wanted_mark: somebody has asked. From null, by whoever asks, in one step.
//  3. the half. From either by exchange; who finds the mark there has the half know it. Who asks
//     from now on finds the half.
char wanted_mark = 0;

std::atomic_ref<void*> half_of(const task_node& node) noexcept {
  return std::atomic_ref{node.gpu->work};
}
bool is_half(const void* work) noexcept {
  return work != nullptr && work != &wanted_mark;
}

/// Null: there is none yet.
gpu_task* find_task_of(const task_node& node) noexcept {
  void* const work = half_of(node).load(std::memory_order_acquire);
  return is_half(work) ? static_cast<gpu_task*>(work) : nullptr;
}
/// Requires: it was made.
gpu_task& task_of(const task_node& node) noexcept {
  return *find_task_of(node);
}

void want(task_node& node) noexcept {
  void* found = nullptr;
  if (!half_of(node).compare_exchange_strong(found, &wanted_mark, std::memory_order_acq_rel,
                                             std::memory_order_acquire) &&
      found != &wanted_mark) {
    gpu_engine::instance().want(*static_cast<gpu_task*>(found));
  }
}
task_node& node_of(const placement_record& record) noexcept {
  return *static_cast<task_node*>(record.owner);
}

// Whoever cancels claims first, and leaves a record that was granted to this.
void on_granted(placement_record& record) noexcept {
  task_node& node = node_of(record);
  if (!node.claim(task_state::ready)) {
    placement_lane::instance().finished(record);
    node.release_ref();
    return;
  }
  node.set_state(task_state::running);  // on its device, for everybody who asks
  gpu_task& work = task_of(node);
  work.set_place(record);
  work.start_timer();
  gpu_engine::instance().submit(work);
}

// The device is out of use, and the lane knows. Another may do; it is asked for as if for the first
// time. Whoever cancels meanwhile claims the task, and the grant finds it claimed.
void gpu_task::unopened(const std::exception_ptr& why) noexcept {
  placement_lane& lane = placement_lane::instance();
  timer_.stop();
  if (is_call_ || node_.has_ended_early() || lane.infeasible_reason(*record_.request)) {
    completed(why);
    return;
  }
  lane.finished(record_);
  record_.gpus = nullptr;
  record_.share = 0;
  node_.set_state(task_state::ready);
  lane.submit(record_);
}

void on_lost(placement_record& record) noexcept;

// By shutdown; or, of another attempt, by a machine that has lost what it needs.
void on_dropped(placement_record& record) noexcept {
  if (is_draining()) {
    fail_ready_task(node_of(record), dropped_by_shutdown());
  } else {
    on_lost(record);
  }
}

void on_lost(placement_record& record) noexcept {
  fail_ready_task(node_of(record), no_place_left(node_of(record)));
}

// What placement looks at: where GPU tasks make the inputs, and which of them is the last.
void note_producers(const task_node& node, placement_record& record) {
  node.visit_arguments(
      [](void* context, const detail::result_slot& slot) {
        auto& to = *static_cast<placement_record*>(context);
        const task_node* producer = slot.producer();
        if (producer != nullptr && producer->gpu != nullptr) {
          const gpu_task* made_by = find_task_of(*producer);
          if (made_by != nullptr && !made_by->devices.empty()) {
            to.inputs.add(made_by->devices.front(),
                          static_cast<std::int64_t>(made_by->reached_bytes()));
            if (!slot.is_ready() && producer->lane == detail::task_lane::placement) {
              to.follows = producer->id;
            }
          }
        }
        return true;
      },
      &record);
}

void (*the_gpu_lookup)() noexcept = nullptr;  // written once, before there are tasks

}  // namespace

void look_gpus_up() noexcept {
  if (the_gpu_lookup != nullptr) {
    the_gpu_lookup();
  }
}

void announce_gpu_task(task_node& node) noexcept {
  gpu_tasks_exist.store(true, std::memory_order_relaxed);
  node.gpu->destroy_work = [](void* half) noexcept {
    if (is_half(half)) {
      delete static_cast<gpu_task*>(half);
    }
  };
}

namespace {

gpu_task& make_task_of(task_node& node) noexcept {
  auto* work = new gpu_task{node};
  work->key = node.gpu->callable_id();
  if (node.info != nullptr) {
    work->gpu_memory_bytes = static_cast<std::uint64_t>(node.info->request().gpu_memory_bytes);
    work->label = node.info->name().empty() ? node.location.file_name() : node.info->trace_name();
  }
  void* const before = half_of(node).exchange(work, std::memory_order_acq_rel);
  bool is_wanted = before == &wanted_mark;
  if (is_half(before)) {
    std::unique_ptr<gpu_task> previous{static_cast<gpu_task*>(before)};
    is_wanted = previous->is_wanted.load(std::memory_order_acquire);
    work->follow(std::move(previous));
  }
  if (is_wanted) {
    work->is_wanted.store(true, std::memory_order_release);
  }
  return *work;
}

}  // namespace

void submit_gpu_task(task_node& node) noexcept {
  placement_record& record = make_task_of(node).record();
  record.id = node.id;
  record.request = &node.info->request();
  record.submitted_ticks = node.submitted_ticks;
  record.priority = node.info->priority();
  record.granted = on_granted;
  record.dropped = on_dropped;
  record.lost = on_lost;
  record.owner = &node;
  record.task = &node;
  record.in_stream_order = true;
  note_producers(node, record);
  placement_lane::instance().submit(record);
}

std::vector<int> gpu_devices_of(const task_node& node) {
  const gpu_task* work = find_task_of(node);
  return work != nullptr ? std::vector<int>{work->devices.begin(), work->devices.end()}
                         : std::vector<int>{};
}

void run_gpu_call(task_node& node, std::uint64_t share,
                  std::shared_ptr<const granted_gpus> gpus) noexcept {
  if (gpus == nullptr || gpus->indices.empty()) {
    finish_with_error(node, std::make_exception_ptr(error{
                                display_name(node) + " takes a gpu_context, and its actor has no "
                                                     "GPU: give the actor num_gpus"}));
    node.release_ref();
    return;
  }
  gpu_task& work = make_task_of(node);
  work.share_id = share;
  work.set_call(std::move(gpus));
  node.add_ref();  // the work is looked at after its end
  gpu_engine::instance().submit(work);
  {
    const blocked_section blocked;
    work.wait_until_ordered();
  }
  node.release_ref();
}

void connect_gpu_engine(void (*know_gpus)() noexcept) noexcept {
  the_gpu_lookup = know_gpus;
  the_gpu_wait_hooks.begin = []() -> void* { return new blocked_section; };
  the_gpu_wait_hooks.end = [](void* begun) noexcept {
    delete static_cast<blocked_section*>(begun);
  };
  gpu_engine::instance().on_device_lost = [](int device, const std::exception_ptr&) noexcept {
    placement_lane::instance().device_lost(device);
  };
  detail::the_completion_wanted_hook = want;
}

}  // namespace narke::internal

namespace narke::detail {

// Where the inputs are there and the queue is short. Without a GPU there is no choice.
bool gpu_is_the_better_place(const task_info& gpu_info, const result_slot* const* inputs,
                             std::size_t count) noexcept {
  internal::look_gpus_up();
  internal::gpu_engine& engine = internal::gpu_engine::instance();
  if (engine.device_count() == 0 ||
      internal::placement_lane::instance().infeasible_reason(gpu_info.request())) {
    return false;
  }
  std::size_t shortest = SIZE_MAX;
  for (int device = 0; device != engine.device_count(); ++device) {
    shortest = std::min(shortest, engine.queue_length(device));
  }
  for (std::size_t i = 0; i != count; ++i) {
    const task_node* producer = inputs[i]->producer();
    if (producer != nullptr && producer->gpu != nullptr) {
      return true;  // its result is on a GPU, or will be
    }
  }
  constexpr std::size_t short_queue = 4;
  return shortest < short_queue;
}

}  // namespace narke::detail
