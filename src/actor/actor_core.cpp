#include "actor/actor_core.hpp"

#include <algorithm>
#include <stdexcept>
#include <string>
#include <utility>

#include <fmt/format.h>

#include <narke/errors.hpp>

#include "base/needed_memory.hpp"
#include "base/service_thread.hpp"
#include "base/ticks.hpp"
#include "task/task_info.hpp"
#include "worker/execute.hpp"
#include "worker/gpu_task.hpp"
#include "worker/lent_cpus.hpp"
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
         !request.custom.empty() || request.in_group != 0;
}

std::size_t concurrency_of(const actor_options& options) {
  double all = options.max_concurrency;
  for (const auto& [name, limit] : options.concurrency_groups) {
    all += limit;
  }
  return static_cast<std::size_t>(all);
}

// What calls follow that may be given again so often.
task_info_ref info_with(double max_task_retries, isolation where) {
  task_options rules;
  rules.num_cpus = 0;
  rules.max_retries = max_task_retries;
  rules.isolation = where;
  return task_info_ref{rules};
}

}  // namespace

actor_core::actor_core(const actor_options& options, const std::type_info& type)
    : name_{options.name},
      type_{type},
      request_{internal::request_from(options, 0)},
      methods_take_permit_{!options.num_cpus.has_value()},
      concurrency_{concurrency_of(options)},
      is_detached_{options.lifetime == actor_lifetime::detached},
      max_pending_calls_{options.max_pending_calls < 0
                             ? SIZE_MAX
                             : static_cast<std::size_t>(double{options.max_pending_calls})},
      info_of_calls_{options.max_task_retries == 0 && options.isolation == isolation::thread
                         ? task_info_ref{}
                         : info_with(options.max_task_retries, options.isolation)},
      process_{options.isolation == isolation::process ? std::make_unique<own_process>(*this)
                                                       : nullptr},
      restarts_left_{options.max_restarts} {
  groups_.push_back({"", static_cast<std::size_t>(double{options.max_concurrency})});
  for (const auto& [name, limit] : options.concurrency_groups) {
    groups_.push_back({name, static_cast<std::size_t>(double{limit})});
  }
  connect_record();
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
  const internal::memory_needed needed;
  if (handles_.fetch_sub(1, std::memory_order_acq_rel) != 1) {
    return;
  }
  actor_registry::free_name(*this);
  {
    const std::lock_guard lock{mutex_};
    no_handles_ = true;
  }
  if (internal::is_service_thread) {
    end_by_turn_if_done();  // the user's destructor may wait, and not for this thread
  } else {
    end_if_done();
  }
  release_ref();
}

void actor_core::release_ref() noexcept {
  if (refs_.fetch_sub(1, std::memory_order_acq_rel) == 1) {
    delete this;
  }
}

