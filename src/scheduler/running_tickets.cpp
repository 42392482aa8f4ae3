#include "scheduler/running_tickets.hpp"

#include <algorithm>
#include <stdexcept>
#include <utility>

#include <fmt/format.h>

namespace narke::internal {

const running_ticket& running_tickets::add(ticket_id id, running_ticket entry) {
  if (entries_.find(id) != nullptr) {
    throw std::logic_error{fmt::format("ticket {} runs already", id)};
  }
  const running_ticket& added = entries_.add(id, std::move(entry));
  if (added.is_sticky()) {
    count_sticky(added, 1);
  }
  return added;
}

void running_tickets::add_member(ticket_id id, stream_share& share) {
  if (entries_.find(id) != nullptr) {
    throw std::logic_error{fmt::format("ticket {} runs already", id)};
  }
  running_ticket& added = entries_.add(id);
  added.cpus = {};
  added.kinds.gpus = true;
  added.kinds.memory = false;  // the lists are empty: whoever had the place was moved from
  added.share = &share;
  added.for_life = added.blocked = added.ordered = false;
  added.is_member_only = true;
}

stream_share& running_tickets::remove_member(ticket_id id) {
  const running_ticket& entry = at(id);
  if (entry.is_sticky()) {
    count_sticky(entry, -1);
  }
  stream_share& share = *entry.share;
  entries_.drop(id);
  return share;
}

running_ticket running_tickets::remove(ticket_id id) {
  const running_ticket& entry = at(id);
  if (entry.is_sticky()) {
    count_sticky(entry, -1);
  }
  return entries_.take(id);
}

const running_ticket& running_tickets::block(ticket_id id) {
  running_ticket& entry = at(id);
  if (entry.blocked) {
    throw std::logic_error{fmt::format("ticket {} was blocked twice", id)};
  }
  if (!entry.is_sticky()) {
    count_sticky(entry, 1);
  }
  entry.blocked = true;
  return entry;
}

const running_ticket& running_tickets::unblock(ticket_id id) {
  running_ticket& entry = at(id);
  if (!entry.blocked) {
    throw std::logic_error{fmt::format("ticket {} was not blocked", id)};
  }
  entry.blocked = false;
  if (!entry.is_sticky()) {
    count_sticky(entry, -1);
  }
  return entry;
}

const running_ticket& running_tickets::order(ticket_id id) {
  running_ticket& entry = at(id);
  if (entry.share == nullptr || entry.ordered) {
    throw std::logic_error{fmt::format("ticket {} {}", id,
                                       entry.ordered ? "was ordered twice"
                                                     : "does not run in stream order")};
  }
  entry.ordered = true;
  return entry;
}

resource_kinds running_tickets::stuck(const resource_kinds& kinds) const {
  resource_kinds result{.gpus = kinds.gpus && sticky_gpus_ > 0,
                        .memory = kinds.memory && sticky_memory_ > 0};
  for (const auto& name : kinds.custom) {
    if (sticky_custom_.contains(name)) {
      result.custom.push_back(name);
    }
  }
  return result;
}

std::vector<ticket_id> running_tickets::holders_of_cpus() const {
  std::vector<ticket_id> result;
  entries_.for_each([&result](ticket_id id, const running_ticket& entry) {
    if (!entry.blocked && !entry.cpus.is_zero()) {
      result.push_back(id);
    }
  });
  std::sort(result.begin(), result.end());
  return result;
}

std::vector<ticket_id> running_tickets::holders_of(const resource_kinds& kinds) const {
  std::vector<ticket_id> result;
  entries_.for_each([&](ticket_id id, const running_ticket& entry) {
    if (!entry.kinds.common_with(kinds).empty()) {
      result.push_back(id);
    }
  });
  std::sort(result.begin(), result.end());
  return result;
}

running_ticket& running_tickets::at(ticket_id id) {
  running_ticket* entry = entries_.find(id);
  if (entry == nullptr) {
    throw std::logic_error{fmt::format("ticket {} does not run", id)};
  }
  return *entry;
}

void running_tickets::count_sticky(const running_ticket& entry, int change) {
  sticky_gpus_ += entry.kinds.gpus ? change : 0;
  for (const auto& gpu : entry.granted().gpus) {
    auto& held = sticky_held_[static_cast<std::size_t>(gpu.index)];
    held.share += gpu.share * change;
    held.memory_bytes += gpu.bytes * change;
  }
  sticky_memory_ += entry.kinds.memory ? change : 0;
  for (const auto& name : entry.kinds.custom) {
    if ((sticky_custom_[name] += change) == 0) {
      sticky_custom_.erase(name);
    }
  }
}

}  // namespace narke::internal
