// A simulated world from its first step to its last, and what must hold of it.
#include <algorithm>
#include <exception>
#include <string>

#include <gtest/gtest.h>

#include "actor/actor_core.hpp"
#include "scheduler/placement_core.hpp"
#include "simulation/simulated_world.hpp"
#include "store/object_store.hpp"
#include "worker/placement_lane.hpp"
#include "worker/thread_state.hpp"

namespace narke_test {

using narke::detail::ref_access;
using narke::internal::placement_lane;

namespace {

std::string message_of(const std::exception_ptr& error) {
  try {
    std::rethrow_exception(error);
  } catch (const std::exception& caught) {
    return caught.what();
  }
}

std::string describe(const simulated_job& job) {
  std::string text = "job " + std::to_string(job.id) + ", bodies " + std::to_string(job.bodies);
  if (job.actor >= 0) text += ", a call of actor " + std::to_string(job.actor);
  if (job.parent != nullptr) text += "; submitted by " + describe(*job.parent);
  return text;
}

std::string why_it_waits(const simulated_job& job) {
  const narke::detail::task_node& node = *ref_access::slot(job.ref)->producer();
  std::string text = "state " + std::to_string(static_cast<int>(node.state())) + ", lane " +
                     std::to_string(static_cast<int>(node.lane));
  const auto why = placement_lane::instance().explain(node.id);
  text += ", cause " + std::to_string(static_cast<int>(why.cause));
  for (const auto& each : why.missing) {
    text += ", lacks " + each.name + ": " + std::to_string(each.available) + " of " +
            std::to_string(each.wanted) + ", held by " + std::to_string(each.holders.size());
  }
  return text;
}

constexpr int idle_rounds_max = 400;  // of all threads, without anything that moved

}  // namespace

void simulated_world::run() {
  virtual_runtime::instance().begin(totals_, store_bytes_);
  users_ = 1 + below(3);
  users_at_work_ = users_;
  free_workers_ = 1 + below(3);
  for (int i = free_workers_; i > 0; --i) {
    threads_.add([this] { work(); });
  }
  for (int i = 0; i != users_; ++i) {
    threads_.add([this, i] { act_as_user(i); });
  }
  run_until_all_is_resolved();
  if (!testing::Test::HasFailure()) {
    check_results();
    end();
  }
}

void simulated_world::run_until_all_is_resolved() {
  int seen_moves = 0;
  std::size_t idle_steps = 0;
  while (!is_resolved() && !testing::Test::HasFailure()) {
    step();
    idle_steps = moves_ == seen_moves ? idle_steps + 1 : 0;
    seen_moves = moves_;
    if (idle_steps == idle_rounds_max / 2 * threads_.size()) {
      let_go_of_all();  // a user who waits in place, for CPUs that an actor or a group holds
    }
    if (idle_steps > idle_rounds_max * threads_.size()) {
      for (const simulated_job& job : jobs_) {
        const bool is_open = job.ref && !ref_access::slot(job.ref)->is_ready();
        EXPECT_FALSE(is_open) << describe(job) << " was never resolved: " << why_it_waits(job);
      }
      ADD_FAILURE() << "nothing moves, " << users_at_work_ << " users are at work, "
                    << virtual_runtime::instance().idle_permits() << " permits are idle";
    }
  }
}

void simulated_world::step() {
  const auto index = static_cast<std::size_t>(below(static_cast<int>(threads_.size())));
  if (threads_.has_ended(index)) {
    return;
  }
  threads_.resume(index);
  if (users_at_work_ == 0) {
    let_go_of_all();
  }
  check_step();
}

void simulated_world::let_go_of_all() {
  groups_.clear();
  std::fill(handles_.begin(), handles_.end(), narke::actor_handle<simulated_state>{});
}

bool simulated_world::is_resolved() const {
  return users_at_work_ == 0 &&
         std::all_of(jobs_.begin(), jobs_.end(), [](const simulated_job& job) {
           return !job.ref || ref_access::slot(job.ref)->is_ready();
         });
}

// Bodies of cancelled and killed jobs may still run, and what they have submitted.
void simulated_world::end() {
  for (int i = 0; i != 20'000 && !testing::Test::HasFailure(); ++i) {
    const auto tasks = narke::internal::count_tasks();
    if (is_resolved() && tasks.finished == tasks.submitted &&
        narke::internal::actor_registry::count() == 0 &&
        placement_lane::instance().usage().running == 0 &&
        !virtual_runtime::instance().has_queued()) {
      break;
    }
    step();
  }
  check_results();
  jobs_.clear();
  is_over_ = true;
  for (std::size_t i = 0; i != threads_.size(); ++i) {
    while (!threads_.has_ended(i) && !testing::Test::HasFailure()) {
      threads_.resume(i);
    }
  }
  check_all_is_free();
}

// Never negative, never more than there is, and what bodies hold is not free.
void simulated_world::check_step() const {
  const auto usage = placement_lane::instance().usage();
  const auto& free = usage.available;
  double gpus = 0;
  double gpus_left = 0;
  for (std::size_t i = 0; i != free.gpus.size(); ++i) {
    const double share = free.gpus[i].share.to_double();
    const bool is_lost = totals_.gpus[i].is_lost;
    ASSERT_GE(share, 0.0);
    ASSERT_LE(share, is_lost ? 0.0 : 1.0);
    gpus += share;
    gpus_left += is_lost ? 0.0 : 1.0;
  }
  const double licenses = free.custom.at("license").to_double();
  const double memory = static_cast<double>(free.memory_bytes);
  ASSERT_GE(licenses, 0.0);
  ASSERT_GE(memory, 0.0);
  ASSERT_LE(licenses + held_licenses_, totals_.custom.at("license").to_double());
  ASSERT_LE(memory + held_memory_, static_cast<double>(totals_.memory_bytes));
  if (!has_lost_a_gpu_) {
    ASSERT_LE(gpus + held_gpus_, gpus_left + 1e-9);
  }
  ASSERT_GE(narke::internal::stored_bytes(), 0);
}

void simulated_world::check_results() {
  for (simulated_job& job : jobs_) {
    if (job.ref) check_result(job);
  }
}

void simulated_world::check_result(simulated_job& job) {
  narke::detail::result_slot& slot = *ref_access::slot(job.ref);
  ASSERT_TRUE(slot.is_ready());
  ASSERT_LE(job.bodies, 1) << "job " << job.id << " ran twice";
  if (job.is_put) {
    ASSERT_EQ(narke::get(job.ref)[0], job.id);
    return;
  }
  if (slot.failed()) {
    ASSERT_TRUE(has_reason_to_fail(job)) << describe(job) << " failed for no reason: "
                                         << message_of(slot.error());
    return;
  }
  ASSERT_FALSE(job.is_cancelled) << "job " << job.id << " was cancelled, and has a value";
  ASSERT_FALSE(job.is_to_fail || job.ends_actor || job.loses_actor) << "job " << job.id;
  ASSERT_EQ(job.bodies, 1) << "job " << job.id << " has a value from nowhere";
  ASSERT_EQ(narke::get(job.ref)[0], value_of(job)) << "job " << job.id;
}

std::int64_t simulated_world::value_of(const simulated_job& job) const {
  std::int64_t sum = job.id;
  for (const simulated_job* argument : job.arguments) {
    sum += narke::get(argument->ref)[0];
  }
  return sum;
}

bool simulated_world::has_reason_to_fail(const simulated_job& job) const {
  const bool has_failed_argument =
      std::any_of(job.arguments.begin(), job.arguments.end(), [](const simulated_job* each) {
        return ref_access::slot(each->ref)->failed();
      });
  const bool lost_its_gpu =
      has_lost_a_gpu_ && (job.asked.num_gpus != 0 ||
                          job.asked.scheduling.kind() == narke::scheduling::wish::bundle);
  const simulated_actor* actor =
      job.actor >= 0 ? &actors_[static_cast<std::size_t>(job.actor)] : nullptr;
  const bool lost_its_actor =
      actor != nullptr &&
      (actor->is_hurt || (has_lost_a_gpu_ && actor->asked.num_gpus != 0) ||
       is_or_is_below_stopped(actor->maker));
  // One that waits for an argument is not in its group yet.
  const bool came_too_late = !job.arguments.empty() && job.bodies == 0 &&
                             job.asked.scheduling.kind() == narke::scheduling::wish::bundle;
  return job.is_to_fail || job.is_cancelled || has_failed_argument || lost_its_gpu ||
         lost_its_actor || came_too_late || is_or_is_below_stopped(job.parent);
}

// What a cancelled task, or a call of a killed actor, has submitted goes with it.
bool simulated_world::is_or_is_below_stopped(const simulated_job* job) const {
  for (; job != nullptr; job = job->parent) {
    if (job->is_cancelled ||
        (job->actor >= 0 && actors_[static_cast<std::size_t>(job->actor)].is_hurt)) {
      return true;
    }
  }
  return false;
}

void simulated_world::check_all_is_free() const {
  const auto usage = placement_lane::instance().usage();
  ASSERT_EQ(usage.available, narke::internal::full_amounts(totals_)) << "something is held";
  ASSERT_EQ(usage.pending, 0U);
  ASSERT_EQ(usage.running, 0U);
  ASSERT_EQ(usage.cpus_in_use, 0.0);
  ASSERT_FALSE(placement_lane::instance().wants_permits());
  ASSERT_EQ(virtual_runtime::instance().idle_permits(), totals_.cpus);
  ASSERT_FALSE(virtual_runtime::instance().has_queued());
  ASSERT_EQ(narke::internal::actor_registry::count(), 0U);
  ASSERT_EQ(narke::internal::stored_bytes(), 0) << "the store still counts something";
  for (const simulated_actor& actor : actors_) {
    ASSERT_EQ(actor.states, 0) << "an actor was not destroyed";
    ASSERT_EQ(actor.inside, 0);
  }
  const auto tasks = narke::internal::count_tasks();
  ASSERT_EQ(tasks.finished, tasks.submitted);
}

}  // namespace narke_test
