// The placement lane as a pure core: events in, assignments out. It has no threads, no clock and no
// locks; one owner (the runtime) calls it under one mutex, and calls step() after every batch of
// events. The same events give the same assignments, so a seeded simulation can run its histories.
//
// Order. Requests run oldest first; one that does not fit lets later ones pass. Two exceptions:
//
//   CPUs. The oldest request that lacks only CPUs is the *collector*: the lane's free CPUs are kept
//   for it. Of 4 CPUs, 2 free, requests [3 CPUs, 1 CPU, GPU only]: the first collects and holds 2,
//   the second waits, the third runs. There is one collector at a time, so a task of several CPUs
//   neither starves nor deadlocks with another. Nothing else is kept: when a request that needs no
//   CPU takes its licence meanwhile, the next in line collects. A request for CPUs that actors hold
//   for life does not collect; it could wait for ever, and everything behind it too.
//
//   Ageing. A request that `ageing_limit` later ones have passed reserves the kinds of resources
//   that it needs: later requests for them wait. It does so only while each holder of what it lacks
//   is sure to let go by itself. A holder that is blocked, or an actor, may wait for exactly such a
//   later request, and then reserving would be a deadlock that plain passing does not have. For the
//   same reason it leaves out a kind that it could have at once but of which a blocked ticket or an
//   actor holds some. GPUs are told apart by instance: such a holder does not matter when the
//   request fits beside all of them.
//
// GPUs in stream order. A GPU task's body only enqueues work, so the next task of the same shape
// takes its share over without a wait on the host (stream_shares.hpp). It chooses between the
// passable shares of its shape and a fresh allocation:
//
//   1. what has most of its input bytes, when its queue (members in flight, 0 if fresh) is at most
//      `queue_lead_max` longer than the shortest;
//   2. else, as also between equals of 1: the share whose newest member it follows; a fresh
//      allocation; the share with the fewest members, then the one with the lowest id.
//
//   A share whose newest member it follows counts as an empty queue: the end of that member has to
//   be waited for on any device. Example: GPUs 0 and 1 each have a passable share, with 12 and 3
//   members; 1 MB of its inputs lie on GPU 0. 12 > 3 + 8, so it goes to GPU 1; with 11 members, or
//   when it follows the 12th, to GPU 0.
//
//   A share that is not passable, since its newest body is being called, will be in a moment, or
//   empty. So it counts among the queues of 1, and a choice of 2 whose queue is by more than
//   `handing_lead_max` longer is not taken: the ticket waits. Else the share whose submitter
//   happens to be quicker would get them all.
//
//   Successors pass older requests that need GPUs for real (CPU tasks, actors, other shapes), and
//   each counts as passing. After `ageing_limit` of them the GPUs are reserved: shares are not
//   handed over, run empty, and the old request gets its turn. A ticket that waits for the newest
//   member of a share to be ordered reserves nothing: that comes by itself.
//
// Placement groups. A group is asked for and held like an actor; what its bundles have is given to
// the tickets in them by bundle_pool.hpp. It is given back when it was released and nobody waits or
// runs in it.
//
// Lost GPUs. What they hold returns nowhere, and pending requests that can never be met any more
// leave the core by take_infeasible.
//
// CPUs are whole permits between the lanes and fixed point inside this one: two tasks of 0.5 CPUs
// share a permit. A task that resumes from a wait goes on at once, so the balance (permits held −
// CPUs in use) may be below zero for a moment; that deficit is the first thing this lane asks for.
#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "base/quantity.hpp"
#include "resources/ledger.hpp"
#include "resources/resource_kinds.hpp"
#include "resources/resource_totals.hpp"
#include "scheduler/bundle_pool.hpp"
#include "scheduler/pending_shapes.hpp"
#include "scheduler/running_tickets.hpp"
#include "scheduler/stream_shares.hpp"
#include "scheduler/ticket.hpp"

namespace narke::internal {

struct share_choice;

/// A ticket in stream order, but for its request.
struct follower {
  ticket_id id = 0;
  ticket_id follows = 0;
  const input_bytes& inputs;
};

class placement_core {
 public:
  static constexpr int ageing_limit_default = 64;
  static constexpr int queue_lead_max = 8;
  static constexpr int handing_lead_max = 2;

  explicit placement_core(resource_totals totals, int ageing_limit = ageing_limit_default);

  // Events. Each throws std::logic_error when it contradicts what was told before.

  /// Requires: infeasible_reason(t.request) is empty, and the id is not in use.
  void on_submitted(ticket t);
  /// The same, for a request that may be infeasible: false then, and nothing has happened.
  [[nodiscard]] bool try_submit(ticket t);
  /// The same and the step after it at once, when nothing waits and that step could only hand `t`
  /// the share whose newest member it follows: what chains of GPU tasks do. Null: nothing has
  /// happened. The result holds until the next event.
  [[nodiscard]] const assignment* try_follow(const resource_request& request, const follower& t);
  /// True: it was pending and is gone. False: it is not pending.
  bool on_cancelled(ticket_id id);
  /// A running ticket in stream order: its work is enqueued.
  void on_ordered(ticket_id id);
  /// A running or blocked one: everything goes back, but a share that others run on.
  void on_finished(ticket_id id);
  /// It waits in `get`: its CPUs are free, everything else stays held.
  void on_blocked(ticket_id id);
  /// It goes on at once: the balance may go below zero.
  void on_unblocked(ticket_id id);
  /// Whole CPUs handed to this lane.
  void on_permits_granted(int count);
  /// The GPUs that `totals` has, and the names that it has more. Requires: there were no GPUs.
  void on_gpus_known(const resource_totals& totals);
  /// A placement group, of which the handles are gone. take_empty_groups says when it is over.
  void on_group_released(ticket_id id);
  /// By its place in resource_totals::gpus. What runs there is still to be finished, one by one. A
  /// second time does nothing.
  void on_device_lost(int gpu_index);

