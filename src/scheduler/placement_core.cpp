#include "scheduler/placement_core.hpp"

#include <algorithm>
#include <stdexcept>
#include <utility>

#include <fmt/format.h>

namespace narke::internal {

placement_core::placement_core(resource_totals totals, int ageing_limit)
    : ageing_limit_{ageing_limit}, ledger_{std::move(totals)} {}

// Events.

void placement_core::on_submitted(ticket t) {
  if (const auto reason = ledger_.infeasible_reason(t.request)) {
    throw std::logic_error{fmt::format("ticket {} can never run: {}", t.id, *reason)};
  }
  if (running_.find(t.id) != nullptr) {
    throw std::logic_error{fmt::format("ticket {} runs already", t.id)};
  }
  pending_.add(std::move(t));
}

bool placement_core::on_cancelled(ticket_id id) {
  if (collector() == id) {
    collector_.reset();
  }
  return pending_.remove(id);
}

void placement_core::on_finished(ticket_id id) {
  const running_ticket entry = running_.remove(id);
  if (!entry.blocked) {
    give_cpus(entry, -1);
  }
  ledger_.release(entry.held);
}

void placement_core::on_blocked(ticket_id id) {
  give_cpus(running_.block(id), -1);
}

void placement_core::on_unblocked(ticket_id id) {
  give_cpus(running_.unblock(id), 1);
}

void placement_core::give_cpus(const running_ticket& entry, int sign) {
  cpus_in_use_ += entry.cpus * sign;
  if (entry.for_life) {
    cpus_in_use_for_life_ += entry.cpus * sign;
  }
}

void placement_core::on_permits_granted(int count) {
  if (count < 0) {
    throw std::logic_error{fmt::format("{} permits granted", count)};
  }
  permits_held_ += count;
}

// The step.

// Heads are considered oldest first, and what a step does only takes: a shape whose head has to
// wait stays so for the rest of the step, and all that is assigned after it has passed it.
step_result placement_core::step(std::uint64_t other_lane_head_ticks) {
  step_result result;
  collector_.reset();
  reservations_.clear();
  std::vector<std::pair<pending_shape*, std::size_t>> waiting;  // with the assignments before it
  for (shape_line line = pending_.line(); !line.empty();) {
    pending_shape& shape = *line.top().second;
    line.pop();
    if (!consider(shape, other_lane_head_ticks, result)) {
      waiting.emplace_back(&shape, result.assignments.size());
    } else if (shape.waiting.empty()) {
      pending_.drop_if_empty(shape);
    } else {
      line.emplace(shape.head(), &shape);
    }
  }
  for (const auto& [shape, before] : waiting) {
    shape->passed_by += static_cast<int>(result.assignments.size() - before);
  }
  result.permits_to_return = take_surplus(other_lane_head_ticks);
  if (result.permits_to_return > 0 || other_lane_head_ticks == no_ticks) {
    passed_other_lane_ = 0;
  }
  return result;
}

// True: the head was assigned and taken out.
bool placement_core::consider(pending_shape& shape, std::uint64_t other_lane_head_ticks,
                              step_result& result) {
  const resource_request& request = *shape.request;
  const resource_kinds missing = missing_now(request);
  // A whole CPU that has come free goes to the older head of the two lanes. Parts of one are of no
  // use to the other lane: they are given out here, but not for ever.
  const bool is_younger = !request.cpus.is_zero() && shape.head().ticks > other_lane_head_ticks;
  const bool parts_come_together = cpus_in_use_for_life_.is_whole();
  const bool yields =
      is_younger && (cpu_balance().whole() >= 1 ||
                     (passed_other_lane_ >= ageing_limit_ && parts_come_together));
  const bool lacks_cpus =
      !request.cpus.is_zero() && (yields || collector_.has_value() || request.cpus > cpu_balance());
  if (missing.empty() && !lacks_cpus) {
    passed_other_lane_ += is_younger ? 1 : 0;
    assign(shape, result);
    return true;
  }
  if (missing.empty() && !collector_ && may_collect(request)) {
    collector_ = collecting{shape.head().id, shape.head().ticks, request.cpus};
  }
  if (shape.passed_by >= ageing_limit_) {
    reserve(shape, missing, lacks_cpus);
  }
  return false;
}

void placement_core::assign(pending_shape& shape, step_result& result) {
  const resource_request& request = *shape.request;
  const ticket_id id = shape.head().id;
  allocation granted = ledger_.try_allocate(request).value();
  const bool for_life = pending_.take_head(shape).for_life;
  give_cpus(running_.add(id, {.cpus = request.cpus,
                              .kinds = resource_kinds::needed_by(request),
                              .held = granted,
                              .for_life = for_life}),
            1);
  result.assignments.push_back({.id = id, .granted = std::move(granted)});
}

// What the request cannot have at once, because it is held or because an older request has reserved
// it.
resource_kinds placement_core::missing_now(const resource_request& request) const {
  resource_kinds missing = ledger_.missing(request);
  if (!reservations_.empty()) {
    const auto needed = resource_kinds::needed_by(request);
    for (const auto& earlier : reservations_) {
      missing.add(needed.common_with(earlier.kinds));
    }
  }
  return missing;
}

// Enough CPUs come back by themselves. A blocked actor's count: it has given them back.
bool placement_core::may_collect(const resource_request& request) const {
  return request.cpus <= quantity::from_whole(totals().cpus) - cpus_in_use_for_life_;
}

void placement_core::reserve(const pending_shape& shape, const resource_kinds& missing,
                             bool lacks_cpus) {
  const resource_request& request = *shape.request;
  if ((lacks_cpus && !may_collect(request)) || !running_.stuck(missing).empty()) {
    return;
  }
  const auto needed = resource_kinds::needed_by(request);
  reservations_.push_back({shape.head().id, needed.without(running_.stuck(needed))});
}

// Free whole CPUs leave the lane unless the collector keeps them. Whatever else waits here cannot
// use them: it would run or collect. An older head of the other lane goes first; this lane asks
// again by permits_wanted.
int placement_core::take_surplus(std::uint64_t other_lane_head_ticks) {
  const bool kept = collector_ && collector_->ticks <= other_lane_head_ticks;
  const auto surplus = std::max<std::int64_t>(0, cpu_balance().whole());
  const int returned = kept ? 0 : static_cast<int>(surplus);
  permits_held_ -= returned;
  return returned;
}

// What the lane asks for.

quantity placement_core::cpu_balance() const {
  return quantity::from_whole(permits_held_) - cpus_in_use_;
}

int placement_core::permits_wanted() const {
  const quantity balance = cpu_balance();
  quantity lacking;
  if (balance < quantity::zero()) {
    lacking = -balance;
  } else if (collector_) {
    lacking = std::max(quantity::zero(), collector_->cpus - balance);
  }
  return static_cast<int>(lacking.ceil_whole());
}

std::uint64_t placement_core::head_ticks() const {
  if (permits_wanted() == 0) {
    return no_ticks;
  }
  return cpu_balance() < quantity::zero() ? 0 : collector_->ticks;
}

std::optional<ticket_id> placement_core::collector() const {
  return collector_ ? std::optional{collector_->id} : std::nullopt;
}

std::optional<std::string> placement_core::infeasible_reason(
    const resource_request& request) const {
  return ledger_.infeasible_reason(request);
}

}  // namespace narke::internal
