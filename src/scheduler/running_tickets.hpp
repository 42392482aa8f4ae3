// What runs, what each holds, and which kinds of resources are held by somebody who may never let
// go: a blocked ticket or an actor. Part of the placement core; same owner, no locks.
#pragma once

#include <cstddef>
#include <map>
#include <string>
#include <unordered_map>
#include <vector>

#include "base/quantity.hpp"
#include "resources/allocation.hpp"
#include "resources/resource_kinds.hpp"
#include "scheduler/ticket.hpp"

namespace narke::internal {

struct running_ticket {
  quantity cpus;
  resource_kinds kinds;  ///< of what `held` holds
  allocation held;
  bool for_life = false;
  bool blocked = false;

  /// No end can be counted on.
  [[nodiscard]] bool is_sticky() const { return for_life || blocked; }
};

class running_tickets {
 public:
  /// Throws std::logic_error when the id is there.
  const running_ticket& add(ticket_id id, running_ticket entry);
  /// Throws std::logic_error when the id is not there, as the next two do.
  running_ticket remove(ticket_id id);
  const running_ticket& block(ticket_id id);
  const running_ticket& unblock(ticket_id id);

  [[nodiscard]] const running_ticket* find(ticket_id id) const;
  [[nodiscard]] std::size_t size() const { return entries_.size(); }

  /// Those of `kinds` that a blocked ticket or an actor holds some of.
  [[nodiscard]] resource_kinds stuck(const resource_kinds& kinds) const;

  [[nodiscard]] std::vector<ticket_id> holders_of_cpus() const;
  [[nodiscard]] std::vector<ticket_id> holders_of(const resource_kinds& kinds) const;

 private:
  running_ticket& at(ticket_id id);
  void count_sticky(const running_ticket& entry, int change);

  std::unordered_map<ticket_id, running_ticket> entries_;
  int sticky_gpus_ = 0;    // holders that are sticky, by kind
  int sticky_memory_ = 0;
  std::map<std::string, int> sticky_custom_;
};

}  // namespace narke::internal
