// How actors are lost, made again, and die: the half of actor_core that is not about calls.
#include <algorithm>
#include <deque>
#include <utility>

#include <fmt/format.h>

#include <narke/errors.hpp>

#include "actor/actor_core.hpp"
#include "base/needed_memory.hpp"
#include "process/process_pool.hpp"
#include "worker/execute.hpp"
#include "worker/lifecycle.hpp"

namespace narke::detail {

using internal::actor_registry;
using internal::placement_lane;

namespace {

std::string words_of(const std::exception_ptr& thrown) {
  try {
    std::rethrow_exception(thrown);
  } catch (const std::exception& caught) {
    return caught.what();
  } catch (...) {
    return "it threw something that is not a std::exception";
  }
}

}  // namespace

constructor_source::~constructor_source() = default;

// What the placement lane tells of the actor's resources.
void actor_core::connect_record() noexcept {
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
    const auto reason = internal::is_draining()
                            ? std::nullopt
                            : placement_lane::instance().infeasible_reason(self.request_);
    if (reason) {  // what the machine had when the actor was made, it has no more
      self.die(death::lost, std::make_exception_ptr(device_lost_error{fmt::format(
                                "{} {}: a device was lost", self.display_name(), *reason)}));
    } else {
      self.die(death::shutdown, internal::dropped_by_shutdown());
    }
    self.release_ref();
  };
  record_.lost = record_.dropped;
  record_.keep = [](internal::placement_record& record) noexcept {
    static_cast<actor_core*>(record.owner)->add_ref();
  };
  record_.gpu_lost = [](internal::placement_record& record) noexcept {
    auto& self = *static_cast<actor_core*>(record.owner);
    self.lose(std::make_exception_ptr(device_lost_error{fmt::format(
                  "the GPU of {} failed, and what it had there is gone", self.display_name())}),
              false);
    self.release_ref();
  };
}

bool actor_core::is_alive() const noexcept {
  const std::lock_guard lock{mutex_};
  return phase_ != phase::dead;
}

std::string actor_core::display_name() const {
  return name_.empty() ? std::string{"an actor without a name"} : fmt::format("actor '{}'", name_);
}

void actor_core::keep_constructor(std::unique_ptr<const constructor_source> source) noexcept {
  source_ = std::move(source);
}

std::exception_ptr actor_core::error_of(death why, const std::exception_ptr& cause) const {
  std::string reason;
  switch (why) {
    case death::killed:
      reason = "it was killed. Make another by actor<T>().remote(…)";
      break;
    case death::shutdown:
      reason = "the runtime was shut down. Make another by actor<T>().remote(…)";
      break;
    case death::exited:
      reason = "it ended itself by this_actor::end(). Make another by actor<T>().remote(…)";
      break;
    case death::constructor_failed:
      reason = fmt::format("its constructor failed: {}", words_of(cause));
      break;
    case death::lost:
      reason = fmt::format(
          "it was lost: {}; it was made again {} times. Give it max_restarts to "
          "have it made again more often",
          words_of(cause), restarts());
      break;
  }
  return std::make_exception_ptr(
      actor_died_error{fmt::format("{} is dead: {}", display_name(), reason), cause});
}

std::exception_ptr actor_core::error_of_lost_call(const std::string& reason,
                                                  const std::exception_ptr& cause) const {
  return std::make_exception_ptr(actor_died_error{
      fmt::format("{} was lost in this call: {}. With max_restarts it is made again, and may be "
                  "called again, by max_task_retries too; else make another",
                  display_name(), reason),
      cause});
}

std::exception_ptr actor_core::death_error_locked() const {
  return error_of(why_, cause_);
}

// A call on the lists of its arguments: it stays there, and they let it go. If its last argument is
// ready at this moment, then its call_is_ready is under way and fails it.
void actor_core::fail_waiting(task_node& node, const std::exception_ptr& error) noexcept {
  if (node.claim(task_state::waiting)) {
    internal::finish_with_error(node, error);
  }
}