  /// Decides what runs. `other_lane_head_ticks`: when the oldest of the fast lane was submitted, or
  /// no_ticks. The result holds until the next step.
  [[nodiscard]] const step_result& step(std::uint64_t other_lane_head_ticks);

  /// What waited and can never run since a device was lost, oldest first, those that waited in the
  /// bundles of such a group behind it; each is told once and is not pending any more.
  /// infeasible_reason says why. A group among them is still to be released.
  [[nodiscard]] std::vector<ticket_id> take_infeasible();

  /// A step would decide nothing and give nothing back: nothing waits and there are no CPUs.
  [[nodiscard]] bool has_nothing_to_decide() const {
    return pending_.size() == 0 && permits_held_ == 0 && cpus_in_use_.is_zero() && !collector_ &&
           passed_other_lane_ == 0 && bundles_.pending_count() == 0 && empty_groups_.empty() &&
           infeasible_.empty();
  }
  /// Groups that were released, and are over since nobody is in them; each is told once.
  [[nodiscard]] std::vector<ticket_id> take_empty_groups();
  /// Where the bundles of a running group are.
  [[nodiscard]] std::vector<bundle_place> places_of(ticket_id group) const;

  // What this lane asks of the other, as of the last step and the events since.

  /// Whole CPUs that would pay the deficit, else let the collector run; 0 = none.
  [[nodiscard]] int permits_wanted() const;
  /// When the collector was submitted, 0 for a deficit; no_ticks when permits_wanted() is 0.
  [[nodiscard]] std::uint64_t head_ticks() const;

  // State, for reports.

  /// Why this request can never run here; nullopt when it can.
  [[nodiscard]] std::optional<std::string> infeasible_reason(const resource_request& request) const;
  [[nodiscard]] const resource_amounts& available() const { return ledger_.available(); }
  [[nodiscard]] const resource_totals& totals() const { return ledger_.totals(); }
  [[nodiscard]] int permits_held() const { return permits_held_; }
  /// CPUs of running tickets, those that are blocked not counted.
  [[nodiscard]] quantity cpus_in_use() const { return cpus_in_use_; }
  /// Permits held − CPUs in use.
  [[nodiscard]] quantity cpu_balance() const;
  [[nodiscard]] std::optional<ticket_id> collector() const;
  /// Oldest first.
  [[nodiscard]] std::vector<ticket_id> pending_ids() const;
  [[nodiscard]] std::size_t pending_count() const {
    return pending_.size() + bundles_.pending_count();
  }
  [[nodiscard]] std::size_t running_count() const {
    return running_.size() + bundles_.running_count();
  }
  [[nodiscard]] std::size_t share_count() const { return shares_.size(); }
  [[nodiscard]] ticket_explanation explain(ticket_id id) const;

 private:
  struct collecting {
    ticket_id id;
    std::uint64_t ticks;
    quantity cpus;
  };
  struct reservation {
    ticket_id id;
    resource_kinds kinds;
  };

  void give_cpus(const running_ticket& entry, int sign);
  void end_empty_groups();
  [[nodiscard]] bool consider(pending_shape& shape, std::uint64_t other_lane_head_ticks);
  void assign(pending_shape& shape);
  [[nodiscard]] bool consider_handing_over(pending_shape& shape);
  [[nodiscard]] share_choice choose_share(const pending_shape& shape);
  [[nodiscard]] share_choice fresh_share(const resource_request& request,
                                         const input_bytes& inputs);
  void assign_share(pending_shape& shape, const share_choice& choice);
  void leave_share(stream_share& share, ticket_id id);
  [[nodiscard]] resource_kinds stuck(const resource_request& request,
                                     const resource_kinds& kinds) const;
  void reserve(const pending_shape& shape, const resource_kinds& missing, bool lacks_cpus);
  [[nodiscard]] resource_kinds missing_now(const resource_request& request) const;
  [[nodiscard]] bool may_collect(const resource_request& request) const;
  [[nodiscard]] int take_surplus(std::uint64_t other_lane_head_ticks);
  void explain_pending(const pending_ticket& entry, ticket_explanation& result) const;
  void explain_handing_over(const pending_ticket& entry, ticket_explanation& result) const;
  [[nodiscard]] bool has_reserved_gpus(ticket_id id) const;
  [[nodiscard]] const reservation* reservation_before(const pending_ticket& entry) const;
  [[nodiscard]] std::vector<missing_resource> list_missing(const resource_request& request,
                                                           const resource_kinds& missing,
                                                           bool short_of_cpus) const;

  const int ageing_limit_;
  ledger ledger_;
  pending_shapes pending_;
  running_tickets running_;
  stream_shares shares_;
  bundle_pools bundles_;
  std::map<ticket_id, std::vector<bundle_place>> places_;  // of the groups that run
  std::vector<ticket_id> infeasible_;    // not taken yet
  std::vector<ticket_id> empty_groups_;  // not taken yet
  int permits_held_ = 0;
  quantity cpus_in_use_;
  int passed_other_lane_ = 0;            // tickets that ran before an older head of the other lane
  quantity cpus_in_use_for_life_;        // of these, by actors
  std::optional<collecting> collector_;  // decided by each step
  std::vector<reservation> reservations_;  // decided by each step

  // Of one step, kept for their memory.
  step_result result_;
  assignment followed_;
  shape_line line_;
  std::vector<std::pair<pending_shape*, std::size_t>> waiting_;  // with the assignments before it
  std::vector<int> fresh_gpus_;
};

}  // namespace narke::internal
