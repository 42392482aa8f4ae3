#include "worker/lent_cpus.hpp"

#include <utility>

#include <fmt/format.h>

#include <narke/errors.hpp>

#include "observe/event.hpp"
#include "worker/placement_lane.hpp"
#include "worker/worker_pool.hpp"

namespace narke::internal {

borrowed_cpu::borrowed_cpu() noexcept {
  const thread_state& self = this_thread_state;
  if (!has_stack_for_nested_task()) {
    return;
  }
  if (self.hold == cpu_hold::permit ||
      (self.hold == cpu_hold::placement && self.placement->request->cpus >= quantity::one())) {
    hold_ = self.hold;
  } else if (worker_pool::instance().idle().try_take_permit()) {
    hold_ = cpu_hold::permit;
    took_permit_ = true;
    if (self.deque == nullptr) {
      guest_ = worker_pool::instance().enter_guest();
    }
    if (self.hold == cpu_hold::placement) {
      waits_ = self.placement;
      placement_lane::instance().blocked(*waits_);
    }
  }
}

void borrowed_cpu::give_back() noexcept {
  if (guest_ != nullptr) {
    worker_pool::instance().leave_guest(*std::exchange(guest_, nullptr));
  }
  if (std::exchange(took_permit_, false)) {
    if (waits_ != nullptr) {
      placement_lane::instance().unblocked(*waits_);
    }
    worker_pool::instance().return_permits(1);
  }
}

blocked_section::blocked_section(blocking in) : begin_ticks_{event_begin_ticks()} {
  thread_state& self = this_thread_state;
  self.coarse_ticks = 0;  // time will have passed
  if (self.current != nullptr) {
    self.current->node->blocked_in.store(in, std::memory_order_relaxed);
  }
  if (self.self != nullptr) {
    worker_pool::instance().begin_block();
    counted_ = true;
  }
  if (self.hold == cpu_hold::permit) {
    used_permit_ = this_record().uses_permit.exchange(false, std::memory_order_relaxed);
    worker_pool::instance().return_permits(1);
  } else if (self.hold == cpu_hold::placement) {
    placement_lane::instance().blocked(*self.placement);
  }
  if (counted_ && !worker_pool::instance().keep_one_unblocked()) [[unlikely]] {
    go_on();
    throw error{
        fmt::format("narke: all {} threads would wait in get, wait or as_completed, and no further "
                    "one can be made: the limit on threads or memory is reached. Submit fewer "
                    "tasks that wait inside, or pass refs as arguments instead",
                    worker_pool::instance().thread_count())};
  }
}

void blocked_section::go_on() noexcept {
  thread_state& self = this_thread_state;
  if (self.current != nullptr) {
    self.current->node->blocked_in.store(blocking::none, std::memory_order_relaxed);
  }
  if (self.hold == cpu_hold::permit) {
    // At once, even below zero: to wait for a permit here could deadlock with a mutex of the user.
    worker_pool::instance().idle().give_permits(-1);
    this_record().uses_permit.store(used_permit_, std::memory_order_relaxed);
  } else if (self.hold == cpu_hold::placement) {
    placement_lane::instance().unblocked(*self.placement);
  }
  if (counted_) {
    worker_pool::instance().end_block();
  }
}

blocked_section::~blocked_section() {
  go_on();
  const execution* current = this_thread_state.current;
  record_event({.begin_ticks = begin_ticks_,
                .end_ticks = begin_ticks_ != 0 ? ticks_now() : 0,
                .name = nullptr,
                .id = current != nullptr ? current->node->id : 0,
                .parent_or_from = 0,
                .line = 0,
                .kind = event_kind::wait,
                .failed = false});
}

}  // namespace narke::internal
