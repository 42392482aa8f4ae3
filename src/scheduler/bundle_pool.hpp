// The bundles of the placement groups: what each has, who waits for it and who runs in it. Part of
// the placement core; same owner, no locks.
//
// A group is a ticket of the core like an actor: it waits, ages and is granted whole, and holds all
// that its bundles ask for until it is released and nobody is in it any more. Inside of a bundle
// the oldest ticket goes first, and those that do not fit let later ones pass; after `ageing_limit`
// of these nobody passes, unless somebody holds a part of the bundle who may never let go: blocked,
// or an actor.
//
// Tickets in stream order get their part of a GPU each for itself: inside a bundle none is handed
// over.
#pragma once

#include <cstddef>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include "resources/allocation.hpp"
#include "resources/group_placement.hpp"
#include "resources/resource_request.hpp"
#include "scheduler/ticket.hpp"

namespace narke::internal {

class bundle_pools {
 public:
  explicit bundle_pools(int ageing_limit) : ageing_limit_{ageing_limit} {}

  // Groups.

  /// A group that waits: tickets may already be submitted to it.
  void add_group(ticket_id group, const group_request& request);
  [[nodiscard]] bool has_group(ticket_id group) const { return groups_.contains(group); }
  /// It has its resources.
  void open(ticket_id group, const std::vector<bundle_place>& places, const allocation& granted);
  /// No ticket will come any more.
  void close(ticket_id group);
  /// It waits, and can never have its resources any more: those that wait in it leave, into
  /// `infeasible`. It stays, for whoever submits to it, until it is removed.
  void lose_group(ticket_id group, std::vector<ticket_id>& infeasible);
  /// Closed, and nobody is in it: those that are to be given back. Each is told once.
  [[nodiscard]] std::vector<ticket_id> take_empty();
  void remove_group(ticket_id group) { groups_.erase(group); }

  // Tickets in bundles.

  /// Why the bundle can never do that: "asks CPU: 3; bundle 1 of its placement group has CPU: 2".
  [[nodiscard]] std::optional<std::string> infeasible_reason(const resource_request& request) const;
  void submit(const ticket& t);
  /// False when it does not wait in a bundle.
  bool cancel(ticket_id id);
  [[nodiscard]] bool is_running(ticket_id id) const { return running_.contains(id); }
  void finish(ticket_id id);
  void block(ticket_id id);
  void unblock(ticket_id id);
  /// Tickets that can never be met any more leave, into `infeasible`.
  void lose_gpu(int gpu_index, std::vector<ticket_id>& infeasible);
  /// Appends what runs from here on.
  void step(std::vector<assignment>& assignments);

  [[nodiscard]] std::vector<ticket_id> pending_ids() const;
  [[nodiscard]] std::size_t pending_count() const { return pending_.size(); }
  [[nodiscard]] std::size_t running_count() const { return running_.size(); }
  [[nodiscard]] bool is_pending(ticket_id id) const { return pending_.contains(id); }
  /// Of a running one.
  [[nodiscard]] bool is_blocked(ticket_id id) const { return running_.at(id).is_blocked; }

 private:
  struct waiting_ticket {
    ticket asked;
    int passed_by = 0;
  };
  struct bundle_state {
    bundle_request total;
    // Free, once the group is open.
    quantity cpus;
    std::int64_t memory_bytes = 0;
    std::vector<custom_amount> custom;
    std::vector<gpu_share> gpus;  // what is left of each
    int numa_node = -1;

    std::vector<waiting_ticket> waiting;  // oldest first
    int sticky = 0;                       // running tickets of which no end can be counted on
    bool is_dirty = false;                // a look may find something to run
  };
  struct group_state {
    std::vector<bundle_state> bundles;
    bool is_open = false;
    bool is_closed = false;
    bool is_lost = false;
    std::size_t tickets = 0;
  };
  struct running_in_bundle {
    ticket_id group;
    std::size_t bundle;
    resource_request request;
    allocation held;
    bool for_life = false;
    bool is_blocked = false;
  };
  struct place_of_ticket {
    ticket_id group;
    std::size_t bundle;
  };

  bundle_state& bundle_of(ticket_id group, std::size_t bundle) {
    return groups_.at(group).bundles[bundle];
  }
  static bool take(bundle_state& bundle, const resource_request& request, allocation& granted);
  static bool take_gpus(bundle_state& bundle, const resource_request& request, allocation& granted);
  static void give_back(bundle_state& bundle, const running_in_bundle& entry);
  void step_bundle(ticket_id group, std::size_t index, std::vector<assignment>& assignments);
  void leave(ticket_id group);

  const int ageing_limit_;
  std::map<ticket_id, group_state> groups_;
  std::map<ticket_id, place_of_ticket> pending_;
  std::map<ticket_id, running_in_bundle> running_;  // addresses hold: assignments point to `held`
  std::vector<ticket_id> empty_;
};

}  // namespace narke::internal
