// placement_core::explain: why a ticket waits, as data. It is read between steps and decides
// nothing.
#include <algorithm>

#include "scheduler/placement_core.hpp"

namespace narke::internal {
namespace {

// The memory of GPUs is what is short, not the shares.
bool lacks_gpu_memory(const ledger& books, const resource_request& request) {
  resource_request without_memory = request;
  without_memory.gpu_memory_bytes = 0;
  return request.gpu_memory_bytes > 0 && !books.missing(without_memory).gpus;
}

missing_resource missing_gpus(const ledger& books, const resource_request& request) {
  const auto& free = books.available();
  if (!lacks_gpu_memory(books, request)) {
    return {"GPU", request.gpus.to_double(), free.gpu_sum().to_double(), {}, {}};
  }
  double free_bytes = 0;
  for (const auto& gpu : free.gpus) {
    free_bytes += static_cast<double>(gpu.memory_bytes);
  }
  const auto count = static_cast<double>(request.gpus.ceil_whole());
  return {"gpu_memory", count * static_cast<double>(request.gpu_memory_bytes), free_bytes, {}, {}};
}

// How much of it one holder has. `name` as in a missing_resource.
double held_amount(const running_ticket& holder, const std::string& name) {
  const allocation& held = holder.granted();
  double sum = 0;
  for (const gpu_share& gpu : held.gpus) {
    sum += name == "GPU"          ? gpu.share.to_double()
           : name == "gpu_memory" ? static_cast<double>(gpu.bytes)
                                  : 0.0;
  }
  for (const custom_amount& each : held.custom) {
    sum += each.name == name ? each.amount.to_double() : 0.0;
  }
  sum += name == "memory" ? static_cast<double>(held.memory_bytes) : 0.0;
  return name == "CPU" ? holder.cpus.to_double() : sum;
}

}  // namespace

ticket_explanation placement_core::explain(ticket_id id) const {
  ticket_explanation result;
  if (bundles_.is_running(id)) {
    result.state = bundles_.is_blocked(id) ? ticket_state::blocked : ticket_state::running;
  } else if (bundles_.is_pending(id)) {
    result.state = ticket_state::pending;
    result.cause = wait_cause::bundle;
  } else if (const auto* running = running_.find(id)) {
    result.state = running->blocked ? ticket_state::blocked : ticket_state::running;
  } else if (const auto* pending = pending_.find(id)) {
    result.state = ticket_state::pending;
    explain_pending(*pending, result);
  }
  return result;
}

void placement_core::explain_pending(const pending_ticket& entry,
                                     ticket_explanation& result) const {
  const pending_shape& shape = *entry.shape;
  const resource_request& request = shape.request();
  const resource_kinds missing = ledger_.missing(request);
  const bool short_of_cpus = !request.cpus.is_zero() && request.cpus > cpu_balance();
  result.missing = list_missing(request, missing, short_of_cpus);
  if (shape.head() != entry.key) {
    result.cause = wait_cause::equal_ahead;
    result.waits_behind = shape.head().id;
    return;
  }
  result.passed_by = shape.passed_by;
  if (shape.key->is_handed_over && shape.shares.usable > 0) {
    explain_handing_over(entry, result);
  } else if (!missing.empty()) {
    const bool drains = missing.gpus && shares_.size() > 0 && has_reserved_gpus(entry.key.id);
    result.cause = drains ? wait_cause::shares_drain : wait_cause::resources;
  } else if (const auto* earlier = reservation_before(entry)) {
    result.cause = wait_cause::reserved;
    result.waits_behind = earlier->id;
  } else if (collector() == entry.key.id) {
    result.cause = wait_cause::cpus;
  } else if (short_of_cpus && !may_collect(request)) {
    result.cause = wait_cause::held_for_life;
  } else if (!request.cpus.is_zero() && collector_) {
    result.cause = wait_cause::collector;
    result.waits_behind = collector_->id;
  }
}

// There is a share that the ticket may take over, at once or later.
void placement_core::explain_handing_over(const pending_ticket& entry,
                                          ticket_explanation& result) const {
  if (const auto* earlier = reservation_before(entry)) {
    result.cause = wait_cause::reserved;
    result.waits_behind = earlier->id;
  } else if (entry.shape->shares.passable.empty()) {
    result.cause = wait_cause::share_not_ordered;
    result.waits_behind = shares_.oldest_of(*entry.shape)->newest;
  }
}

bool placement_core::has_reserved_gpus(ticket_id id) const {
  return std::any_of(reservations_.begin(), reservations_.end(),
                     [id](const auto& each) { return each.id == id && each.kinds.gpus; });
}

const placement_core::reservation* placement_core::reservation_before(
    const pending_ticket& entry) const {
  const auto needed = resource_kinds::needed_by(entry.shape->request());
  for (const auto& earlier : reservations_) {
    if (earlier.id == entry.key.id) {
      return nullptr;  // they stand oldest first
    }
    if (!needed.common_with(earlier.kinds).empty()) {
      return &earlier;
    }
  }
  return nullptr;
}

std::vector<missing_resource> placement_core::list_missing(const resource_request& request,
                                                           const resource_kinds& missing,
                                                           bool short_of_cpus) const {
  std::vector<missing_resource> list;
  if (short_of_cpus) {
    list.push_back({"CPU", request.cpus.to_double(), cpu_balance().to_double(),
                    running_.holders_of_cpus(), {}});
  }
  if (missing.gpus) {
    list.push_back(missing_gpus(ledger_, request));
    list.back().holders = running_.holders_of({.gpus = true});
  }
  if (missing.memory) {
    list.push_back({"memory", static_cast<double>(request.memory_bytes),
                    static_cast<double>(available().memory_bytes),
                    running_.holders_of({.memory = true}), {}});
  }
  for (const auto& name : missing.custom) {
    const auto wanted =
        std::find_if(request.custom.begin(), request.custom.end(),
                     [&name](const auto& entry) { return entry.name == name; });
    list.push_back({name, wanted->amount.to_double(), available().custom.at(name).to_double(),
                    running_.holders_of({.custom = {name}}), {}});
  }
  for (missing_resource& each : list) {
    for (const ticket_id id : each.holders) {
      each.held.push_back(held_amount(*running_.find(id), each.name));
    }
  }
  return list;
}

}  // namespace narke::internal
