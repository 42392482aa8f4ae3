#include "worker/placement_lane.hpp"

#include <algorithm>
#include <utility>

#include "base/log.hpp"
#include "base/needed_memory.hpp"
#include "worker/execute.hpp"
#include "scheduler/priority.hpp"
#include "worker/lifecycle.hpp"
#include "worker/worker_pool.hpp"

namespace narke::internal {

constinit std::atomic<placement_lane*> placement_lane::the_lane{nullptr};

placement_lane& placement_lane::make() noexcept {
  static auto* lane = new placement_lane;
  the_lane.store(lane, std::memory_order_release);
  return *lane;
}

void placement_lane::configure(const resource_totals& totals) {
  const std::lock_guard lock{mutex_};
  core_ = std::make_unique<placement_core>(totals);
  known_shares_ = {};
  records_ = {};  // what an earlier runtime's late turns still hold is nobody's now
  head_ticks_.store(no_ticks, std::memory_order_seq_cst);
}

void placement_lane::add_gpus(const resource_totals& totals) {
  const std::lock_guard lock{mutex_};
  if (core_ != nullptr) {
    core_->on_gpus_known(totals);
  }
}

std::optional<std::string> placement_lane::infeasible_reason(const resource_request& request) {
  const std::lock_guard lock{mutex_};
  return core_ != nullptr ? core_->infeasible_reason(request) : std::nullopt;
}

// One event, the decisions that follow from it, and what they ask for, carried out after the lock.
template <class Event>
void placement_lane::handle(Event&& event, std::optional<std::uint64_t> fast_lane_head,
                            detail::runnable** next) noexcept {
  const memory_needed needed;
  decisions made;
  {
    const std::lock_guard lock{mutex_};
    std::forward<Event>(event)();
    if (core_ == nullptr || is_settled_locked()) {
      return;
    }
    decide_locked(made, fast_lane_head ? *fast_lane_head : worker_pool::instance().head_ticks());
  }
  carry_out(made, next);
}

template <class Event>
void placement_lane::handle(Event&& event, detail::runnable** next) noexcept {
  handle(std::forward<Event>(event), std::nullopt, next);
}

// Nothing to decide, and no wish that stands from before.
bool placement_lane::is_settled_locked() const noexcept {
  return core_->has_nothing_to_decide() && head_ticks_.load(std::memory_order_relaxed) == no_ticks;
}

// Steps until the core wants no more permits than there are. The wish is written down before the
// last look at the free permits: a worker puts its permit back before it looks at the wish (see
// idle_state.hpp), so one of the two sees the other.
//
// Whose turn it is between the lanes is decided exactly by a worker, which has both heads in hand:
// it gives its permit to this lane when its next item is younger than this lane's head. The core's
// own look at the fast lane's head is an estimate, for CPUs that come free in this lane: when it is
// wrong, the worker that gets the CPU hands it back. So permits that were handed over, or that
// nobody used, are not given away again here.
void placement_lane::decide_locked(decisions& made, std::uint64_t fast_lane_head) {
  for (;;) {
    step_locked(made, ticks_with_priority(fast_lane_head, 0));
    const int wanted = core_->permits_wanted();
    if (wanted > 0) {
      head_ticks_.store(plain_ticks(core_->head_ticks()), std::memory_order_seq_cst);
    } else if (head_ticks_.load(std::memory_order_relaxed) != no_ticks) {
      head_ticks_.store(no_ticks, std::memory_order_seq_cst);
    }
    const int taken = wanted > 0 ? worker_pool::instance().idle().try_take_permits(wanted) : 0;
    if (taken == 0) {
      return;
    }
    core_->on_permits_granted(taken);
    fast_lane_head = no_ticks;
  }
}

void placement_lane::step_locked(decisions& made, std::uint64_t fast_lane_head) {
  const step_result& result = core_->step(fast_lane_head);
  for (const ticket_id id : core_->take_infeasible()) {
    placement_record* record = *records_.find(id);
    if (record->over == nullptr) {
      static_cast<void>(records_.take(id));
    } else {
      record->keep(*record);  // a group is known until its handles are gone
    }
    made.lost.push_back(record);
  }
  for (const ticket_id id : core_->take_empty_groups()) {
    if (records_.find(id) != nullptr) {
      made.over.push_back(records_.take(id));
    }
  }
  made.permits_to_return += result.permits_to_return;
  for (const assignment& each : result.assignments) {
    placement_record* record = *records_.find(each.id);
    note_assigned_locked(*record, each);
    if (record->over != nullptr) {
      record->keep(*record);
    }
    made.granted.push_back(record);
  }
}

void placement_lane::note_assigned_locked(placement_record& record, const assignment& made) {
  record.gpus = gpus_of(made);
  record.share = made.share;
  record.numa_node = made.granted->numa_node;
}

// The numbers of shares are never used again, so what was told of one stays true.
std::shared_ptr<const granted_gpus> placement_lane::gpus_of(const assignment& made) {
  known_share& known = known_shares_[made.share % known_shares_.size()];
  if (made.share != 0 && known.share == made.share) {
    return known.gpus;
  }
  auto gpus = std::make_shared<granted_gpus>();
  for (const gpu_share& each : made.granted->gpus) {
    gpus->ids.push_back(each.id);
    gpus->indices.push_back(each.index);
  }
  known = {made.share, gpus};
  return gpus;
}

void placement_lane::carry_out(const decisions& made, detail::runnable** next) noexcept {
  for (placement_record* record : made.granted) {
    if (record->item == nullptr) {
      record->granted(*record);
    } else if (next != nullptr && *next == nullptr) {
      *next = record->item;
    } else {
      worker_pool::instance().hand_over(*record->item);
    }
  }
  for (placement_record* record : made.lost) {
    (record->lost != nullptr ? record->lost : record->dropped)(*record);
  }
  for (placement_record* record : made.over) {
    record->over(*record);  // after it was told that it is lost
  }
  if (made.permits_to_return > 0) {
    worker_pool::instance().give_permits_to_workers(made.permits_to_return);
  }
}

// A link of a chain of GPU tasks, when its share is there to be taken over.
bool placement_lane::try_follow(placement_record& record) noexcept {
  const std::lock_guard lock{mutex_};
  const assignment* made =
      core_ != nullptr ? core_->try_follow(*record.request, {.id = record.id,
                                                             .follows = record.follows,
                                                             .inputs = record.inputs})
                       : nullptr;
  if (made == nullptr) {
    return false;
  }
  records_.add(record.id, &record);
  note_assigned_locked(record, *made);
  return true;
}

void placement_lane::submit(placement_record& record) noexcept {
  const memory_needed needed;
  if (record.follows != 0 && record.item == nullptr && try_follow(record)) {
    record.granted(record);
    return;
  }
  bool is_taken = false;
  bool is_running = false;
  handle([&] {
    is_running =
        core_ != nullptr && current_phase.load(std::memory_order_acquire) == runtime_phase::running;
    // A submitter that a shutdown and another init overtook finds another machine.
    is_taken = core_ != nullptr && core_->try_submit({.id = record.id,
                                                      .request = *record.request,
                                                      .submitted_ticks = ticks_with_priority(
                                                          record.submitted_ticks, record.priority),
                                                      .for_life = record.for_life,
                                                      .in_stream_order = record.in_stream_order,
                                                      .inputs = record.inputs,
                                                      .follows = record.follows});
    if (is_taken) {
      records_.add(record.id, &record);
    }
  });
  if (!is_taken) {
    if (record.over != nullptr) {
      record.keep(record);  // as for all that a group is told
    }
    // It was feasible when it was submitted: a device was lost since, or its group released.
    (is_running && record.lost != nullptr ? record.lost : record.dropped)(record);
  }
}

placement_record* placement_lane::withdraw(ticket_id id) noexcept {
  placement_record* record = nullptr;
  handle([&] {
    if (core_ != nullptr && core_->on_cancelled(id)) {
      record = records_.take(id);
    }
  });
  return record;
}

detail::runnable* placement_lane::finished_next(placement_record& record) noexcept {
  detail::runnable* next = nullptr;
  handle(
      [&] {
        if (records_.find(record.id) != nullptr) {
          static_cast<void>(records_.take(record.id));
          core_->on_finished(record.id);
        }
      },
      &next);
  return next;
}

void placement_lane::finished(placement_record& record) noexcept {
  if (detail::runnable* next = finished_next(record)) {
    worker_pool::instance().hand_over(*next);
  }
}

bool placement_lane::ordered_if_nothing_waits(const placement_record& record) noexcept {
  const memory_needed needed;
  const std::lock_guard lock{mutex_};
  if (core_ == nullptr || records_.find(record.id) == nullptr || !is_settled_locked()) {
    return false;
  }
  core_->on_ordered(record.id);
  return true;
}

void placement_lane::ordered(const placement_record& record) noexcept {
  handle([&] {
    if (records_.find(record.id) != nullptr) {
      core_->on_ordered(record.id);
    }
  });
}

void placement_lane::device_lost(int gpu_index) noexcept {
  const memory_needed needed;
  std::vector<placement_record*> hit;
  handle([&] {
    if (core_ == nullptr) {
      return;
    }
    core_->on_device_lost(gpu_index);
    records_.for_each([&](ticket_id, placement_record* record) {
      if (record->gpu_lost == nullptr || record->gpus == nullptr) {
        return;
      }
      const auto& its = record->gpus->indices;
      if (std::find(its.begin(), its.end(), gpu_index) != its.end()) {
        record->keep(*record);
        hit.push_back(record);
      }
    });
  });
  for (placement_record* record : hit) {
    record->gpu_lost(*record);
  }
}

bool placement_lane::group_released(placement_record& record) noexcept {
  bool is_known = false;
  handle([&] {
    is_known = records_.find(record.id) != nullptr;
    if (is_known) {
      core_->on_group_released(record.id);
    }
  });
  return is_known;
}

std::vector<bundle_place> placement_lane::places_of(ticket_id group) {
  const std::lock_guard lock{mutex_};
  return core_ != nullptr ? core_->places_of(group) : std::vector<bundle_place>{};
}

void placement_lane::blocked(placement_record& record) noexcept {
  handle([&] {
    if (records_.find(record.id) != nullptr) {
      core_->on_blocked(record.id);
    }
  });
}

void placement_lane::unblocked(placement_record& record) noexcept {
  handle([&] {
    if (records_.find(record.id) != nullptr) {
      core_->on_unblocked(record.id);
    }
  });
}

detail::runnable* placement_lane::offer_permit() noexcept {
  detail::runnable* next = nullptr;
  handle([&] { core_->on_permits_granted(1); }, no_ticks, &next);
  return next;
}

void placement_lane::poll() noexcept {
  handle([] {});
}

void placement_lane::drop_pending() noexcept {
  const memory_needed needed;
  std::vector<placement_record*> dropped;
  handle([&] {
    if (core_ == nullptr) {
      return;
    }
    // Those in bundles first: a group that was released is over with the last of them.
    auto ids = core_->pending_ids();
    for (auto id = ids.rbegin(); id != ids.rend(); ++id) {
      if (core_->on_cancelled(*id)) {
        placement_record* record = records_.take(*id);
        if (record->over != nullptr) {
          record->keep(*record);  // its last handle may go meanwhile
        }
        dropped.push_back(record);
      }
    }
  });
  for (placement_record* record : dropped) {
    record->dropped(*record);
  }
}

std::vector<detail::task_node*> placement_lane::pending_tasks(
    bool (*is_wanted)(const detail::task_node& task)) {
  std::vector<detail::task_node*> found;
  const std::lock_guard lock{mutex_};
  if (core_ == nullptr) {
    return found;
  }
  for (const ticket_id id : core_->pending_ids()) {
    detail::task_node* task = (*records_.find(id))->task;
    if (task != nullptr && is_wanted(*task)) {
      task->add_ref();
      found.push_back(task);
    }
  }
  return found;
}

// The core knows of the CPUs that this lane holds. Those that are idle lie with the workers, and
// are to be had at once.
ticket_explanation placement_lane::explained_locked(ticket_id id) const {
  if (core_ == nullptr) {
    return {};
  }
  ticket_explanation told = core_->explain(id);
  const int idle = std::max(0, worker_pool::instance().idle().glance().permits);
  for (missing_resource& row : told.missing) {
    row.available += row.name == "CPU" ? idle : 0;
  }
  std::erase_if(told.missing, [](const missing_resource& row) {
    return row.name == "CPU" && row.available >= row.wanted;
  });
  return told;
}

ticket_explanation placement_lane::explain(ticket_id id) {
  const std::lock_guard lock{mutex_};
  return explained_locked(id);
}

placement_usage placement_lane::usage() {
  const std::lock_guard lock{mutex_};
  if (core_ == nullptr) {
    return {};
  }
  return {core_->available(), core_->cpus_in_use().to_double(), core_->pending_count(),
          core_->running_count()};
}

placement_story placement_lane::story(ticket_id id) {
  const std::lock_guard lock{mutex_};
  placement_story told;
  placement_record* const* found = records_.find(id);
  if (core_ == nullptr || found == nullptr) {
    return told;
  }
  told.explained = explained_locked(id);
  if ((*found)->gpu_ids() != nullptr) {
    told.gpu_ids = *(*found)->gpu_ids();
  }
  const auto name = [&](ticket_id other) {
    placement_record* const* its = records_.find(other);
    if (its != nullptr && (*its)->for_life && the_actor_hooks.actor_name != nullptr) {
      // Under the lock: the actor takes its record back before it goes.
      told.actors.emplace(other, the_actor_hooks.actor_name((*its)->owner));
    }
  };
  for (const missing_resource& missing : told.explained.missing) {
    std::for_each(missing.holders.begin(), missing.holders.end(), name);
  }
  if (told.explained.waits_behind) {
    name(*told.explained.waits_behind);
  }
  return told;
}

}  // namespace narke::internal
