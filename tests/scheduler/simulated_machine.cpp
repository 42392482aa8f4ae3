#include "simulated_machine.hpp"

#include <algorithm>
#include <utility>

#include <gtest/gtest.h>

namespace narke_test {

simulated_machine::simulated_machine(std::uint64_t seed)
    : random_{seed},
      is_mostly_gpu_{one_in(2)},
      num_cpus_{1 + below(6)},
      core_{random_totals(), 1 + below(6)},
      idle_permits_{num_cpus_} {}

// What comes.

int simulated_machine::below(int bound) {
  return static_cast<int>(random_() % static_cast<std::uint64_t>(bound));
}

resource_totals simulated_machine::random_totals() {
  resource_totals totals{.cpus = num_cpus_, .memory_bytes = 100};
  const int gpu_count = is_mostly_gpu_ ? 1 + below(3) : below(4);
  for (int id = 0; id < gpu_count; ++id) {
    totals.gpus.push_back({.id = id, .memory_bytes = 100, .numa_node = 0});
  }
  totals.custom = {{"a", quantity::from_whole(1 + below(3))}, {"b", quantity::one()}};
  return totals;
}

quantity simulated_machine::random_cpus() {
  switch (below(4)) {
    case 0:
      return quantity::zero();
    case 1:
      return quantity::from_steps(2'500 * (1 + below(3)));
    case 2:
      return quantity::one();
    default:
      return quantity::from_whole(1 + below(num_cpus_));
  }
}

// Few different amounts, so that shapes repeat.
resource_request simulated_machine::random_request() {
  const auto& totals = core_.totals();
  const auto gpu_count = static_cast<int>(totals.gpus.size());
  resource_request request{.cpus = random_cpus()};
  if (gpu_count > 0 && one_in(2)) {
    request.gpus = one_in(2) ? quantity::from_steps(2'500 * (1 + below(3)))
                             : quantity::from_whole(1 + below(gpu_count));
    request.gpu_memory_bytes = one_in(3) ? 30 * (1 + below(3)) : 0;
  }
  if (one_in(6)) request.memory_bytes = 40;
  if (one_in(3)) {
    const auto most = static_cast<int>(totals.custom.at("a").whole());
    request.custom.push_back({"a", quantity::from_whole(1 + below(most))});
  }
  if (one_in(5)) request.custom.push_back({"b", quantity::from_steps(5'000)});
  return request;
}

resource_request simulated_machine::random_gpu_request() {
  constexpr int quarters[] = {1, 2, 4, 8};
  resource_request request{.gpus = quantity::from_steps(2'500 * quarters[below(4)])};
  if (is_mostly_gpu_ && !one_in(3)) {
    request.gpus = quantity::one();
    return request;
  }
  if (one_in(8)) request.gpu_memory_bytes = 30;
  if (one_in(8)) request.wish = placement_wish::spread;
  if (one_in(12)) request.cpus = quantity::one();
  return request;
}

// Always feasible.
ticket simulated_machine::random_ticket() {
  ticket t{.id = ++now_, .request = random_request(), .submitted_ticks = now_};
  t.for_life = one_in(12);
  if (!core_.totals().gpus.empty() && (one_in(2) || (is_mostly_gpu_ && !one_in(4)))) {
    t.request = random_gpu_request();
    t.in_stream_order = !one_in(6);
    t.for_life = one_in(is_mostly_gpu_ ? 60 : 20);
    t.inputs = {{below(4), below(3)}, {below(4), below(3)}};
    t.follows = one_in(2) && !running_.empty() ? running_.rbegin()->first : 0;
  }
  if (!can_ever_fit(t.request)) {
    t.request = {.cpus = quantity::one()};
  }
  return t;
}

ticket_id simulated_machine::submit() {
  ticket t = random_ticket();
  const ticket_id id = t.id;
  pending_.emplace(id, t);
  core_.on_submitted(std::move(t));
  return id;
}

void simulated_machine::submit_fast() { fast_queue_.push_back(++now_); }

void simulated_machine::leave_share(ticket_id id) {
  const auto at = shares_.find(running_.at(id).share);
  if (at != shares_.end()) {
    std::erase(at->second.members, id);
    if (at->second.members.empty()) {
      shares_.erase(at);
    }
  }
}

void simulated_machine::finish(ticket_id id) {
  leave_share(id);
  running_.erase(id);
  core_.on_finished(id);
}

// A member in the order of its share; before it was ordered, because its body threw; on a lost GPU
// at any time.
bool simulated_machine::may_finish(ticket_id id, const running_task& task) const {
  if (task.share == 0 || !task.ordered) {
    return true;
  }
  const running_share& share = shares_.at(task.share);
  return share.members.front() == id || is_lost(share);
}

bool simulated_machine::finish_one() {
  auto ids = running_where([](const auto& t) { return !t.blocked && !t.for_life; });
  std::erase_if(ids, [this](ticket_id id) { return !may_finish(id, running_.at(id)); });
  const bool may_throw = one_in(6);
  const auto throws = [&](ticket_id id) {
    return running_.at(id).share != 0 && !running_.at(id).ordered;
  };
  if (!may_throw && !std::all_of(ids.begin(), ids.end(), throws)) {
    std::erase_if(ids, throws);
  }
  if (ids.empty()) {
    return false;
  }
  finish(pick(ids));
  return true;
}

bool simulated_machine::order_one() {
  const auto ids =
      running_where([](const auto& t) { return t.share != 0 && !t.ordered && !t.blocked; });
  if (ids.empty()) {
    return false;
  }
  const ticket_id id = pick(ids);
  running_.at(id).ordered = true;
  core_.on_ordered(id);
  return true;
}

// All that can never run any more is told, oldest first, and nothing else.
void simulated_machine::lose_a_gpu() {
  const auto count = static_cast<int>(core_.totals().gpus.size());
  if (count == 0) {
    return;
  }
  core_.on_device_lost(below(count));
  std::vector<ticket_id> expected;
  for (const auto& [id, waiting] : pending_) {
    if (!can_ever_fit(waiting.request)) {
      expected.push_back(id);
    }
  }
  ASSERT_EQ(core_.take_infeasible(), expected);
  for (const ticket_id id : expected) {
    pending_.erase(id);
  }
  told_infeasible_ += static_cast<int>(expected.size());
}

void simulated_machine::finish_fast() {
  if (fast_running_ > 0) {
    --fast_running_;
    ++idle_permits_;
  }
}

// On a child that is submitted for the purpose, on somebody who is there, or on something outside.
// Work that is enqueued never blocks.
void simulated_machine::block_one() {
  const auto ids = running_where([](const auto& t) { return !t.blocked && !t.ordered; });
  if (ids.empty()) {
    return;
  }
  const ticket_id id = pick(ids);
  auto& task = running_.at(id);
  task.blocked = true;
  switch (below(4)) {
    case 0: case 1:
      task.waits_for = submit();
      break;
    case 2:
      task.waits_for = 1 + static_cast<ticket_id>(below(static_cast<int>(now_)));
      break;
    default:
      task.waits_for = 0;
  }
  core_.on_blocked(id);
}

bool simulated_machine::is_done(ticket_id id) const {
  return !pending_.contains(id) && !running_.contains(id);
}

bool simulated_machine::unblock_one() {
  const auto ids =
      running_where([this](const auto& t) { return t.blocked && is_done(t.waits_for); });
  if (ids.empty()) {
    return false;
  }
  const ticket_id id = pick(ids);
  running_.at(id).blocked = false;
  core_.on_unblocked(id);
  return true;
}

void simulated_machine::cancel_one() {
  if (pending_.empty()) {
    return;
  }
  const auto at = std::next(pending_.begin(), below(static_cast<int>(pending_.size())));
  ASSERT_TRUE(core_.on_cancelled(at->first));
  pending_.erase(at);
}

void simulated_machine::kill_an_actor() {
  const auto ids = running_where([](const auto& t) { return t.for_life; });
  if (!ids.empty()) {
    finish(pick(ids));
  }
}

void simulated_machine::one_event() {
  switch (below(21)) {
    case 0: case 1: case 2: case 3: case 4:
      submit();
      break;
    case 5: case 6:
      submit_fast();
      break;
    case 7: case 8: case 9:
      (void)finish_one();
      break;
    case 10: case 11:
      finish_fast();
      break;
    case 12: case 13:
      block_one();
      break;
    case 14:
      unblock_one();
      break;
    case 15:
      one_in(2) ? cancel_one() : kill_an_actor();
      break;
    case 16:
      if (one_in(6)) lose_a_gpu();
      break;
    default:
      (void)order_one();
  }
  if (!testing::Test::HasFatalFailure()) settle();
}

// What the runtime does.

std::uint64_t simulated_machine::fast_head() const {
  return fast_queue_.empty() ? no_ticks : fast_queue_.front();
}

void simulated_machine::settle() {
  int rounds = 0;
  while (settle_once()) {
    ASSERT_LT(++rounds, 1000) << "permits go round in circles";
    if (testing::Test::HasFatalFailure()) return;
  }
  check();
}

// A step, then each idle permit to the lane whose head is older. True: something moved.
bool simulated_machine::settle_once() {
  const step_result& result = core_.step(fast_head());
  take(result);
  bool moved = !result.assignments.empty() || result.permits_to_return > 0;
  if (idle_permits_ == 0) {
    return moved;
  }
  const int wanted = core_.permits_wanted();
  if (wanted > 0 && core_.head_ticks() < fast_head()) {
    const int given = std::min(wanted, idle_permits_);
    idle_permits_ -= given;
    core_.on_permits_granted(given);
    moved = true;
  } else if (!fast_queue_.empty()) {
    fast_queue_.pop_front();
    --idle_permits_;
    ++fast_running_;
    moved = true;
  }
  return moved;
}

void simulated_machine::take(const step_result& result) {
  idle_permits_ += result.permits_to_return;
  for (const auto& assigned : result.assignments) {
    const auto at = pending_.find(assigned.id);
    ASSERT_NE(at, pending_.end()) << "ticket " << assigned.id << " was not pending";
    const bool needs_cpus = !at->second.request.cpus.is_zero();
    if (needs_cpus) {
      ASSERT_GE(core_.cpu_balance(), quantity::zero()) << "started in a deficit";
      ASSERT_LT(assigned.id, core_.collector().value_or(no_ticks)) << "took from the collector";
    }
    running_.emplace(assigned.id, running_task{.request = at->second.request,
                                               .held = *assigned.granted,
                                               .for_life = at->second.for_life,
                                               .share = assigned.share});
    take_share(assigned, at->second);
    if (testing::Test::HasFatalFailure()) return;
    pending_.erase(at);
    ++started_;
  }
}

void simulated_machine::take_share(const assignment& assigned, const ticket& t) {
  ASSERT_EQ(assigned.share != 0, t.in_stream_order);
  for (const auto& gpu : assigned.granted->gpus) {
    ASSERT_FALSE(is_lost(gpu.index)) << "ticket " << t.id << " started on a lost GPU";
  }
  if (assigned.is_successor) {
    ASSERT_TRUE(shares_.contains(assigned.share));
    running_share& share = shares_.at(assigned.share);
    ASSERT_TRUE(is_passable(share)) << "ticket " << t.id << " came too early";
    ASSERT_EQ(share.request, t.request);
    ASSERT_EQ(share.held.serial, assigned.granted->serial);
    share.members.push_back(t.id);
    ++handed_over_;
  } else if (t.in_stream_order) {
    ASSERT_GT(assigned.share, last_share_) << "a share's id was used again";
    last_share_ = assigned.share;
    const bool asks_for_gpus_only = t.request.cpus.is_zero() && t.request.memory_bytes == 0 &&
                                    t.request.custom.empty();
    shares_[assigned.share] = {.request = t.request,
                               .held = *assigned.granted,
                               .members = {t.id},
                               .is_handed_over = asks_for_gpus_only && !t.for_life};
  }
}

// What the model knows of shares and GPUs.

bool simulated_machine::is_lost(int gpu_index) const {
  return core_.totals().gpus[static_cast<std::size_t>(gpu_index)].is_lost;
}

bool simulated_machine::is_lost(const running_share& share) const {
  return std::any_of(share.held.gpus.begin(), share.held.gpus.end(),
                     [this](const auto& gpu) { return is_lost(gpu.index); });
}

// Its newest member may have thrown; those before it were ordered.
bool simulated_machine::is_passable(const running_share& share) const {
  return share.is_handed_over && !is_lost(share) && running_.at(share.members.back()).ordered;
}

// Unless a much shorter one of the same kind will be passable in a moment.
bool simulated_machine::may_take_over(const ticket& t) const {
  if (!t.in_stream_order || t.for_life) {
    return false;
  }
  constexpr std::size_t none = SIZE_MAX / 2;
  std::size_t passable = none;
  std::size_t soon = none;
  for (const auto& [id, share] : shares_) {
    if (share.request == t.request && share.is_handed_over && !is_lost(share)) {
      std::size_t& fewest = is_passable(share) ? passable : soon;
      fewest = std::min(fewest, share.members.size());
    }
  }
  return passable != none && passable <= soon + placement_core::handing_lead_max;
}

// Told from the totals alone, without the ledger; what does not concern GPUs always fits.
bool simulated_machine::can_ever_fit(const resource_request& request) const {
  const auto& gpus = core_.totals().gpus;
  const auto good = std::count_if(gpus.begin(), gpus.end(), [&](const auto& gpu) {
    return !gpu.is_lost && gpu.memory_bytes >= request.gpu_memory_bytes;
  });
  return good >= request.gpus.ceil_whole();
}

// The end.

// True: something moved.
bool simulated_machine::drain_one() {
  if (fast_running_ > 0) {
    finish_fast();
  } else if (one_in(2) && order_one()) {
  } else if (finish_one()) {
  } else if (unblock_one()) {
  } else if (!running_where([](const auto& t) { return t.for_life; }).empty()) {
    kill_an_actor();
  } else if (!running_.empty()) {
    finish(running_.begin()->first);
  } else {
    return false;
  }
  return true;
}

void simulated_machine::drain() {
  settle();
  while (!testing::Test::HasFatalFailure() && drain_one()) {
    settle();
  }
  ASSERT_TRUE(pending_.empty()) << "ticket " << pending_.begin()->first << " never ran";
  ASSERT_TRUE(fast_queue_.empty());
  ASSERT_EQ(core_.pending_count(), 0u);
  ASSERT_EQ(core_.running_count(), 0u);
  ASSERT_EQ(core_.share_count(), 0u);
  ASSERT_EQ(core_.permits_held(), 0);
  ASSERT_EQ(core_.permits_wanted(), 0);
  ASSERT_EQ(idle_permits_, num_cpus_);
  ASSERT_EQ(core_.available(), full_amounts(core_.totals()));
}

}  // namespace narke_test
