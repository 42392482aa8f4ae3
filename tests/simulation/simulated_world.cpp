#include "simulation/simulated_world.hpp"

#include <algorithm>
#include <array>
#include <string>

#include <gtest/gtest.h>

#include "store/object_store.hpp"
#include "worker/execute.hpp"
#include "worker/lent_cpus.hpp"
#include "worker/placement_lane.hpp"

namespace narke_test {

using narke::detail::ref_access;

simulated_world::simulated_world(std::uint64_t seed)
    : random_{seed},
      totals_{random_totals()},
      store_bytes_{one_in(2) ? 0 : 300 + 200 * below(8)} {}

// The machine and what is asked of it.

narke::internal::resource_totals simulated_world::random_totals() {
  narke::internal::resource_totals totals{.cpus = 1 + below(4), .memory_bytes = 1'000};
  for (int id = below(3); id > 0; --id) {
    totals.gpus.push_back({.id = static_cast<int>(totals.gpus.size()), .memory_bytes = 1'000});
  }
  totals.custom["license"] = narke::internal::quantity::from_whole(1 + below(3));
  return totals;
}

narke::task_options simulated_world::random_task_options() {
  narke::task_options options;
  const int gpus = static_cast<int>(totals_.gpus.size());
  if (one_in(3)) return options;  // the fast lane
  options.num_cpus = std::array<double, 4>{0, 0.5, 1, double(totals_.cpus)}[
      static_cast<std::size_t>(below(4))];
  if (gpus != 0 && one_in(2)) {
    options.num_gpus = std::array<double, 3>{0.25, 0.5, double(1 + below(gpus))}[
        static_cast<std::size_t>(below(3))];
  }
  if (one_in(4)) options.memory = 100 * (1 + below(6));
  if (one_in(3)) {
    options.resources["license"] =
        1 + below(static_cast<int>(totals_.custom.at("license").whole()));
  }
  if (one_in(3)) options.priority = below(3) - 1;
  if (gpus != 0 && one_in(6)) options.scheduling = narke::scheduling::spread();
  return options;
}

narke::actor_options simulated_world::random_actor_options() {
  narke::actor_options options;
  if (one_in(4)) options.num_cpus = below(2);
  if (one_in(4)) options.resources["license"] = 1;
  if (!totals_.gpus.empty() && one_in(4)) options.num_gpus = 0.5;
  // CPUs that are held for life are lent out while the only call waits.
  options.max_concurrency = options.num_cpus ? 1 : 1 + below(2);
  options.max_restarts = below(3);
  return options;
}

std::vector<narke::bundle> simulated_world::random_bundles() {
  std::vector<narke::bundle> bundles(1 + static_cast<std::size_t>(below(2)));
  for (narke::bundle& each : bundles) {
    each.num_cpus = totals_.cpus >= 2 ? 1 : 0.5;
    if (!totals_.gpus.empty() && one_in(2)) each.num_gpus = 0.5;
    if (one_in(3)) each.memory = 200;
  }
  return bundles;
}

// What threads do.

void simulated_world::act_as_user(int user) {
  for (int i = 10 + below(20); i > 0; --i) {
    act(nullptr, -1 - user);
    virtual_threads::yield();
  }
  --users_at_work_;
}

void simulated_world::act(simulated_job* by, std::int64_t submitter) {
  ++moves_;
  switch (below(20)) {
    case 0: case 1: case 2: case 3: case 4: case 5:
      (void)submit_task(by, submitter);
      break;
    case 6: case 7: case 8: case 9:
      (void)submit_call(by, submitter);
      break;
    case 10:
      put_value();
      break;
    case 11: case 12:
      make_actor(by);
      break;
    case 13:
      make_group();
      break;
    case 14: case 15:
      cancel_some();
      break;
    case 16:
      hurt_an_actor();
      break;
    case 17:
      let_go_of_something();
      break;
    case 18:
      lose_a_gpu();
      break;
    default:
      // Below a body may only run what the body waits for.
      if (by == nullptr) run_in_place();
  }
}

simulated_job& simulated_world::new_job(simulated_job* by, std::int64_t submitter) {
  simulated_job& job = jobs_.emplace_back();
  job.id = static_cast<int>(jobs_.size());
  job.parent = by;
  job.depth = by != nullptr ? by->depth + 1 : 0;
  job.submitter = submitter;
  job.is_to_fail = one_in(10);
  job.ballast = static_cast<std::size_t>(below(40));
  // Not of later ones: who waits for himself waits for ever.
  for (int i = one_in(2) && jobs_.size() > 1 ? 1 + below(2) : 0; i > 0 && by == nullptr; --i) {
    simulated_job& argument = jobs_[static_cast<std::size_t>(below(job.id - 1))];
    if (argument.ref) {
      job.arguments.push_back(&argument);
    }
  }
  return job;
}

simulated_job* simulated_world::submit_task(simulated_job* by, std::int64_t submitter) {
  simulated_job& job = new_job(by, submitter);
  job.asked = random_task_options();
  // A child must not need what its parent holds while it waits for the child.
  if (by != nullptr) {
    job.asked = {.num_cpus = one_in(2) ? 1.0 : 0.5};
  } else if (!groups_.empty() && one_in(3)) {
    const auto& group = groups_[static_cast<std::size_t>(below(static_cast<int>(groups_.size())))];
    job.asked = {.num_cpus = 0.5, .scheduling = narke::scheduling::bundle(group, 0)};
  }
  try {
    const auto& arguments = job.arguments;
    if (arguments.empty()) {
      job.ref = narke::task([this, &job] { return task_body(job, 0); }, job.asked).remote();
    } else if (arguments.size() == 1) {
      job.ref = narke::task([this, &job](const values& a) { return task_body(job, a[0]); },
                            job.asked).remote(arguments[0]->ref);
    } else {
      job.ref = narke::task([this, &job](const values& a, const values& b) {
                              return task_body(job, a[0] + b[0]);
                            }, job.asked).remote(arguments[0]->ref, arguments[1]->ref);
    }
  } catch (const narke::infeasible_request&) {
    EXPECT_TRUE(has_lost_a_gpu_) << "job " << job.id << " was refused";
    count("refused");
    return nullptr;
  }
  count("tasks");
  return &job;
}

simulated_job* simulated_world::submit_call(simulated_job* by, std::int64_t submitter) {
  if (handles_.empty()) {
    return nullptr;
  }
  const auto which = static_cast<std::size_t>(below(static_cast<int>(handles_.size())));
  const auto handle = handles_[which];
  // Nor may a call wait for others of its own actor.
  if (!handle || (by != nullptr && by->actor >= 0)) {
    return nullptr;
  }
  simulated_job& job = new_job(by, submitter);
  job.actor = static_cast<int>(which);
  job.number = ++actors_[which].next_number[submitter];
  job.ends_actor = one_in(25);
  job.loses_actor = !job.ends_actor && one_in(25);
  // A call may not wait for a task that waits for what the actor holds for life.
  const narke::actor_options& asked = actors_[which].asked;
  if (asked.num_cpus || asked.num_gpus != 0 || !asked.resources.empty()) {
    job.arguments.clear();
  }
  if (job.arguments.empty()) {
    job.ref = handle.task(&simulated_state::call).remote(&job);
  } else {
    job.arguments.resize(1);
    job.ref = handle.task(&simulated_state::call_with).remote(&job, job.arguments[0]->ref);
  }
  count("calls");
  return &job;
}

void simulated_world::put_value() {
  simulated_job& job = new_job(nullptr, 0);
  job.arguments.clear();
  job.is_put = true;
  values value(1 + job.ballast, job.id);
  const auto bytes = static_cast<std::int64_t>(narke::detail::object_bytes(value));
  const std::int64_t used = narke::internal::stored_bytes();
  const bool has_room = store_bytes_ == 0 || used + bytes <= store_bytes_;
  try {
    job.ref = narke::put(std::move(value));
    EXPECT_TRUE(has_room || bytes <= 64) << bytes << " bytes were put beside " << used;
    count("put");
  } catch (const narke::object_store_full_error&) {
    EXPECT_FALSE(has_room) << bytes << " bytes were refused beside " << used;
    count("store full");
  }
}

void simulated_world::make_actor(simulated_job* by) {
  if (handles_.size() >= 4) {
    return;
  }
  simulated_actor& made = actors_.emplace_back();
  made.asked = random_actor_options();
  made.maker = by;
  handles_.emplace_back();
  try {
    const int own = static_cast<int>(handles_.size()) - 1;
    handles_.back() = narke::actor<simulated_state>(made.asked).remote(this, own);
    count("actors");
  } catch (const narke::infeasible_request&) {
    EXPECT_TRUE(has_lost_a_gpu_) << "an actor was refused";
  }
}

void simulated_world::make_group() {
  if (groups_.size() >= 2) {
    return;
  }
  try {
    const bool packs = one_in(2);
    groups_.emplace_back(random_bundles(),
                         narke::placement_group_options{
                             .strategy = packs ? narke::placement_strategy::pack
                                               : narke::placement_strategy::spread});
    count("groups");
  } catch (const narke::infeasible_request&) {
    EXPECT_TRUE(has_lost_a_gpu_ || totals_.gpus.empty() || totals_.cpus < 2)
        << "a group was refused";
  }
}

void simulated_world::cancel_some() {
  for (int i = 0; i != 3 && !jobs_.empty(); ++i) {
    simulated_job& job = jobs_[static_cast<std::size_t>(below(static_cast<int>(jobs_.size())))];
    if (job.ref && !job.is_put && narke::cancel(job.ref)) {
      job.is_cancelled = true;
      count("cancels");
      return;
    }
  }
}

void simulated_world::hurt_an_actor() {
  if (handles_.empty()) {
    return;
  }
  const auto which = static_cast<std::size_t>(below(static_cast<int>(handles_.size())));
  if (handles_[which]) {
    actors_[which].is_hurt = true;
    narke::kill(handles_[which]);
    count("kills");
  }
}

void simulated_world::let_go_of_something() {
  if (one_in(2) && !groups_.empty()) {
    groups_.erase(groups_.begin() + below(static_cast<int>(groups_.size())));
  } else if (!handles_.empty()) {
    handles_[static_cast<std::size_t>(below(static_cast<int>(handles_.size())))] = {};
  }
}

void simulated_world::lose_a_gpu() {
  if (totals_.gpus.empty() || !one_in(3)) {
    return;
  }
  has_lost_a_gpu_ = true;
  const int which = below(static_cast<int>(totals_.gpus.size()));
  totals_.gpus[static_cast<std::size_t>(which)].is_lost = true;
  narke::internal::placement_lane::instance().device_lost(which);
  count("lost GPUs");
}

void simulated_world::run_in_place() {
  for (int i = 0; i != 4 && !jobs_.empty(); ++i) {
    const auto ref = jobs_[static_cast<std::size_t>(below(static_cast<int>(jobs_.size())))].ref;
    if (ref && narke::internal::try_run_in_place(*ref_access::slot(ref))) {
      count("run in place");
      return;
    }
  }
}

void simulated_world::work() {
  while (!is_over_) {
    virtual_runtime::instance().run_queued();
    virtual_threads::yield();
  }
}

// Bodies.

values simulated_world::task_body(simulated_job& job, std::int64_t sum) {
  hold(job, 1);
  struct release {
    simulated_world& world;
    const simulated_job& job;
    ~release() { world.hold(job, -1); }
  } at_end{*this, job};
  return run_body(job, sum);
}

void simulated_world::hold(const simulated_job& job, int sign) {
  if (job.asked.scheduling.kind() == narke::scheduling::wish::bundle) {
    return;
  }
  held_memory_ += sign * double{job.asked.memory};
  held_gpus_ += sign * double{job.asked.num_gpus};
  const auto licenses = job.asked.resources.find("license");
  held_licenses_ += licenses != job.asked.resources.end() ? sign * double{licenses->second} : 0.0;
}

values simulated_world::run_body(simulated_job& job, std::int64_t sum) {
  EXPECT_EQ(++job.bodies, 1) << "job " << job.id << " ran twice";
  note(job.id);
  ++moves_;
  for (int i = below(4); i > 0; --i) {
    virtual_threads::yield();
    ++moves_;
    if (one_in(6) && job.depth < 2) {
      act(&job, job.id);
    }
  }
  // What a child needs may be reserved by the group that its parent runs in.
  const bool may_wait = job.asked.scheduling.kind() != narke::scheduling::wish::bundle;
  if (job.depth < 2 && may_wait && one_in(4)) {
    if (const simulated_job* child = submit_task(&job, job.id)) {
      wait_for(*child);
    }
  }
  ++moves_;
  note(-job.id);
  if (job.is_to_fail) {
    throw simulated_failure{"simulated"};
  }
  values result(1 + job.ballast, 0);
  result[0] = sum + job.id;
  return result;
}

// As get does: in place, else asleep.
void simulated_world::wait_for(const simulated_job& job) {
  narke::detail::result_slot& slot = *ref_access::slot(job.ref);
  if (slot.is_ready() || narke::internal::try_run_in_place(slot)) {
    return;
  }
  count("waits");
  const narke::internal::blocked_section blocked;
  if (--free_workers_ <= 0) {
    ++free_workers_;
    threads_.add([this] { work(); });
  }
  while (!slot.is_ready()) {
    virtual_threads::yield();
  }
  ++free_workers_;
  ++moves_;
}

simulated_state::simulated_state(simulated_world* world, int actor)
    : world_{*world}, actor_{world->actors_[static_cast<std::size_t>(actor)]} {
  EXPECT_EQ(++actor_.states, 1) << "an actor has two states";
}

simulated_state::~simulated_state() {
  EXPECT_EQ(--actor_.states, 0);
  EXPECT_EQ(actor_.inside, 0) << "an actor was destroyed while a call ran";
}

values simulated_state::call(simulated_job* job) { return run(*job, 0); }

values simulated_state::call_with(simulated_job* job, const values& argument) {
  return run(*job, argument[0]);
}

values simulated_state::run(simulated_job& job, std::int64_t sum) {
  EXPECT_LE(++actor_.inside, static_cast<int>(double{actor_.asked.max_concurrency}));
  int& last = actor_.last_begun[job.submitter];
  EXPECT_LT(last, job.number) << "calls of one submitter out of order";
  last = job.number;
  struct leave {
    simulated_actor& actor;
    ~leave() { --actor.inside; }
  } at_end{actor_};
  values result = world_.run_body(job, sum);
  if (job.ends_actor || job.loses_actor) {
    actor_.is_hurt = true;
    world_.count(job.ends_actor ? "actors ended" : "actors lost");
    job.ends_actor ? narke::this_actor::end()
                   : narke::this_actor::fail("simulated");
  }
  return result;
}

}  // namespace narke_test
