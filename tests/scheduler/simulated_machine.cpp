#include "simulated_machine.hpp"

#include <algorithm>
#include <utility>

#include <gtest/gtest.h>

namespace narke_test {

simulated_machine::simulated_machine(std::uint64_t seed)
    : random_{seed},
      num_cpus_{1 + below(6)},
      core_{random_totals(), 1 + below(6)},
      idle_permits_{num_cpus_} {}

// What comes.

int simulated_machine::below(int bound) {
  return static_cast<int>(random_() % static_cast<std::uint64_t>(bound));
}

resource_totals simulated_machine::random_totals() {
  resource_totals totals{.cpus = num_cpus_, .memory_bytes = 100};
  const int gpu_count = below(4);
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

// Few different amounts, so that shapes repeat; always feasible.
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

ticket_id simulated_machine::submit() {
  const ticket_id id = ++now_;
  ticket t{.id = id,
           .request = random_request(),
           .submitted_ticks = now_,
           .for_life = one_in(12)};
  pending_.emplace(id, t);
  core_.on_submitted(std::move(t));
  return id;
}

void simulated_machine::submit_fast() { fast_queue_.push_back(++now_); }

template <typename Accept>
std::vector<ticket_id> simulated_machine::running_where(Accept accept) const {
  std::vector<ticket_id> ids;
  for (const auto& [id, task] : running_) {
    if (accept(task)) {
      ids.push_back(id);
    }
  }
  return ids;
}

void simulated_machine::finish(ticket_id id) {
  running_.erase(id);
  core_.on_finished(id);
}

void simulated_machine::finish_one() {
  const auto ids = running_where([](const auto& t) { return !t.blocked && !t.for_life; });
  if (!ids.empty()) {
    finish(pick(ids));
  }
}

void simulated_machine::finish_fast() {
  if (fast_running_ > 0) {
    --fast_running_;
    ++idle_permits_;
  }
}

// On a child that is submitted for the purpose, on somebody who is there, or on something outside.
void simulated_machine::block_one() {
  const auto ids = running_where([](const auto& t) { return !t.blocked; });
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
  switch (below(16)) {
    case 0: case 1: case 2: case 3: case 4:
      submit();
      break;
    case 5: case 6:
      submit_fast();
      break;
    case 7: case 8: case 9:
      finish_one();
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
    default:
      one_in(2) ? cancel_one() : kill_an_actor();
  }
  settle();
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
                                               .for_life = at->second.for_life});
    pending_.erase(at);
    ++started_;
  }
}

// The end.

// True: something moved.
bool simulated_machine::drain_one() {
  if (fast_running_ > 0) {
    finish_fast();
  } else if (!running_where([](const auto& t) { return !t.blocked && !t.for_life; }).empty()) {
    finish_one();
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
  ASSERT_EQ(core_.permits_held(), 0);
  ASSERT_EQ(core_.permits_wanted(), 0);
  ASSERT_EQ(idle_permits_, num_cpus_);
  ASSERT_EQ(core_.available(), full_amounts(core_.totals()));
}

// What must always hold.

void simulated_machine::check() const {
  check_permits();
  check_books();
  check_oldest_does_not_fit();
  check_no_deadlock();
}

void simulated_machine::check_permits() const {
  ASSERT_GE(core_.permits_held(), 0);
  ASSERT_EQ(core_.permits_held() + fast_running_ + idle_permits_, num_cpus_);
  quantity in_use;
  for (const auto& [id, task] : running_) {
    in_use += task.blocked ? quantity::zero() : task.request.cpus;
  }
  ASSERT_EQ(core_.cpus_in_use(), in_use);
  ASSERT_EQ(core_.permits_wanted() == 0, core_.head_ticks() == no_ticks);
}

void simulated_machine::check_books() const {
  resource_amounts expected = full_amounts(core_.totals());
  for (const auto& [id, task] : running_) {
    expected.memory_bytes -= task.held.memory_bytes;
    for (const auto& gpu : task.held.gpus) {
      expected.gpus[static_cast<std::size_t>(gpu.index)].share -= gpu.share;
      expected.gpus[static_cast<std::size_t>(gpu.index)].memory_bytes -= gpu.bytes;
    }
    for (const auto& [name, amount] : task.held.custom) {
      expected.custom[name] -= amount;
    }
  }
  ASSERT_EQ(core_.available(), expected);
  ASSERT_GE(expected.memory_bytes, 0);
  for (const auto& gpu : expected.gpus) {
    ASSERT_GE(gpu.share, quantity::zero());
    ASSERT_GE(gpu.memory_bytes, 0);
  }
  for (const auto& [name, amount] : expected.custom) {
    ASSERT_GE(amount, quantity::zero()) << name;
  }
}

// Told from the free amounts alone, without the ledger.
bool simulated_machine::fits(const resource_request& request) const {
  const auto& free = core_.available();
  const quantity each = std::min(request.gpus, quantity::one());
  const auto good = std::count_if(free.gpus.begin(), free.gpus.end(), [&](const auto& gpu) {
    return gpu.share >= each && gpu.memory_bytes >= request.gpu_memory_bytes;
  });
  return good >= request.gpus.ceil_whole() && request.memory_bytes <= free.memory_bytes &&
         std::all_of(request.custom.begin(), request.custom.end(), [&](const auto& wanted) {
           return wanted.amount <= free.custom.at(wanted.name);
         });
}

void simulated_machine::check_oldest_does_not_fit() const {
  if (pending_.empty()) {
    return;
  }
  const auto& oldest = pending_.begin()->second.request;
  const bool has_cpus = oldest.cpus.is_zero() || oldest.cpus <= core_.cpu_balance();
  ASSERT_FALSE(fits(oldest) && has_cpus) << "ticket " << pending_.begin()->first << " could run";
}

// When nobody runs who would let go by himself, nothing may be kept from anybody: a blocked task
// may wait for just that.
void simulated_machine::check_no_deadlock() const {
  const auto runners = running_where([](const auto& t) { return !t.blocked && !t.for_life; });
  if (fast_running_ > 0 || !runners.empty()) {
    return;
  }
  const quantity cpus = core_.cpu_balance() + quantity::from_whole(idle_permits_);
  for (const auto& [id, waiting] : pending_) {
    const bool has_cpus = waiting.request.cpus.is_zero() || waiting.request.cpus <= cpus;
    ASSERT_FALSE(fits(waiting.request) && has_cpus) << "ticket " << id << " is held back for ever";
  }
}

}  // namespace narke_test
