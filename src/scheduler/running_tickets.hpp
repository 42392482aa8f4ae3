// What runs, what each holds, and which kinds of resources are held by somebody who may never let
// go: a blocked ticket or an actor. Part of the placement core; same owner, no locks.
#pragma once

#include <cstddef>
#include <map>
#include <string>
#include <utility>
#include <vector>

#include "base/quantity.hpp"
#include "resources/allocation.hpp"
#include "resources/ledger.hpp"
#include "resources/resource_kinds.hpp"
#include "scheduler/id_table.hpp"
#include "scheduler/stream_shares.hpp"
#include "scheduler/ticket.hpp"

namespace narke::internal {

struct running_ticket {
  quantity cpus;
  resource_kinds kinds;           ///< of what it holds
  allocation held;                ///< but for what its share holds
  stream_share* share = nullptr;  ///< that it is a member of
  bool for_life = false;
  bool blocked = false;
  bool ordered = false;           ///< of a member: its work is enqueued
  bool is_member_only = false;    ///< by add_member

  [[nodiscard]] const allocation& granted() const { return share ? share->held : held; }
  /// No end can be counted on.
  [[nodiscard]] bool is_sticky() const { return for_life || blocked; }
};

class running_tickets {
 public:
  explicit running_tickets(std::size_t gpu_count) : sticky_held_(gpu_count) {}

  /// Requires: nothing runs that holds a GPU.
  void set_gpu_count(std::size_t count) { sticky_held_.resize(count); }

  /// The reference holds until the ticket is removed. Throws std::logic_error when the id is there.
  const running_ticket& add(ticket_id id, running_ticket entry);
  /// The same, of one that needs GPUs only and is a member of a share: in place, since chains of
  /// GPU tasks do little else.
  void add_member(ticket_id id, stream_share& share);
  /// The share that it was a member of. Requires: it came by add_member.
  stream_share& remove_member(ticket_id id);
  /// Throws std::logic_error when the id is not there, as the next three do.
  running_ticket remove(ticket_id id);
  const running_ticket& block(ticket_id id);
  const running_ticket& unblock(ticket_id id);
  /// Throws too when it was ordered before, or is not a member of a share.
  const running_ticket& order(ticket_id id);

  [[nodiscard]] const running_ticket* find(ticket_id id) const { return entries_.find(id); }
  [[nodiscard]] std::size_t size() const { return entries_.size(); }

  /// Those of `kinds` that a blocked ticket or an actor holds some of.
  [[nodiscard]] resource_kinds stuck(const resource_kinds& kinds) const;
  /// How much of each GPU those hold. A share counts once for each of its members that is blocked.
  [[nodiscard]] const std::vector<gpu_amount>& gpus_stuck() const { return sticky_held_; }

  [[nodiscard]] std::vector<ticket_id> holders_of_cpus() const;
  [[nodiscard]] std::vector<ticket_id> holders_of(const resource_kinds& kinds) const;

 private:
  running_ticket& at(ticket_id id);
  void count_sticky(const running_ticket& entry, int change);

  id_table<running_ticket> entries_;
  std::vector<gpu_amount> sticky_held_;
  int sticky_gpus_ = 0;    // holders that are sticky, by kind
  int sticky_memory_ = 0;
  std::map<std::string, int> sticky_custom_;
};

}  // namespace narke::internal
