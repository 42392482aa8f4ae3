// A placement core with short words for a test: tickets are numbered from 1 and each is a tick
// younger than the one before. Permits of the other lane are not limited here; a test grants what
// it means to.
#pragma once

#include <algorithm>
#include <cstdint>
#include <string>
#include <utility>
#include <vector>

#include <gtest/gtest.h>

#include "resources/resource_request.hpp"
#include "scheduler/placement_core.hpp"

namespace narke_test {

using namespace narke::internal;

inline resource_request cpus(double count) { return make_request({.num_cpus = count}); }

inline resource_request gpus(double count, double num_cpus = 0) {
  return make_request({.num_cpus = num_cpus, .num_gpus = count});
}

inline resource_request custom(const std::string& name, double amount, double num_cpus = 0) {
  return make_request({.num_cpus = num_cpus, .resources = {{name, amount}}});
}

/// 4 CPUs, 2 GPUs of 1000 bytes, 1000 bytes of memory, 2 of a, 2 of b.
inline resource_totals small_machine() {
  return {.cpus = 4,
          .gpus = {{.id = 0, .memory_bytes = 1000}, {.id = 1, .memory_bytes = 1000}},
          .memory_bytes = 1000,
          .custom = {{"a", quantity::from_whole(2)}, {"b", quantity::from_whole(2)}}};
}

class scene {
 public:
  explicit scene(resource_totals totals = small_machine(),
                 int ageing_limit = placement_core::ageing_limit_default)
      : core{std::move(totals), ageing_limit} {}

  ticket_id submit(resource_request request, bool for_life = false) {
    const ticket_id id = ++last_id_;
    core.on_submitted({.id = id,
                       .request = std::move(request),
                       .submitted_ticks = id,
                       .for_life = for_life});
    return id;
  }

  /// A GPU task: its work is ordered before it finishes. `inputs` and `follows` are its hints.
  ticket_id submit_in_order(resource_request request, input_bytes inputs = {},
                            ticket_id follows = 0) {
    const ticket_id id = ++last_id_;
    core.on_submitted({.id = id,
                       .request = std::move(request),
                       .submitted_ticks = id,
                       .in_stream_order = true,
                       .inputs = inputs,
                       .follows = follows});
    return id;
  }

  /// Submits a GPU task, steps and checks that just this one started. Returns what it was given.
  assignment start_in_order(resource_request request, input_bytes inputs = {},
                            ticket_id follows = 0) {
    const ticket_id id = submit_in_order(std::move(request), inputs, follows);
    EXPECT_EQ(step(), std::vector<ticket_id>{id});
    return last.assignments.empty() ? assignment{} : last.assignments[0];
  }

  /// The same, and its work is enqueued at once.
  assignment order_one(resource_request request, input_bytes inputs = {}, ticket_id follows = 0) {
    const auto started = start_in_order(std::move(request), inputs, follows);
    core.on_ordered(started.id);
    return started;
  }

  /// The ids that a step starts, in its order.
  std::vector<ticket_id> step(std::uint64_t other_lane_head_ticks = no_ticks) {
    last = core.step(other_lane_head_ticks);
    std::vector<ticket_id> ids;
    for (const auto& assigned : last.assignments) {
      ids.push_back(assigned.id);
    }
    return ids;
  }

  /// Submits, steps and checks that just this one started.
  ticket_id start(resource_request request, bool for_life = false) {
    const ticket_id id = submit(std::move(request), for_life);
    EXPECT_EQ(step(), std::vector<ticket_id>{id});
    return id;
  }

  /// Grants what the request needs, then start().
  ticket_id start_with_permits(resource_request request, bool for_life = false) {
    core.on_permits_granted(static_cast<int>(request.cpus.ceil_whole()));
    return start(std::move(request), for_life);
  }

  /// Requests for a kind, one after the other, each started and finished: each passes who waits.
  void pass_by(int count, const resource_request& request) {
    for (int i = 0; i < count; ++i) {
      core.on_finished(start(request));
    }
  }

  placement_core core;
  step_result last;

 private:
  ticket_id last_id_ = 0;
};

}  // namespace narke_test