actor_core::doomed_calls actor_core::take_calls_locked() {
  doomed_calls calls;
  inbox_.set_unwatched();
  move_on_locked();
  for (call_group& group : groups_) {
    calls.ready.insert(calls.ready.end(), group.mailbox.begin(), group.mailbox.end());
    group.mailbox.clear();
  }
  for (const auto& [key, its] : lines_) {
    for (const held_call& held : its) {
      (held.is_ready ? calls.ready : calls.waiting).push_back(held.node);
    }
  }
  lines_.clear();
  line_count_.store(0, std::memory_order_release);
  held_.clear();
  if (constructor_ != nullptr) {
    (constructor_has_arguments_ ? calls.ready : calls.waiting)
        .push_back(std::exchange(constructor_, nullptr));
  }
  calls.running = running_;
  for (task_node* node : calls.running) {
    node->add_ref();
  }
  for (task_node* node : calls.waiting) {
    node->add_ref();
  }
  return calls;
}

void actor_core::die(death why, const std::exception_ptr& cause, bool ends_here) noexcept {
  const internal::memory_needed needed;
  doomed_calls calls;
  std::exception_ptr error;
  bool was_asking = false;
  {
    const std::lock_guard lock{mutex_};
    if (phase_ == phase::dead) {
      return;
    }
    phase_ = phase::dead;
    why_ = why;
    cause_ = cause;
    error = death_error_locked();
    calls = take_calls_locked();
    was_asking = is_asking_;
    add_ref();
  }
  actor_registry::free_name(*this);
  if (was_asking && placement_lane::instance().withdraw(record_.id) != nullptr) {
    const std::lock_guard lock{mutex_};
    is_asking_ = false;
    refs_.fetch_sub(1, std::memory_order_acq_rel);  // never the last: this call has one
  }
  for (task_node* node : calls.running) {
    // Methods on a GPU that is lost fail by the device, which says what became of them.
    if (why != death::lost || node->gpu == nullptr) {
      internal::publish_early(*node, error);
    }
    node->release_ref();
  }
  if (why == death::killed && process_ != nullptr) {
    // After that: the call that runs there has its outcome, and not that of a crash.
    internal::process_pool::instance().kill(*process_);
  }
  for (task_node* node : calls.ready) {
    internal::fail_ready_task(*node, error);
  }
  for (task_node* node : calls.waiting) {
    fail_waiting(*node, error);
    node->release_ref();
  }
  if (is_detached_) {
    release_handle();  // the one from the constructor: an actor dies once
  }
  end_here_or_by_turn(ends_here);
  release_ref();
}

void actor_core::end_here_or_by_turn(bool here) noexcept {
  if (here) {
    end_if_done();
    return;
  }
  actor_turn* turn = nullptr;
  {
    const std::lock_guard lock{mutex_};
    if (!is_ended_) {
      turn = bare_turn_locked(0);
    }
  }
  schedule(turn);
}

void actor_core::end_by_turn_if_done() noexcept {
  const internal::memory_needed needed;
  actor_turn* turn = nullptr;
  {
    const std::lock_guard lock{mutex_};
    if (is_done_locked() || is_to_be_made_again_locked()) {
      turn = bare_turn_locked(0);
    }
  }
  schedule(turn);
}

// Step 1. Returns the constructor call when it has not begun: it is to be failed.
task_node* actor_core::begin_loss_locked(const std::exception_ptr& cause) noexcept {
  task_node* unbegun = nullptr;
  auto& mailbox = groups_[0].mailbox;
  if (phase_ == phase::constructing && !mailbox.empty() && mailbox.front() == begun_constructor_) {
    unbegun = mailbox.front();
    mailbox.pop_front();
    begun_constructor_ = nullptr;
  }
  phase_ = phase::restarting;
  cause_ = cause;
  restarts_left_ -= restarts_left_ > 0 ? 1 : 0;
  restarts_.fetch_add(1, std::memory_order_relaxed);
  return unbegun;
}

bool actor_core::may_be_made_again_locked() const noexcept {
  return phase_ != phase::dead && restarts_left_ != 0 && source_ != nullptr;
}

actor_core::loss actor_core::lose_locked(const std::exception_ptr& cause) noexcept {
  const bool is_lost_already = phase_ == phase::restarting;  // by another method that ran
  loss begun;
  begun.is_made_again = is_lost_already || (may_be_made_again_locked() && !internal::is_draining());
  if (begun.is_made_again && !is_lost_already && phase_ != phase::arriving) {
    begun.unbegun = begin_loss_locked(cause);
  }
  return begun;
}

void actor_core::finish_loss(const loss& begun, const std::exception_ptr& cause,
                             bool ends_here) noexcept {
  const internal::memory_needed needed;
  if (!begun.is_made_again) {
    die(death::lost, cause, ends_here);
    return;
  }
  if (begun.unbegun != nullptr) {
    internal::fail_ready_task(*begun.unbegun, cause);
  }
  end_here_or_by_turn(ends_here);
}

