#include "actor/actor_core.hpp"

#include <algorithm>
#include <utility>

#include <fmt/format.h>

#include <narke/errors.hpp>

#include "base/ticks.hpp"
#include "task/task_info.hpp"
#include "worker/execute.hpp"
#include "worker/gpu_task.hpp"
#include "worker/lifecycle.hpp"
#include "worker/thread_state.hpp"

namespace narke::detail {

using internal::actor_registry;
using internal::cpu_hold;
using internal::placement_lane;
using internal::quantity;
using internal::worker_pool;

namespace {

constexpr int calls_per_turn = 64;  // then others in the queue have theirs

bool asks_for_something(const internal::resource_request& request) noexcept {
  return !request.cpus.is_zero() || !request.gpus.is_zero() || request.memory_bytes != 0 ||
         !request.custom.empty();
}

}  // namespace

actor_core::actor_core(const actor_options& options, const std::type_info& type)
    : name_{options.name},
      type_{type},
      request_{internal::request_from(options, 0)},
      methods_take_permit_{!options.num_cpus.has_value()},
      max_concurrency_{static_cast<std::size_t>(double{options.max_concurrency})},
      is_detached_{options.lifetime == actor_lifetime::detached} {
  record_.id = internal::next_id();
  record_.request = &request_;
  record_.for_life = true;
  record_.owner = this;
  record_.granted = [](internal::placement_record& record) noexcept {
    auto& self = *static_cast<actor_core*>(record.owner);
    {
      const std::lock_guard lock{self.mutex_};
      self.is_asking_ = false;
      self.is_placed_ = true;
    }
    self.open();
    self.release_ref();
  };
  record_.dropped = [](internal::placement_record& record) noexcept {
    auto& self = *static_cast<actor_core*>(record.owner);
    {
      const std::lock_guard lock{self.mutex_};
      self.is_asking_ = false;
    }
    self.die(internal::dropped_by_shutdown());
    self.release_ref();
  };
  if (is_detached_) {
    add_handle();  // let go when the actor dies
  }
}

bool actor_core::try_add_handle() noexcept {
  std::uint32_t seen = handles_.load(std::memory_order_acquire);
  while (seen != 0) {
    if (handles_.compare_exchange_weak(seen, seen + 1, std::memory_order_acq_rel,
                                       std::memory_order_acquire)) {
      return true;
    }
  }
  return false;
}

void actor_core::release_handle() noexcept {
  if (handles_.fetch_sub(1, std::memory_order_acq_rel) != 1) {
    return;
  }
  actor_registry::free_name(*this);
  {
    const std::lock_guard lock{mutex_};
    no_handles_ = true;
  }
  end_if_done();
  release_ref();
}

void actor_core::release_ref() noexcept {
  if (refs_.fetch_sub(1, std::memory_order_acq_rel) == 1) {
    delete this;
  }
}

void actor_core::submit_constructor(task_node& node) noexcept {
  add_ref();
  node.lane_data = this;
  node.may_end_early = true;
  {
    const std::lock_guard lock{mutex_};
    if (phase_ == phase::dead) {
      node.has_ref_arguments = false;  // found by its name and killed already: it fails at once
    } else {
      constructor_ = &node;
    }
  }
  internal::submit_node(node, task_lane::actor_call);
  fail_if_dead(node);
}

void actor_core::submit_call(task_node& node) noexcept {
  add_ref();
  node.lane_data = this;
  node.may_end_early = true;
  const std::uint64_t submitter = internal::this_submitter_id();
  {
    const std::lock_guard lock{mutex_};
    if (phase_ == phase::dead) {
      node.has_ref_arguments = false;  // it fails at once, whatever its arguments do
    } else if (node.has_ref_arguments || lines_.contains(submitter)) {
      line& its = lines_[submitter];
      held_.emplace(&node, place_in_line{submitter, its.insert(its.end(), {&node, false})});
    }
  }
  internal::submit_node(node, task_lane::actor_call);
  fail_if_dead(node);
}

// The actor may have died while `node` was on its way to the lists of its arguments.
void actor_core::fail_if_dead(task_node& node) noexcept {
  if (!node.has_ref_arguments) {
    return;
  }
  std::exception_ptr dead;
  {
    const std::lock_guard lock{mutex_};
    dead = phase_ == phase::dead ? death_error_locked() : nullptr;
  }
  if (dead) {
    fail_waiting(node, dead);
  }
}

// The queue's reference to `node` is the caller's until the call stands in the mailbox or in its
// line as ready; from then on, and outside the lock, the node may be gone at any time.
void actor_core::call_is_ready(task_node& node) noexcept {
  actor_turn* turn = nullptr;
  std::exception_ptr dead;
  bool asks = false;
  add_ref();
  {
    const std::lock_guard lock{mutex_};
    if (phase_ == phase::dead) {
      dead = death_error_locked();
    } else if (&node == constructor_) {
      asks = constructor_is_ready_locked(node);
      turn = next_turn_locked();
    } else {
      if (const auto held = held_.find(&node); held != held_.end()) {
        held->second.position->is_ready = true;
        move_ready_locked(held->second.submitter);
      } else {
        mailbox_.push_back(&node);
      }
      turn = next_turn_locked();
    }
  }
  if (dead) {
    internal::fail_ready_task(node, dead);
  } else if (asks) {
    placement_lane::instance().submit(record_);
  }
  schedule(turn);
  release_ref();
}

void actor_core::move_ready_locked(std::uint64_t submitter) noexcept {
  const auto found = lines_.find(submitter);
  line& its = found->second;
  while (!its.empty() && its.front().is_ready) {
    mailbox_.push_back(its.front().node);
    held_.erase(its.front().node);
    its.pop_front();
  }
  if (its.empty()) {
    lines_.erase(found);
  }
}

// The constructor has its arguments: now the resources. One that will fail needs none.
bool actor_core::constructor_is_ready_locked(task_node& node) {
  constructor_has_arguments_ = true;
  if (asks_for_something(request_) && !node.argument_failed()) {
    is_asking_ = true;
    add_ref();
    record_.submitted_ticks = node.submitted_ticks;
    return true;
  }
  phase_ = phase::constructing;
  mailbox_.push_front(std::exchange(constructor_, nullptr));
  return false;
}

void actor_core::open() noexcept {
  actor_turn* turn = nullptr;
  {
    const std::lock_guard lock{mutex_};
    if (phase_ == phase::arriving) {
      phase_ = phase::constructing;
      mailbox_.push_front(std::exchange(constructor_, nullptr));
      turn = next_turn_locked();
    }
  }
  schedule(turn);
  end_if_done();  // it may have died while it waited
}

std::size_t actor_core::allowed_locked() const noexcept {
  switch (phase_) {
    case phase::arriving:
    case phase::dead:
      return 0;
    case phase::constructing:
      return 1;
    case phase::alive:
      return max_concurrency_;
  }
  return 0;
}

actor_core::actor_turn* actor_core::next_turn_locked() {
  if (mailbox_.empty() || scheduled_ + in_place_ >= allowed_locked()) {
    return nullptr;
  }
  if (idle_turns_.empty()) {
    idle_turns_.push_back(&turns_.emplace_back(*this));
  }
  actor_turn* turn = idle_turns_.back();
  idle_turns_.pop_back();
  ++scheduled_;
  add_ref();
  return turn;
}

void actor_core::schedule(actor_turn* turn) noexcept {
  if (turn == nullptr) {
    return;
  }
  turn->submitted_ticks = internal::ticks_now();
  if (methods_take_permit_) {
    worker_pool::instance().push(*turn);
  } else {
    worker_pool::instance().hand_over(*turn);
  }
}

cpu_hold actor_core::hold_of_methods() const noexcept {
  if (methods_take_permit_) {
    return cpu_hold::permit;
  }
  // CPUs held for life are lent out while the only method waits; of several methods none can say so
  // alone.
  return !request_.cpus.is_zero() && max_concurrency_ == 1 ? cpu_hold::placement : cpu_hold::none;
}

task_node* actor_core::begin_call_locked() noexcept {
  if (mailbox_.empty() || running_.size() >= allowed_locked()) {
    return nullptr;
  }
  task_node* node = mailbox_.front();
  mailbox_.pop_front();
  running_.push_back(node);
  return node;
}

void actor_core::take_turn(actor_turn& turn) noexcept {
  bool again = true;
  for (int i = 0; again && i != calls_per_turn; ++i) {
    task_node* node = nullptr;
    actor_turn* another = nullptr;
    {
      const std::lock_guard lock{mutex_};
      node = begin_call_locked();
      another = next_turn_locked();  // for calls that came while fewer were allowed
    }
    schedule(another);
    if (node != nullptr) {
      run_call(*node, hold_of_methods(), nullptr);
    }
    again = node != nullptr;
  }
  {
    const std::lock_guard lock{mutex_};
    again = !mailbox_.empty() && running_.size() < allowed_locked();
    if (!again) {
      --scheduled_;
      idle_turns_.push_back(&turn);
    }
  }
  if (again) {
    schedule(&turn);
    return;
  }
  {
    // The destructor of the state may wait like a method; it is not counted as one.
    const internal::cpu_scope cpu{hold_of_methods(), &record_, false};
    end_if_done();
  }
  release_ref();
}

bool actor_core::try_call_in_place(task_node& node) noexcept {
  internal::borrowed_cpu cpu;
  if (!cpu || !methods_take_permit_ || node.gpu != nullptr) {
    return false;
  }
  {
    const std::lock_guard lock{mutex_};
    if (phase_ != phase::alive || mailbox_.empty() || mailbox_.front() != &node ||
        begin_call_locked() == nullptr) {
      return false;
    }
    ++in_place_;
    add_ref();
  }
  run_call(node, cpu.hold(), &cpu);
  actor_turn* turn = nullptr;
  {
    const std::lock_guard lock{mutex_};
    --in_place_;
    turn = next_turn_locked();
  }
  schedule(turn);
  end_if_done();
  release_ref();
  return true;
}

// Takes over the mailbox's reference to `node`.
void actor_core::run_call(task_node& node, cpu_hold hold,
                          internal::borrowed_cpu* borrowed) noexcept {
  const bool is_ours = node.claim(task_state::ready);
  if (is_ours && node.gpu != nullptr) {
    run_gpu_call(node, hold);
    return;
  }
  if (is_ours) {
    const internal::cpu_scope cpu{hold, hold == cpu_hold::placement && !methods_take_permit_
                                            ? &record_
                                            : internal::this_thread_state.placement};
    internal::run_body(node, record_.gpu_ids(), node.id);
  }
  end_call(node);
  if (borrowed != nullptr) {
    borrowed->give_back();
  }
  if (is_ours) {
    internal::publish(node);
  }
  node.release_ref();
}

// A GPU method is over for the actor when its work is enqueued: methods run in stream order. The
// engine publishes the results, at the end of the stream.
void actor_core::run_gpu_call(task_node& node, cpu_hold hold) noexcept {
  node.add_ref();
  {
    const internal::cpu_scope cpu{hold, hold == cpu_hold::placement && !methods_take_permit_
                                            ? &record_
                                            : internal::this_thread_state.placement};
    constexpr std::uint64_t own_share = std::uint64_t{1} << 63;  // beyond those of the lane
    internal::run_gpu_call(node, record_.id | own_share, record_.gpus);
  }
  end_call(node);
  node.release_ref();
}

// Before its results are published: who then calls again finds the actor free.
void actor_core::end_call(task_node& node) noexcept {
  std::exception_ptr cause;
  {
    const std::lock_guard lock{mutex_};
    running_.erase(std::find(running_.begin(), running_.end(), &node));
    if (phase_ != phase::constructing) {
      return;
    }
    cause = node.slot(0)->error();
    if (cause == nullptr) {
      phase_ = phase::alive;
      return;
    }
  }
  die(cause);
}

void actor_core::set_state(void* state, void (*destroy)(void*) noexcept) noexcept {
  state_ = state;
  destroy_ = destroy;
}

bool actor_core::is_alive() const noexcept {
  const std::lock_guard lock{mutex_};
  return phase_ != phase::dead;
}

std::string actor_core::why_call_waits(const task_node& node) const {
  const std::lock_guard lock{mutex_};
  if (phase_ == phase::arriving) {
    return fmt::format("{} waits for {}", display_name(),
                       is_asking_ ? "its resources" : "the arguments of its constructor");
  }
  if (const auto held = held_.find(&node); held != held_.end()) {
    return held->second.position->is_ready
               ? "an earlier call of the same submitter waits for an argument, and calls keep "
                 "their order"
               : "it waits for an argument";
  }
  const auto place = std::find(mailbox_.begin(), mailbox_.end(), &node);
  return place == mailbox_.end()
             ? std::string{"its turn has come"}
             : fmt::format("{} calls are before it in the mailbox of {}, and {} run",
                           place - mailbox_.begin(), display_name(), running_.size());
}

std::string actor_core::display_name() const {
  return name_.empty() ? std::string{"an actor without a name"} : fmt::format("actor '{}'", name_);
}

std::exception_ptr actor_core::death_error_locked() const {
  if (cause_ == nullptr) {
    return std::make_exception_ptr(
        actor_died_error{fmt::format("{} is dead: it was killed, or the runtime was shut down. "
                                     "Make another by actor<T>().remote(…)",
                                     display_name())});
  }
  std::string what = "it threw something that is not a std::exception";
  try {
    std::rethrow_exception(cause_);
  } catch (const std::exception& thrown) {
    what = thrown.what();
  } catch (...) {  // named above
  }
  return std::make_exception_ptr(actor_died_error{
      fmt::format("{} is dead: its constructor failed: {}", display_name(), what), cause_});
}

// A call on the lists of its arguments: it stays there, and they let it go. If its last argument is
// ready at this moment, then its call_is_ready is under way and fails it.
void actor_core::fail_waiting(task_node& node, const std::exception_ptr& error) noexcept {
  if (node.claim(task_state::waiting)) {
    internal::finish_with_error(node, error);
  }
}

void actor_core::die(const std::exception_ptr& cause) noexcept {
  std::vector<task_node*> ready;    // with the queue's reference
  std::vector<task_node*> waiting;  // with one of our own
  std::vector<task_node*> running;  // with one of our own
  std::exception_ptr error;
  bool was_asking = false;
  {
    const std::lock_guard lock{mutex_};
    if (phase_ == phase::dead) {
      return;
    }
    phase_ = phase::dead;
    cause_ = cause;
    error = death_error_locked();
    ready.assign(mailbox_.begin(), mailbox_.end());
    mailbox_.clear();
    for (const auto& [submitter, its] : lines_) {
      for (const held_call& held : its) {
        (held.is_ready ? ready : waiting).push_back(held.node);
      }
    }
    lines_.clear();
    held_.clear();
    if (constructor_ != nullptr) {
      (constructor_has_arguments_ ? ready : waiting)
          .push_back(std::exchange(constructor_, nullptr));
    }
    running = running_;
    for (task_node* node : running) {
      node->add_ref();
    }
    for (task_node* node : waiting) {
      node->add_ref();
    }
    was_asking = is_asking_;
    add_ref();
  }
  actor_registry::free_name(*this);
  if (was_asking && placement_lane::instance().withdraw(record_.id) != nullptr) {
    const std::lock_guard lock{mutex_};
    is_asking_ = false;
    refs_.fetch_sub(1, std::memory_order_acq_rel);  // never the last: this call has one
  }
  for (task_node* node : running) {
    internal::publish_early(*node, error);
    node->release_ref();
  }
  for (task_node* node : ready) {
    internal::fail_ready_task(*node, error);
  }
  for (task_node* node : waiting) {
    fail_waiting(*node, error);
    node->release_ref();
  }
  if (is_detached_) {
    release_handle();  // the one from the constructor: an actor dies once
  }
  end_if_done();
  release_ref();
}

void actor_core::forget_held(task_node& node) noexcept {
  actor_turn* turn = nullptr;
  {
    const std::lock_guard lock{mutex_};
    if (const auto held = held_.find(&node); held != held_.end()) {
      const place_in_line place = held->second;
      held_.erase(held);
      lines_.at(place.submitter).erase(place.position);
      move_ready_locked(place.submitter);
      turn = next_turn_locked();
    }
  }
  schedule(turn);
  end_if_done();
}

bool actor_core::is_done_locked() const noexcept {
  return (phase_ == phase::dead || no_handles_) && constructor_ == nullptr && !is_asking_ &&
         mailbox_.empty() && lines_.empty() && running_.empty() && scheduled_ == 0 &&
         in_place_ == 0 && !is_ended_;
}

namespace {

// Actors whose states are to go, on this thread. A state may hold the last handle of another actor,
// and so on: the outermost call works the list off, which lies on its stack; calls inside append.
constinit thread_local std::deque<actor_core*>* ending_actors = nullptr;

}  // namespace

void actor_core::end_if_done() noexcept {
  {
    const std::lock_guard lock{mutex_};
    if (!is_done_locked()) {
      return;
    }
    is_ended_ = true;
    phase_ = phase::dead;
  }
  add_ref();
  if (ending_actors != nullptr) {
    ending_actors->push_back(this);
    return;
  }
  std::deque<actor_core*> list{this};
  ending_actors = &list;
  for (; !list.empty(); list.pop_front()) {
    list.front()->end();
  }
  ending_actors = nullptr;
}

// The user's destructor runs here, and then the resources go back.
void actor_core::end() noexcept {
  if (state_ != nullptr) {
    destroy_(std::exchange(state_, nullptr));
  }
  if (std::exchange(is_placed_, false)) {
    placement_lane::instance().finished(record_);
  }
  actor_registry::remove(*this);
  release_ref();
}

}  // namespace narke::detail
