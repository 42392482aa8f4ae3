#include "scheduler/placement_core.hpp"

#include <algorithm>
#include <functional>
#include <stdexcept>
#include <utility>

#include <fmt/format.h>

namespace narke::internal {

placement_core::placement_core(resource_totals totals, int ageing_limit)
    : ageing_limit_{ageing_limit},
      ledger_{std::move(totals)},
      running_{ledger_.totals().gpus.size()},
      bundles_{ageing_limit} {}

// Events.

void placement_core::on_submitted(ticket t) {
  const ticket_id id = t.id;
  if (!try_submit(std::move(t))) {
    throw std::logic_error{fmt::format("ticket {} can never run", id)};
  }
}

bool placement_core::try_submit(ticket t) {
  if (running_.find(t.id) != nullptr) {
    throw std::logic_error{fmt::format("ticket {} runs already", t.id)};
  }
  if (t.request.in_group != 0) {
    if (bundles_.infeasible_reason(t.request)) {
      return false;
    }
    bundles_.submit(t);
    return true;
  }
  const auto group = t.request.group;
  shape_key key = shape_key::of(std::move(t));
  if (!pending_.knows_feasible(key) && ledger_.infeasible_reason(key.request)) {
    return false;
  }
  if (group != nullptr) {
    bundles_.add_group(t.id, *group);
  }
  pending_.add(std::move(key), t);
  return true;
}

bool placement_core::on_cancelled(ticket_id id) {
  if (collector() == id) {
    collector_.reset();
  }
  if (bundles_.cancel(id)) {
    end_empty_groups();
    return true;
  }
  const bool was_pending = pending_.remove(id);
  if (was_pending && bundles_.has_group(id)) {
    bundles_.remove_group(id);
  }
  return was_pending;
}

void placement_core::on_group_released(ticket_id id) {
  if (bundles_.has_group(id)) {
    bundles_.close(id);
    end_empty_groups();
  }
}

// What a group held goes back when nobody is in it any more.
void placement_core::end_empty_groups() {
  for (const ticket_id id : bundles_.take_empty()) {
    if (running_.find(id) != nullptr) {
      on_finished(id);
    } else {
      on_cancelled(id);
      bundles_.remove_group(id);
    }
    empty_groups_.push_back(id);
  }
}

std::vector<ticket_id> placement_core::take_empty_groups() {
  return std::exchange(empty_groups_, {});
}

std::vector<bundle_place> placement_core::places_of(ticket_id group) const {
  const auto found = places_.find(group);
  return found != places_.end() ? found->second : std::vector<bundle_place>{};
}

std::vector<ticket_id> placement_core::pending_ids() const {
  std::vector<ticket_id> ids = pending_.ids();
  const auto in_bundles = bundles_.pending_ids();
  ids.insert(ids.end(), in_bundles.begin(), in_bundles.end());
  return ids;
}

void placement_core::on_finished(ticket_id id) {
  if (bundles_.is_running(id)) {
    bundles_.finish(id);
    end_empty_groups();
    return;
  }
  if (bundles_.has_group(id)) {
    bundles_.remove_group(id);
    places_.erase(id);
  }
  if (const running_ticket* member = running_.find(id);
      member != nullptr && member->is_member_only) {
    leave_share(running_.remove_member(id), id);
    return;
  }
  const running_ticket entry = running_.remove(id);
  if (!entry.blocked) {
    give_cpus(entry, -1);
  }
  if (entry.share != nullptr) {
    leave_share(*entry.share, id);
  } else {
    ledger_.release(entry.held);
  }
}

void placement_core::on_blocked(ticket_id id) {
  if (bundles_.is_running(id)) {
    bundles_.block(id);
    return;
  }
  give_cpus(running_.block(id), -1);
}

void placement_core::on_unblocked(ticket_id id) {
  if (bundles_.is_running(id)) {
    bundles_.unblock(id);
    return;
  }
  give_cpus(running_.unblock(id), 1);
}

void placement_core::on_gpus_known(const resource_totals& totals) {
  ledger_.add_gpus(totals);
  running_.set_gpu_count(totals.gpus.size());
}

void placement_core::on_device_lost(int gpu_index) {
  ledger_.lose_gpu(gpu_index);
  shares_.lose_gpu(gpu_index);
  const auto lost = pending_.take_infeasible(ledger_);
  infeasible_.insert(infeasible_.end(), lost.begin(), lost.end());
  for (const ticket_id id : lost) {
    if (bundles_.has_group(id)) {
      bundles_.lose_group(id, infeasible_);
    }
  }
  bundles_.lose_gpu(gpu_index, infeasible_);
  end_empty_groups();
  if (collector_ && pending_.find(collector_->id) == nullptr) {
    collector_.reset();
  }
}

std::vector<ticket_id> placement_core::take_infeasible() { return std::exchange(infeasible_, {}); }

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
const step_result& placement_core::step(std::uint64_t other_lane_head_ticks) {
  result_.assignments.clear();
  collector_.reset();
  reservations_.clear();
  waiting_.clear();
  pending_.line_up(line_);
  while (!line_.empty()) {
    std::pop_heap(line_.begin(), line_.end(), std::greater<>{});
    pending_shape& shape = *line_.back().second;
    line_.pop_back();
    if (!consider(shape, other_lane_head_ticks)) {
      waiting_.emplace_back(&shape, result_.assignments.size());
    } else if (shape.count > 0) {
      line_.emplace_back(shape.head(), &shape);
      std::push_heap(line_.begin(), line_.end(), std::greater<>{});
    }
  }
  for (const auto& [shape, before] : waiting_) {
    shape->passed_by += static_cast<int>(result_.assignments.size() - before);
  }
  bundles_.step(result_.assignments);
  result_.permits_to_return = take_surplus(other_lane_head_ticks);
  if (result_.permits_to_return > 0 || other_lane_head_ticks == no_ticks) {
    passed_other_lane_ = 0;
  }
  return result_;
}

// True: the head was assigned and taken out.
bool placement_core::consider(pending_shape& shape, std::uint64_t other_lane_head_ticks) {
  if (shape.key->is_handed_over) {
    return consider_handing_over(shape);
  }
  const resource_request& request = shape.request();
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
    assign(shape);
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

void placement_core::assign(pending_shape& shape) {
  const resource_request& request = shape.request();
  running_ticket entry{.cpus = request.cpus, .kinds = resource_kinds::needed_by(request)};
  std::vector<bundle_place> places;
  if (request.group != nullptr) {
    places = ledger_.place_bundles(request).value();
  }
  allocation granted = ledger_.try_allocate(request).value();
  const pending_ticket taken = pending_.take_head(shape);
  const ticket_id id = taken.key.id;
  entry.for_life = taken.for_life;
  if (taken.in_stream_order) {
    entry.share = &shares_.open(nullptr, std::move(granted), id);
  } else {
    entry.held = std::move(granted);
  }
  const running_ticket& running = running_.add(id, std::move(entry));
  give_cpus(running, 1);
  if (!places.empty()) {
    bundles_.open(id, places, running.granted());
    places_.emplace(id, std::move(places));
  }
  result_.assignments.push_back({.id = id,
                                 .granted = &running.granted(),
                                 .share = running.share != nullptr ? running.share->id : 0});
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
  const resource_request& request = shape.request();
  if ((lacks_cpus && !may_collect(request)) || !stuck(request, missing).empty()) {
    return;
  }
  const auto needed = resource_kinds::needed_by(request);
  reservations_.push_back({shape.head().id, needed.without(stuck(request, needed))});
}

// Those of `kinds` that may never come, since a blocked ticket or an actor holds some.
resource_kinds placement_core::stuck(const resource_request& request,
                                     const resource_kinds& kinds) const {
  resource_kinds result = running_.stuck(kinds);
  result.gpus = result.gpus && !ledger_.gpus_fit_beside(running_.gpus_stuck(), request);
  return result;
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
  return request.in_group != 0 ? bundles_.infeasible_reason(request)
                               : ledger_.infeasible_reason(request);
}

}  // namespace narke::internal