void actor_core::lose(const std::exception_ptr& cause, bool ends_here,
                      std::optional<int> after_restarts) noexcept {
  const internal::memory_needed needed;
  loss begun;
  {
    const std::lock_guard lock{mutex_};
    if (after_restarts && *after_restarts != restarts()) {
      return;
    }
    begun = lose_locked(cause);
    add_ref();
  }
  finish_loss(begun, cause, ends_here);
  release_ref();
}

void actor_core::leave_by(departure leaving) noexcept {
  const internal::memory_needed needed;
  const std::lock_guard lock{mutex_};
  departures_.push_back(std::move(leaving));
}

actor_core::departure actor_core::take_departure_locked(const task_node& call) noexcept {
  const auto found = std::find_if(departures_.begin(), departures_.end(),
                                  [&](const departure& each) { return each.call == &call; });
  if (found == departures_.end()) {
    return {};
  }
  departure taken = std::move(*found);
  // A method that caught the exception may have asked more than once: the first counts.
  std::erase_if(departures_, [&](const departure& each) { return each.call == &call; });
  return taken;
}

bool actor_core::is_idle_locked() const noexcept {
  return constructor_ == nullptr && !is_asking_ && !is_being_made_again_ && running_.empty() &&
         returning_ == 0 && in_stream_.empty() && lines_.empty() &&
         (phase_ == phase::dead || inbox_.empty()) &&  // late calls are failed by who makes them
         std::all_of(groups_.begin(), groups_.end(), [](const call_group& group) {
           return group.mailbox.empty() && group.scheduled == 0 && group.in_place == 0;
         });
}

bool actor_core::is_done_locked() const noexcept {
  return (phase_ == phase::dead || no_handles_) && !is_ended_ && is_idle_locked();
}

bool actor_core::is_to_be_made_again_locked() const noexcept {
  return phase_ == phase::restarting && !is_being_made_again_ && running_.empty() &&
         returning_ == 0 && in_stream_.empty();
}

namespace {

// Actors whose states are to go, on this thread. A state may hold the last handle of another actor,
// and so on: the outermost call works the list off, which lies on its stack; calls inside append.
constinit thread_local std::deque<actor_core*>* ending_actors = nullptr;

}  // namespace

void actor_core::end_if_done() noexcept {
  const internal::memory_needed needed;
  bool is_made_again = false;
  {
    const std::lock_guard lock{mutex_};
    if (is_done_locked()) {
      is_ended_ = true;
      phase_ = phase::dead;
    } else if (is_to_be_made_again_locked()) {
      is_being_made_again_ = true;
      is_made_again = true;
    } else {
      return;
    }
    add_ref();
  }
  if (is_made_again) {
    make_again();
    release_ref();
    return;
  }
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

void actor_core::destroy_state() noexcept {
  if (state_ != nullptr) {
    destroy_(std::exchange(state_, nullptr));
  }
  if (process_ != nullptr) {
    internal::process_pool::instance().end(*process_);  // before what it uses goes back
  }
  if (std::exchange(is_placed_, false)) {
    placement_lane::instance().finished(record_);
  }
}

// Steps 2 and 3: this thread alone has the actor's state and record.
void actor_core::make_again() noexcept {
  destroy_state();
  task_node* constructor = nullptr;
  std::exception_ptr failed;
  try {
    const internal::memory_refusable users;
    constructor = source_->make(*this);
  } catch (...) {
    failed = std::current_exception();
  }
  {
    const std::lock_guard lock{mutex_};
    is_being_made_again_ = false;
    if (phase_ != phase::dead) {
      phase_ = phase::arriving;
    }
    constructor_has_arguments_ = false;
    record_.id = internal::next_id();
    record_.gpus = nullptr;
  }
  if (failed) {
    die(death::constructor_failed, failed);
  } else {
    constructor->add_ref();  // nobody has a ref to it, and it may have run before this returns
    submit_constructor(*constructor);
    constructor->release_ref();
  }
  end_if_done();  // it may have been killed meanwhile
}

// The user's destructor runs here, and then the resources go back.
void actor_core::end() noexcept {
  destroy_state();
  actor_registry::remove(*this);
  release_ref();
}

}  // namespace narke::detail
