#include "scheduler/bundle_pool.hpp"

#include <algorithm>
#include <stdexcept>
#include <utility>

#include <fmt/format.h>

namespace narke::internal {

namespace {

std::string bundle_text(const bundle_request& bundle) {
  return resource_request{.cpus = bundle.cpus,
                          .gpus = bundle.gpus,
                          .gpu_memory_bytes = bundle.gpu_memory_bytes,
                          .memory_bytes = bundle.memory_bytes,
                          .custom = bundle.custom}
      .to_string();
}

bool custom_fits(const std::vector<custom_amount>& there, const custom_amount& wanted) {
  return std::any_of(there.begin(), there.end(), [&](const custom_amount& each) {
    return each.name == wanted.name && each.amount >= wanted.amount;
  });
}

bool is_older(const ticket& a, const ticket& b) {
  return std::pair{a.submitted_ticks, a.id} < std::pair{b.submitted_ticks, b.id};
}

}  // namespace

void bundle_pools::add_group(ticket_id group, const group_request& request) {
  group_state& added = groups_[group];
  for (const bundle_request& bundle : request.bundles) {
    added.bundles.push_back({.total = bundle});
  }
}

void bundle_pools::open(ticket_id group, const std::vector<bundle_place>& places,
                        const allocation& granted) {
  group_state& state = groups_.at(group);
  state.is_open = true;
  std::size_t next_gpu = 0;
  for (std::size_t i = 0; i != state.bundles.size(); ++i) {
    bundle_state& bundle = state.bundles[i];
    bundle.cpus = bundle.total.cpus;
    bundle.memory_bytes = bundle.total.memory_bytes;
    bundle.custom = bundle.total.custom;
    bundle.numa_node = places[i].numa_node;
    // The ledger granted the GPUs bundle by bundle.
    for (std::size_t gpu = 0; gpu != places[i].gpus.size(); ++gpu) {
      bundle.gpus.push_back(granted.gpus[next_gpu++]);
    }
    bundle.is_dirty = true;
  }
}

void bundle_pools::close(ticket_id group) {
  group_state& state = groups_.at(group);
  state.is_closed = true;
  if (state.tickets == 0) {
    empty_.push_back(group);
  }
}

void bundle_pools::lose_group(ticket_id group, std::vector<ticket_id>& infeasible) {
  group_state& state = groups_.at(group);
  state.is_lost = true;
  const std::size_t first = infeasible.size();
  for (const bundle_state& bundle : state.bundles) {
    for (const waiting_ticket& each : bundle.waiting) {
      infeasible.push_back(each.asked.id);
    }
  }
  for (std::size_t i = first; i != infeasible.size(); ++i) {
    cancel(infeasible[i]);
  }
}

std::vector<ticket_id> bundle_pools::take_empty() {
  return std::exchange(empty_, {});
}

void bundle_pools::leave(ticket_id group) {
  group_state& state = groups_.at(group);
  if (--state.tickets == 0 && state.is_closed) {
    empty_.push_back(group);
  }
}

std::optional<std::string> bundle_pools::infeasible_reason(const resource_request& request) const {
  const auto found = groups_.find(request.in_group);
  if (found == groups_.end() || found->second.is_closed) {
    return "is to run in a placement group that was released; keep the placement_group while you "
           "submit to it";
  }
  if (found->second.is_lost) {
    return "is to run in a placement group that waits for GPUs, and a device that it needs was "
           "lost";
  }
  const auto& bundles = found->second.bundles;
  const auto index = static_cast<std::size_t>(request.bundle);
  if (index >= bundles.size()) {
    return fmt::format("asks for bundle {}; its placement group has {} bundles, from 0", index,
                       bundles.size());
  }
  const bundle_state& bundle = bundles[index];
  const bundle_request& total = bundle.total;
  const bool is_lost = found->second.is_open &&
                       bundle.gpus.size() < static_cast<std::size_t>(total.gpus.ceil_whole());
  const quantity gpus =
      is_lost ? quantity::from_whole(static_cast<int>(bundle.gpus.size())) : total.gpus;
  const bool fits =
      request.cpus <= total.cpus && request.gpus <= gpus &&
      request.gpu_memory_bytes <=
          (total.gpu_memory_bytes == 0 ? INT64_MAX : total.gpu_memory_bytes) &&
      request.memory_bytes <= total.memory_bytes &&
      std::all_of(request.custom.begin(), request.custom.end(),
                  [&](const custom_amount& each) { return custom_fits(total.custom, each); });
  if (fits) {
    return std::nullopt;
  }
  return fmt::format("asks {}; bundle {} of its placement group has {}{}", request.to_string(),
                     index, bundle_text(total), is_lost ? ", of which GPUs were lost" : "");
}

void bundle_pools::submit(const ticket& t) {
  const auto index = static_cast<std::size_t>(t.request.bundle);
  group_state& state = groups_.at(t.request.in_group);
  bundle_state& bundle = state.bundles[index];
  const auto at = std::upper_bound(
      bundle.waiting.begin(), bundle.waiting.end(), t,
      [](const ticket& a, const waiting_ticket& b) { return is_older(a, b.asked); });
  bundle.waiting.insert(at, {.asked = t});
  bundle.is_dirty = true;
  pending_.emplace(t.id, place_of_ticket{t.request.in_group, index});
  ++state.tickets;
}

bool bundle_pools::cancel(ticket_id id) {
  const auto found = pending_.find(id);
  if (found == pending_.end()) {
    return false;
  }
  const place_of_ticket place = found->second;
  pending_.erase(found);
  bundle_state& bundle = bundle_of(place.group, place.bundle);
  std::erase_if(bundle.waiting, [id](const waiting_ticket& each) { return each.asked.id == id; });
  bundle.is_dirty = true;
  leave(place.group);
  return true;
}

bool bundle_pools::take_gpus(bundle_state& bundle, const resource_request& request,
                             allocation& granted) {
  const quantity share = std::min(request.gpus, quantity::one());
  std::vector<gpu_share*> fitting;
  for (gpu_share& gpu : bundle.gpus) {
    if (gpu.share >= share &&
        (bundle.total.gpu_memory_bytes == 0 || gpu.bytes >= request.gpu_memory_bytes)) {
      fitting.push_back(&gpu);
    }
  }
  const auto count = static_cast<std::size_t>(request.gpus.ceil_whole());
  if (fitting.size() < count) {
    return false;
  }
  std::stable_sort(fitting.begin(), fitting.end(),
                   [](const gpu_share* a, const gpu_share* b) { return a->share < b->share; });
  fitting.resize(count);
  std::sort(fitting.begin(), fitting.end());  // lowest index first
  for (gpu_share* gpu : fitting) {
    gpu->share -= share;
    gpu->bytes -= bundle.total.gpu_memory_bytes == 0 ? 0 : request.gpu_memory_bytes;
    granted.gpus.push_back(
        {.index = gpu->index, .id = gpu->id, .share = share, .bytes = request.gpu_memory_bytes});
  }
  return true;
}

bool bundle_pools::take(bundle_state& bundle, const resource_request& request,
                        allocation& granted) {
  const bool rest_fits =
      (request.cpus.is_zero() || request.cpus <= bundle.cpus) &&
      request.memory_bytes <= bundle.memory_bytes &&
      std::all_of(request.custom.begin(), request.custom.end(),
                  [&](const custom_amount& each) { return custom_fits(bundle.custom, each); });
  if (!rest_fits || (!request.gpus.is_zero() && !take_gpus(bundle, request, granted))) {
    return false;
  }
  bundle.cpus -= request.cpus;
  bundle.memory_bytes -= request.memory_bytes;
  for (const custom_amount& wanted : request.custom) {
    std::find_if(bundle.custom.begin(), bundle.custom.end(), [&](const custom_amount& each) {
      return each.name == wanted.name;
    })->amount -= wanted.amount;
  }
  granted.memory_bytes = request.memory_bytes;
  granted.custom = request.custom;
  granted.numa_node = bundle.numa_node;
  return true;
}

void bundle_pools::give_back(bundle_state& bundle, const running_in_bundle& entry) {
  if (!entry.is_blocked) {
    bundle.cpus += entry.request.cpus;
  }
  bundle.memory_bytes += entry.request.memory_bytes;
  for (const custom_amount& held : entry.request.custom) {
    std::find_if(bundle.custom.begin(), bundle.custom.end(), [&](const custom_amount& each) {
      return each.name == held.name;
    })->amount += held.amount;
  }
  for (const gpu_share& held : entry.held.gpus) {
    const auto gpu = std::find_if(bundle.gpus.begin(), bundle.gpus.end(),
                                  [&](const gpu_share& each) { return each.index == held.index; });
    if (gpu != bundle.gpus.end()) {  // else it was lost
      gpu->share += held.share;
      gpu->bytes += bundle.total.gpu_memory_bytes == 0 ? 0 : held.bytes;
    }
  }
}

void bundle_pools::finish(ticket_id id) {
  const auto found = running_.find(id);
  const running_in_bundle entry = std::move(found->second);
  running_.erase(found);
  bundle_state& bundle = bundle_of(entry.group, entry.bundle);
  give_back(bundle, entry);
  bundle.sticky -= entry.for_life || entry.is_blocked ? 1 : 0;
  bundle.is_dirty = true;
  leave(entry.group);
}

void bundle_pools::block(ticket_id id) {
  running_in_bundle& entry = running_.at(id);
  if (entry.is_blocked) {
    throw std::logic_error{fmt::format("ticket {} was blocked twice", id)};
  }
  entry.is_blocked = true;
  bundle_state& bundle = bundle_of(entry.group, entry.bundle);
  bundle.cpus += entry.request.cpus;
  bundle.sticky += entry.for_life ? 0 : 1;
  bundle.is_dirty = true;
}

// It goes on at once: what is free may be below zero for a moment.
void bundle_pools::unblock(ticket_id id) {
  running_in_bundle& entry = running_.at(id);
  if (!entry.is_blocked) {
    throw std::logic_error{fmt::format("ticket {} was not blocked", id)};
  }
  entry.is_blocked = false;
  bundle_state& bundle = bundle_of(entry.group, entry.bundle);
  bundle.cpus -= entry.request.cpus;
  bundle.sticky -= entry.for_life ? 0 : 1;
}

void bundle_pools::lose_gpu(int gpu_index, std::vector<ticket_id>& infeasible) {
  std::vector<ticket_id> lost;
  for (auto& [id, group] : groups_) {
    for (bundle_state& bundle : group.bundles) {
      if (std::erase_if(bundle.gpus,
                        [&](const gpu_share& each) { return each.index == gpu_index; }) == 0) {
        continue;
      }
      for (const waiting_ticket& each : bundle.waiting) {
        if (each.asked.request.gpus.ceil_whole() > static_cast<std::int64_t>(bundle.gpus.size())) {
          lost.push_back(each.asked.id);
        }
      }
    }
  }
  for (const ticket_id id : lost) {
    cancel(id);
    infeasible.push_back(id);
  }
}

void bundle_pools::step_bundle(ticket_id group, std::size_t index,
                               std::vector<assignment>& assignments) {
  bundle_state& bundle = bundle_of(group, index);
  for (std::size_t i = 0; i < bundle.waiting.size();) {
    ticket& asked = bundle.waiting[i].asked;
    allocation granted;
    if (!take(bundle, asked.request, granted)) {
      if (bundle.waiting[i].passed_by >= ageing_limit_ && bundle.sticky == 0) {
        return;
      }
      ++i;
      continue;
    }
    for (std::size_t older = 0; older != i; ++older) {
      ++bundle.waiting[older].passed_by;
    }
    const ticket_id id = asked.id;
    const bool for_life = asked.for_life;
    const bool in_stream_order = asked.in_stream_order;
    const auto placed = running_.emplace(
        id,
        running_in_bundle{group, index, std::move(asked.request), std::move(granted), for_life});
    pending_.erase(id);
    bundle.waiting.erase(bundle.waiting.begin() + static_cast<std::ptrdiff_t>(i));
    bundle.sticky += for_life ? 1 : 0;
    constexpr share_id of_bundles = share_id{1} << 62;  // beyond those that are handed over
    assignments.push_back({.id = id,
                           .granted = &placed.first->second.held,
                           .share = in_stream_order ? of_bundles | id : 0});
  }
}

void bundle_pools::step(std::vector<assignment>& assignments) {
  for (auto& [id, group] : groups_) {
    for (std::size_t i = 0; group.is_open && i != group.bundles.size(); ++i) {
      if (std::exchange(group.bundles[i].is_dirty, false)) {
        step_bundle(id, i, assignments);
      }
    }
  }
}

std::vector<ticket_id> bundle_pools::pending_ids() const {
  std::vector<ticket_id> ids;
  for (const auto& [id, place] : pending_) {
    ids.push_back(id);
  }
  return ids;
}

}  // namespace narke::internal
