// Nothing starves: on a machine where whoever runs ends by himself, a request is passed by no more
// later ones that need what it needs than the ageing limit says, and those of the step in which it
// was reached. Random histories of the placement core. (What actors and blocked tasks change about
// it stands in ../scheduler/placement_starvation_test.cpp.)
#include <gtest/gtest.h>

#include <algorithm>
#include <cstdint>
#include <map>
#include <random>
#include <set>

#include <support/watchdog.hpp>

#include "scheduler/placement_core.hpp"
#include "simulation/seeds.hpp"

namespace narke_test {
namespace {

using namespace narke::internal;

class calm_machine {
 public:
  explicit calm_machine(std::uint64_t seed)
      : random_{seed}, limit_{1 + below(6)}, cpus_{1 + below(4)}, core_{random_totals(), limit_} {}

  void run() {
    for (int i = 0; i != 150 && !testing::Test::HasFatalFailure(); ++i) {
      below(5) < 3 ? submit() : finish_one();
      settle();
    }
    while (!running_.empty() && !testing::Test::HasFatalFailure()) {
      finish_one();
      settle();
    }
    ASSERT_TRUE(pending_.empty()) << "ticket " << pending_.begin()->first << " never ran";
    ASSERT_EQ(core_.available(), full_amounts(core_.totals()));
  }
  [[nodiscard]] int most_passes() const { return most_passes_; }
  [[nodiscard]] int limit() const { return limit_; }

 private:
  struct waiting {
    resource_request request;
    resource_kinds kinds;
    int passes = 0;
  };

  int below(int bound) { return static_cast<int>(random_() % static_cast<unsigned>(bound)); }
  resource_totals random_totals() {
    resource_totals totals{.cpus = cpus_, .memory_bytes = 100};
    for (int id = below(4); id > 0; --id) {
      totals.gpus.push_back({.id = static_cast<int>(totals.gpus.size()), .memory_bytes = 100});
    }
    totals.custom = {{"a", quantity::from_whole(3)}, {"b", quantity::one()}};
    return totals;
  }

  void submit() {
    const int gpus = static_cast<int>(core_.totals().gpus.size());
    resource_request request{.cpus = quantity::from_steps(5'000 * below(2 * cpus_ + 1))};
    if (gpus != 0 && below(2) == 0) {
      request.gpus = below(3) == 0 ? quantity::from_whole(1 + below(gpus))
                                   : quantity::from_steps(2'500 * (1 + below(3)));
    }
    if (below(4) == 0) request.memory_bytes = 30 * (1 + below(3));
    if (below(2) == 0) request.custom.push_back({"a", quantity::from_whole(1 + below(3))});
    if (below(5) == 0) request.custom.push_back({"b", quantity::one()});
    const ticket_id id = ++last_;
    pending_[id] = {.request = request, .kinds = resource_kinds::needed_by(request)};
    core_.on_submitted({.id = id, .request = request, .submitted_ticks = id});
  }
  void finish_one() {
    if (running_.empty()) return;
    const auto which = std::next(running_.begin(), below(static_cast<int>(running_.size())));
    core_.on_finished(*which);
    running_.erase(which);
  }

  // All CPUs that the lane has not are there for it.
  void settle() {
    for (bool moves = true; moves;) {
      const step_result& result = core_.step(no_ticks);
      note_passes(result);
      const int wanted = std::min(core_.permits_wanted(), cpus_ - core_.permits_held());
      core_.on_permits_granted(wanted);
      moves = wanted > 0 || !result.assignments.empty();
    }
  }
  void note_passes(const step_result& result) {
    std::map<ticket_id, resource_kinds> begun;
    for (const assignment& each : result.assignments) {
      begun.emplace(each.id, pending_.at(each.id).kinds);
      pending_.erase(each.id);
      running_.insert(each.id);
    }
    most_at_once_ = std::max(most_at_once_, static_cast<int>(begun.size()));
    for (auto& [id, one] : pending_) {
      for (const auto& [other, kinds] : begun) {
        one.passes += other > id && !kinds.common_with(one.kinds).empty() && is_head(id) ? 1 : 0;
      }
      most_passes_ = std::max(most_passes_, one.passes);
      ASSERT_LE(one.passes, limit_ + most_at_once_) << "ticket " << id << " starves";
    }
  }
  // Equal requests stand in one row, and the first of them ages.
  [[nodiscard]] bool is_head(ticket_id id) const {
    const resource_request& request = pending_.at(id).request;
    return std::none_of(pending_.begin(), pending_.find(id), [&](const auto& each) {
      return each.second.request == request;
    });
  }

  std::mt19937_64 random_;
  const int limit_;
  const int cpus_;
  placement_core core_;
  ticket_id last_ = 0;
  std::map<ticket_id, waiting> pending_;
  std::set<ticket_id> running_;
  int most_at_once_ = 0;
  int most_passes_ = 0;
};

TEST(starvation, nobody_is_passed_more_often_than_the_ageing_limit_says) {
  const seed_range seeds = seeds_from_environment(2'000);
  std::uint64_t aged = 0;
  for (std::uint64_t seed = seeds.first; seed != seeds.first + seeds.count; ++seed) {
    SCOPED_TRACE(command_for_seed(seed));
    calm_machine machine{seed};
    machine.run();
    aged += machine.most_passes() >= machine.limit() ? 1 : 0;
    if (HasFailure()) return;
  }
  if (seeds.count >= 100) {
    EXPECT_GT(aged, seeds.count / 10) << "the limit is hardly ever reached";
  }
}

}  // namespace
}  // namespace narke_test
