// Calls that were lost with their actor, and are given again: the third part of actor_core.
#include <algorithm>
#include <vector>

#include <narke/errors.hpp>

#include "actor/actor_core.hpp"
#include "task/task_info.hpp"
#include "worker/attempts.hpp"
#include "worker/execute.hpp"

namespace narke::detail {

namespace {

bool is_device_loss(const std::exception_ptr& error) noexcept {
  try {
    std::rethrow_exception(error);
  } catch (const device_lost_error&) {
    return true;
  } catch (...) {
    return false;
  }
}

}  // namespace

// By its own departure; or, on a GPU, with the device that the actor was on.
bool actor_core::was_call_lost(const task_node& node) const noexcept {
  const std::exception_ptr& error = const_cast<task_node&>(node).slot(0)->error();
  const internal::task_rules* const rules = node.info->rules();
  const bool is_device = node.gpu != nullptr && is_device_loss(error);
  const bool has_left = rules != nullptr && rules->has_left(node.attempt);
  const std::lock_guard lock{mutex_};
  if (phase_ != phase::restarting && !may_be_made_again_locked()) {
    return false;
  }
  if (const auto streamed = in_stream_.find(&node); has_left && streamed != in_stream_.end()) {
    const call_in_stream& its = streamed->second;
    if (its.thrown == error || (is_device && its.restarts != restarts())) {
      return true;
    }
  }
  return std::any_of(departures_.begin(), departures_.end(), [&](const departure& each) {
    return each.call == &node && each.why == death::lost && each.thrown == error &&
           (has_left || !each.has_begun);
  });
}

void actor_core::give_again(task_node& node) noexcept {
  add_ref();
  node.add_ref();  // the mailbox's
  node.add_ref();  // for the look at the mark
  lose_by_streamed(node);
  actor_turn* turn = nullptr;
  std::exception_ptr dead;
  {
    const std::lock_guard lock{mutex_};
    if (node.gpu != nullptr) {
      in_stream_.erase(&node);
      pending_calls_ += max_pending_calls_ != SIZE_MAX ? 1 : 0;
    } else {
      --returning_;
    }
    if (std::erase(unbegun_, &node) == 0) {
      internal::next_attempt(node);
    }
    if (phase_ == phase::dead) {
      dead = death_error_locked();
    } else {
      node.set_state(task_state::ready);
      put_before_later_calls_locked(node);
      turn = next_turn_locked(node.of_call.group);
    }
  }
  schedule(turn);
  if (dead) {
    node.set_state(task_state::claimed);
    internal::finish_with_error(node, dead);
    node.release_ref();
  } else if (node.slot(0)->look_for_stop() && node.claim(task_state::ready)) {
    internal::finish_with_error(node, internal::cancelled_error(node));
  }
  if (node.gpu == nullptr) {
    end_if_done();
  } else {
    end_by_turn_if_done();
  }
  node.release_ref();
  release_ref();
}

// The body of a GPU call has asked for it, and its work is complete before its turn has ended.
void actor_core::lose_by_streamed(const task_node& node) noexcept {
  departure leaving;
  if (node.gpu != nullptr) {
    const std::lock_guard lock{mutex_};
    leaving = take_departure_locked(node);
  }
  if (leaving.call != nullptr) {
    lose(leaving.cause, false);
  }
}

// A submitter's calls have rising ids. Those before it in the mailbox with lower ids are its own
// that were lost with it, or others'.
void actor_core::put_before_later_calls_locked(task_node& node) {
  move_on_locked();
  auto& mailbox = groups_[node.of_call.group].mailbox;
  auto place = mailbox.begin();
  while (place != mailbox.end() && (*place == begun_constructor_ || (*place)->id < node.id)) {
    ++place;
  }
  mailbox.insert(place, &node);
}

void actor_core::call_is_settled(const task_node& node) noexcept {
  if (node.gpu == nullptr) {
    return;
  }
  {
    const std::lock_guard lock{mutex_};
    if (in_stream_.erase(&node) == 0) {
      return;
    }
  }
  end_by_turn_if_done();
}

}  // namespace narke::detail