void actor_core::submit_constructor(task_node& node) noexcept {
  const internal::memory_needed needed;
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
  const internal::memory_needed needed;
  add_ref();
  node.lane_data = this;
  node.may_end_early = true;
  // Its own lines this thread has seen itself.
  if (!node.has_ref_arguments && node.of_call.group == 0 &&
      line_count_.load(std::memory_order_acquire) == 0) {
    node.is_plain_call = true;
    internal::submit_node(node, task_lane::actor_call);
    return;
  }
  const std::uint64_t submitter = internal::this_submitter_id();
  {
    const std::lock_guard lock{mutex_};
    if (phase_ == phase::dead) {
      node.has_ref_arguments = false;  // it fails at once, whatever its arguments do
    } else if (const line_key key{submitter, node.of_call.group};
               node.has_ref_arguments || lines_.contains(key)) {
      line& its = lines_[key];
      line_count_.store(lines_.size(), std::memory_order_release);
      held_.emplace(&node, place_in_line{key, its.insert(its.end(), {&node, false})});
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

// The node may be gone once it is in the inbox; the actor is kept by the caller's handle.
void actor_core::post(task_node& node) noexcept {
  if (inbox_.put(node)) {
    wake_up();
  }
}

void actor_core::wake_up() noexcept {
  actor_turn* turn = nullptr;
  std::deque<task_node*> late;
  std::exception_ptr dead;
  {
    const std::lock_guard lock{mutex_};
    if (phase_ == phase::dead) {
      inbox_.set_unwatched();
      move_on_locked();
      late.swap(groups_[0].mailbox);
      dead = death_error_locked();
    } else {
      move_on_locked();
      turn = next_turn_locked(0);
    }
  }
  for (task_node* node : late) {
    internal::fail_ready_task(*node, dead);
  }
  schedule(turn);
  if (!late.empty()) {
    end_by_turn_if_done();  // they may have been in the way of its end
  }
}

void actor_core::move_on_locked() noexcept {
  inbox_.take_all([this](runnable& call) {
    groups_[0].mailbox.push_back(&static_cast<task_node&>(call));
  });
}

// Whether there is a call in the mailbox; if not, the inbox is not watched. That of a dead actor
// never is, but by callers on their way to wake_up.
bool actor_core::has_more_locked(call_group& group) noexcept {
  if (&group == groups_.data() && group.mailbox.empty()) {
    inbox_.set_unwatched();
    move_on_locked();
    if (!group.mailbox.empty() && phase_ != phase::dead) {
      inbox_.set_watched();
    }
  }
  return !group.mailbox.empty();
}

// The queue's reference to `node` is the caller's until the call stands in the mailbox or in its
// line as ready; from then on, and outside the lock, the node may be gone at any time.
void actor_core::call_is_ready(task_node& node) noexcept {
  const internal::memory_needed needed;
  if (node.is_plain_call) {
    post(node);
    return;
  }
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
      turn = next_turn_locked(0);
    } else {
      const std::size_t group = node.of_call.group;
      if (const auto held = held_.find(&node); held != held_.end()) {
        held->second.position->is_ready = true;
        move_ready_locked(line_key{held->second.key});
      } else {
        move_on_locked();
        groups_[group].mailbox.push_back(&node);
      }
      turn = next_turn_locked(group);
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

void actor_core::move_ready_locked(const line_key& key) noexcept {
  const auto found = lines_.find(key);
  line& its = found->second;
  move_on_locked();
  while (!its.empty() && its.front().is_ready) {
    groups_[key.group].mailbox.push_back(its.front().node);
    held_.erase(its.front().node);
    its.pop_front();
  }
  if (its.empty()) {
    lines_.erase(found);
    line_count_.store(lines_.size(), std::memory_order_release);
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
  queue_constructor_locked();
  return false;
}

void actor_core::queue_constructor_locked() noexcept {
  phase_ = phase::constructing;
  begun_constructor_ = constructor_;
  groups_[0].mailbox.push_front(std::exchange(constructor_, nullptr));
}

void actor_core::open() noexcept {
  const internal::memory_needed needed;
  actor_turn* turn = nullptr;
  {
    const std::lock_guard lock{mutex_};
    if (phase_ == phase::arriving) {
      queue_constructor_locked();
      turn = next_turn_locked(0);
    }
  }
  schedule(turn);
  end_if_done();  // it may have died while it waited
}

std::size_t actor_core::allowed_locked(const call_group& group) const noexcept {
  switch (phase_) {
    case phase::arriving:
    case phase::restarting:
    case phase::dead:
      return 0;
    case phase::constructing:
      return &group == groups_.data() ? 1 : 0;
    case phase::alive:
      return group.limit;
  }
  return 0;
}

actor_core::actor_turn* actor_core::next_turn_locked(std::size_t group) {
  call_group& its = groups_[group];
  const bool may_begin = its.scheduled + its.in_place < allowed_locked(its);
  return may_begin && has_more_locked(its) ? bare_turn_locked(group) : nullptr;
}

actor_core::actor_turn* actor_core::bare_turn_locked(std::size_t group) {
  if (idle_turns_.empty()) {
    idle_turns_.push_back(&turns_.emplace_back(*this));
  }
  actor_turn* turn = idle_turns_.back();
  idle_turns_.pop_back();
  turn->group = group;
  ++groups_[group].scheduled;
  add_ref();
  return turn;
}

// Each group with calls has a turn: for when calls were not allowed to begin, and are. The turn
// schedules the next one of its group.
void actor_core::schedule_all() noexcept {
  for (std::size_t group = 0; group != groups_.size(); ++group) {
    actor_turn* turn = nullptr;
    {
      const std::lock_guard lock{mutex_};
      turn = next_turn_locked(group);
    }
    schedule(turn);
  }
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
  return !request_.cpus.is_zero() && concurrency_ == 1 ? cpu_hold::placement : cpu_hold::none;
}

task_node* actor_core::begin_call_locked(call_group& group) noexcept {
  if (&group == groups_.data() && group.mailbox.empty()) {
    move_on_locked();
  }
  if (group.mailbox.empty() || group.running >= allowed_locked(group)) {
    return nullptr;
  }
  task_node* node = group.mailbox.front();
  group.mailbox.pop_front();
  ++group.running;
  running_.push_back(node);
  return node;
}

void actor_core::take_turn(actor_turn& turn) noexcept {
  const internal::memory_needed needed;
  call_group& group = groups_[turn.group];
  bool again = true;
  for (int i = 0; again && i != calls_per_turn; ++i) {
    task_node* node = nullptr;
    actor_turn* another = nullptr;
    {
      const std::lock_guard lock{mutex_};
      node = begin_call_locked(group);
      another = next_turn_locked(turn.group);  // for calls that came while fewer were allowed
    }
    schedule(another);
    if (node != nullptr) {
      run_call(*node, hold_of_methods(), nullptr);
    }
    again = node != nullptr;
  }
  {
    const std::lock_guard lock{mutex_};
    again = has_more_locked(group) && group.running < allowed_locked(group);
    if (!again) {
      --group.scheduled;
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
  const internal::memory_needed needed;
  if (node.keeps_arguments) {
    return false;  // who asks takes its result for there, and it may have to be given again
  }
  internal::borrowed_cpu cpu;
  if (!cpu || !methods_take_permit_ || node.gpu != nullptr) {
    return false;
  }
  call_group& group = groups_[node.of_call.group];
  {
    const std::lock_guard lock{mutex_};
    if (&group == groups_.data() && group.mailbox.empty()) {
      move_on_locked();
    }
    if (phase_ != phase::alive || group.mailbox.empty() || group.mailbox.front() != &node ||
        begin_call_locked(group) == nullptr) {
      return false;
    }
    ++group.in_place;
    add_ref();
  }
  run_call(node, cpu.hold(), &cpu);
  actor_turn* turn = nullptr;
  {
    const std::lock_guard lock{mutex_};
    --group.in_place;
    turn = next_turn_locked(static_cast<std::size_t>(&group - groups_.data()));
  }
  schedule(turn);
  end_if_done();
  release_ref();
  return true;
}

// Whose CPUs a method lends out while it waits.
internal::placement_record* actor_core::record_of(cpu_hold hold) noexcept {
  const bool is_own = hold == cpu_hold::placement && !methods_take_permit_;
  return is_own ? &record_ : internal::this_thread_state.placement;
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
    const internal::cpu_scope cpu{hold, record_of(hold)};
    internal::run_body(node, record_.gpu_ids(), node.id);
  }
  end_call(node);
  if (borrowed != nullptr) {
    borrowed->give_back();
  }
  if (is_ours) {
    internal::publish_and_leave(node);
  } else {
    node.release_ref();
  }
}

// A GPU method is over for the actor when its work is enqueued: methods run in stream order. The
// engine publishes the results, at the end of the stream.
void actor_core::run_gpu_call(task_node& node, cpu_hold hold) noexcept {
  node.add_ref();
  if (node.keeps_arguments) {
    const std::lock_guard lock{mutex_};
    in_stream_.insert_or_assign(&node, call_in_stream{restarts(), nullptr});
  }
  {
    const internal::cpu_scope cpu{hold, record_of(hold)};
    constexpr std::uint64_t own_share = std::uint64_t{1} << 63;  // beyond those of the lane
    internal::run_gpu_call(node, record_.id | own_share, record_.gpus);
  }
  end_call(node);
  node.release_ref();
}

// Before its results are published: who then calls again finds the actor free.
void actor_core::end_call(task_node& node) noexcept {
  departure leaving;
  loss lost;
  bool opens = false;
  {
    const std::lock_guard lock{mutex_};
    running_.erase(std::find(running_.begin(), running_.end(), &node));
    --groups_[node.of_call.group].running;
    // Whoever completes a GPU call may write to it by now.
    const bool is_returning = node.gpu == nullptr && node.is_to_run_again;
    if (is_returning) [[unlikely]] {
      ++returning_;
    } else if (&node == begun_constructor_) {
      begun_constructor_ = nullptr;  // a method's node may lie there next
    } else if (pending_calls_ != 0) {
      --pending_calls_;
    }
    if (!departures_.empty()) [[unlikely]] {
      leaving = take_departure_locked(node);
      if (is_returning && !leaving.has_begun) {
        unbegun_.push_back(&node);
      }
      if (const auto streamed = in_stream_.find(&node); streamed != in_stream_.end()) {
        streamed->second.thrown = leaving.thrown;
      }
    }
    if (leaving.call != nullptr && leaving.why == death::lost) {
      lost = lose_locked(leaving.cause);
    } else if (leaving.call == nullptr && phase_ == phase::constructing) {
      if (const std::exception_ptr failed = node.slot(0)->error()) {
        leaving = {&node, death::constructor_failed, failed};
      } else {
        phase_ = phase::alive;
        opens = true;
      }
    }
  }
  if (opens && groups_.size() > 1) {
    schedule_all();
  }
  if (leaving.call != nullptr) {
    if (leaving.why == death::lost) {
      finish_loss(lost, leaving.cause, true);
    } else {
      die(leaving.why, leaving.cause);
    }
  }
}

void actor_core::set_state(void* state, void (*destroy)(void*) noexcept) noexcept {
  state_ = state;
  destroy_ = destroy;
}

std::string actor_core::why_call_waits(const task_node& node) {
  const std::lock_guard lock{mutex_};
  move_on_locked();
  if (phase_ == phase::arriving) {
    return fmt::format("{} waits for {}", display_name(),
                       is_asking_ ? "its resources" : "the arguments of its constructor");
  }
  if (phase_ == phase::restarting) {
    return fmt::format("{} was lost, and is made again", display_name());
  }
  if (const auto held = held_.find(&node); held != held_.end()) {
    return held->second.position->is_ready
               ? "an earlier call of the same submitter waits for an argument, and calls keep "
                 "their order"
               : "it waits for an argument";
  }
  for (const call_group& group : groups_) {
    const auto place = std::find(group.mailbox.begin(), group.mailbox.end(), &node);
    if (place != group.mailbox.end()) {
      return fmt::format("{} calls are before it in the mailbox of {}, and {} run",
                         place - group.mailbox.begin(), display_name(), group.running);
    }
  }
  return "its turn has come";
}

void actor_core::forget_held(task_node& node) noexcept {
  const internal::memory_needed needed;
  actor_turn* turn = nullptr;
  bool is_constructor = false;
  {
    const std::lock_guard lock{mutex_};
    if (&node == constructor_) {
      constructor_ = nullptr;
      is_constructor = true;
    } else if (const auto held = held_.find(&node); held != held_.end()) {
      const place_in_line place = held->second;
      held_.erase(held);
      lines_.at(place.key).erase(place.position);
      move_ready_locked(place.key);
      turn = next_turn_locked(place.key.group);
      if (pending_calls_ != 0) {
        --pending_calls_;
      }
    }
  }
  if (is_constructor) {  // only a shutdown takes it out: no call will ever begin
    die(death::shutdown, internal::dropped_by_shutdown());
    return;
  }
  schedule(turn);
  end_if_done();
}

bool actor_core::list_running(std::vector<const task_node*>& to) const {
  const std::lock_guard lock{mutex_};
  to.insert(to.end(), running_.begin(), running_.end());
  return std::all_of(groups_.begin(), groups_.end(), [this](const call_group& group) {
    return allowed_locked(group) != 0 && group.running >= allowed_locked(group);
  });
}

std::uint64_t actor_core::ticket() const {
  const std::lock_guard lock{mutex_};
  return is_placed_ || is_asking_ ? record_.id : 0;
}

void actor_core::reserve_call() {
  if (max_pending_calls_ == SIZE_MAX) {
    return;
  }
  const std::lock_guard lock{mutex_};
  if (phase_ == phase::dead) {
    return;  // the call fails in its own way
  }
  if (pending_calls_ >= max_pending_calls_) {
    throw pending_calls_limit_exceeded{fmt::format(
        "{} has {} calls that are not done, and max_pending_calls is {}: get or wait for some "
        "before you make another, or make it with a higher limit",
        display_name(), pending_calls_, max_pending_calls_)};
  }
  ++pending_calls_;
}

void actor_core::give_back_call() noexcept {
  const std::lock_guard lock{mutex_};
  if (pending_calls_ != 0) {
    --pending_calls_;
  }
}

call_settings actor_core::settings_for(const call_options& options) const {
  call_settings settings;
  if (!options.concurrency_group.empty()) {
    const auto found = std::find_if(groups_.begin(), groups_.end(), [&](const call_group& each) {
      return each.name == options.concurrency_group;
    });
    if (found == groups_.end()) {
      std::vector<std::string> names;
      for (std::size_t i = 1; i < groups_.size(); ++i) {
        names.push_back(groups_[i].name);
      }
      throw std::invalid_argument{fmt::format(
          "options: concurrency_group: {} has no group '{}'; it has {}. Name one of these, or "
          "give actor<T> .concurrency_groups",
          display_name(), options.concurrency_group,
          names.empty() ? "none" : fmt::format("{}", fmt::join(names, ", ")))};
    }
    settings.group = static_cast<std::uint16_t>(found - groups_.begin());
  }
  return settings;
}

task_info_ref actor_core::info_for(const call_options& options) const {
  if (!options.max_task_retries) {
    return info_of_calls_;
  }
  internal::check_whole("max_task_retries", *options.max_task_retries, -1, 1e9);
  return info_with(*options.max_task_retries,
                   is_isolated() ? isolation::process : isolation::thread);
}

}  // namespace narke::detail
