#include "worker/worker_pool.hpp"

#include <unistd.h>

#include <algorithm>
#include <cstdlib>
#include <string>
#include <system_error>

#include <fmt/format.h>

#include <narke/errors.hpp>

#include "base/forked_child.hpp"
#include "base/log.hpp"
#include "base/needed_memory.hpp"
#include "base/prefetch.hpp"
#include "base/ticks.hpp"
#include "observe/event.hpp"
#include "store/object_store.hpp"
#include "task/waiting_room.hpp"
#include "worker/execute.hpp"
#include "worker/lifecycle.hpp"
#include "worker/pause.hpp"
#include "worker/placement_lane.hpp"
#include "worker/thread_state.hpp"

namespace narke::internal {

namespace {

// So many tasks before it runs each of a batch from outside is fetched.
constexpr std::uint32_t injected_ahead = 8;
constexpr std::size_t task_bytes_fetched = 3 * line_bytes;
constexpr std::uint32_t fairness_period =
    61;  // how many own tasks before a look at the oldest of the others
constexpr int spins_before_clock = 64;
constexpr std::chrono::microseconds spin_time{50};
constexpr std::chrono::milliseconds room_wait_most{1'000};
constexpr int spins_between_signs = 16;
constexpr std::chrono::microseconds held_up_time{50};  // a wake on a free CPU takes up to 32 us
constexpr std::ptrdiff_t sleepers_to_choose_from = 32;

constexpr std::uint64_t held_up_ticks =
    static_cast<std::uint64_t>(held_up_time.count()) * ticks_per_microsecond_about;

}  // namespace

constinit thread_refusal thread_refusal_hook = nullptr;

constinit std::atomic<worker_pool*> worker_pool::the_pool{nullptr};

worker_pool& worker_pool::make() noexcept {
  // Never destroyed: threads of the user may still submit when static objects go.
  static auto* pool = new worker_pool;
  waiting_room::before_wake.store(count_finish, std::memory_order_relaxed);
  the_pool.store(pool, std::memory_order_release);
  return *pool;
}

worker_pool::worker_pool()
    : workers_{std::make_unique<std::atomic<worker*>[]>(
          static_cast<std::size_t>(threads_max_default))} {}

void worker_pool::start(int cpus, int threads_max) {
  cpus_.store(cpus, std::memory_order_relaxed);
  searching_max_.store(std::max(1, cpus / 2), std::memory_order_relaxed);
  threads_max_.store(std::clamp(threads_max, 1, threads_max_default), std::memory_order_relaxed);
  idle_.reset(0);
  {
    const std::lock_guard lock{mutex_};
    stopping_.store(false, std::memory_order_seq_cst);
  }
  // Each starts without a permit and goes to sleep; then the permits appear.
  for (int i = 0; i != std::min(cpus, threads_max); ++i) {
    if (!add_worker(nullptr, false)) {
      if (i == 0) {
        throw error{
            "narke::init: not a single thread could be made; the limit on threads or memory is "
            "reached"};
      }
      break;
    }
  }
  return_permits(cpus);
}

void worker_pool::stop() {
  const memory_needed needed;
  int count = 0;
  {
    const std::lock_guard lock{mutex_};
    stopping_.store(true, std::memory_order_seq_cst);
    count = worker_count_.load(std::memory_order_relaxed);
  }
  for (int i = 0; i != count; ++i) {
    owned_workers_[static_cast<std::size_t>(i)]->sleep.wake();
  }
  for (int i = 0; i != count; ++i) {
    owned_workers_[static_cast<std::size_t>(i)]->thread.join();
  }
  const std::lock_guard lock{mutex_};
  sleepers_.clear();
  idle_.reset(0);
}

bool worker_pool::is_search_held_up() const noexcept {
  return ticks_now() - seen_ticks_.load(std::memory_order_relaxed) > held_up_ticks;
}

void worker_pool::notify_slowly() noexcept {
  if (is_forked_child()) [[unlikely]] {
    return;  // no worker is here, and a thread of the parent may have had the mutex
  }
  bool spawn = false;
  const bool wakes = idle_.update([&](idle_state::counts& now) {
    spawn = now.parked == 0;
    const bool is_looked_for =
        now.searching + now.waking >= searching_max_.load(std::memory_order_relaxed);
    if ((is_looked_for && (now.parked == 0 || !is_search_held_up())) || now.permits <= 0 ||
        (spawn && worker_count_.load(std::memory_order_relaxed) >=
                      threads_max_.load(std::memory_order_relaxed))) {
      return false;
    }
    --now.permits;
    ++now.waking;
    now.parked = static_cast<std::uint16_t>(now.parked - (spawn ? 0 : 1));
    return true;
  });
  if (!wakes) {
    return;
  }
  seen_ticks_.store(ticks_now(), std::memory_order_relaxed);
  if (!spawn) {
    if (worker* sleeper = pop_sleeper()) {
      sleeper->sleep.wake();
    }
  } else if (!add_worker(nullptr, true)) {
    bool has_sleeper = false;
    idle_.update([&](idle_state::counts& now) {
      ++now.permits;
      --now.waking;
      has_sleeper = now.parked > 0;
      return true;
    });
    // Whoever fell asleep meanwhile saw a searcher, which was this attempt.
    if (has_sleeper && has_work()) {
      notify();
    }
  }
}

void worker_pool::hand_over(detail::runnable& item) noexcept {
  const memory_needed needed;
  const bool has_sleeper =
      idle_.update([](idle_state::counts& now) { return now.parked > 0 && now.parked-- > 0; });
  if (worker* sleeper = has_sleeper ? pop_sleeper() : nullptr) {
    sleeper->handed = &item;
    sleeper->sleep.wake();
    return;
  }
  if (worker_count_.load(std::memory_order_relaxed) <
          threads_max_.load(std::memory_order_relaxed) &&
      add_worker(&item, false)) {
    return;
  }
  {
    const std::lock_guard lock{mutex_};
    left_over_.push_back(&item);
    left_over_count_.fetch_add(1, std::memory_order_seq_cst);
  }
  // A worker that fell asleep meanwhile has looked before it was there.
  if (idle_.read().parked > 0) {
    hand_over_left_over();
  }
}

void worker_pool::hand_over_left_over() noexcept {
  if (detail::runnable* left = take_left_over()) {
    hand_over(*left);
  }
}

bool worker_pool::has_work() const noexcept {
  if (!injected_.empty()) {
    return true;
  }
  const int count = worker_count_.load(std::memory_order_acquire);
  for (int i = 0; i != count; ++i) {
    if (!workers_[static_cast<std::size_t>(i)].load(std::memory_order_acquire)->deque.empty()) {
      return true;
    }
  }
  const std::size_t guests = guests_seen_.load(std::memory_order_seq_cst);
  for (std::size_t i = 0; i != guests; ++i) {
    if (!guests_[i].items.empty()) {
      return true;
    }
  }
  return false;
}

guest_deque* worker_pool::enter_guest() noexcept {
  for (std::size_t i = 0; i != guests_max; ++i) {
    guest_deque& guest = guests_[i];
    if (!guest.is_taken.load(std::memory_order_relaxed) &&
        !guest.is_taken.exchange(true, std::memory_order_acquire)) {
      std::size_t seen = guests_seen_.load(std::memory_order_relaxed);
      while (seen <= i && !guests_seen_.compare_exchange_weak(seen, i + 1)) {
      }
      this_thread_state.deque = &guest.items;
      return &guest;
    }
  }
  return nullptr;
}

void worker_pool::leave_guest(guest_deque& guest) noexcept {
  this_thread_state.deque = nullptr;
  bool moved = false;
  // Until it is empty, not until one is stolen by another first.
  while (!guest.items.empty()) {
    if (detail::runnable* oldest = guest.items.steal()) {
      injected_.push(*oldest);
      moved = true;
    }
  }
  guest.is_taken.store(false, std::memory_order_release);
  if (moved) {
    notify();
  }
}

std::uint64_t worker_pool::head_ticks() const noexcept {
  return has_work() ? head_ticks_.load(std::memory_order_relaxed) : no_ticks;
}

void worker_pool::return_permits(int count) noexcept {
  idle_.give_permits(count);
  if (placement_lane::instance().wants_permits()) {
    placement_lane::instance().poll();
  }
  if (has_work()) {
    notify();
  }
}

void worker_pool::give_permits_to_workers(int count) noexcept {
  idle_.give_permits(count);
  // A worker takes the permit as it is woken, or hands it over when it finds nothing older.
  if (has_work()) {
    notify();
  } else if (placement_lane::instance().wants_permits()) {
    placement_lane::instance().poll();
  }
}

void worker_pool::begin_block() {
  const int limit = threads_max_.load(std::memory_order_relaxed);
  if (blocked_.fetch_add(1, std::memory_order_relaxed) + 1 >= limit) {
    blocked_.fetch_sub(1, std::memory_order_relaxed);
    throw error{
        fmt::format("narke: {} threads wait in get, wait or as_completed, and there may be no more "
                    "than {}: one more would leave "
                    "none to run anything. Submit fewer tasks that wait inside, or pass refs as "
                    "arguments instead",
                    limit - 1, limit)};
  }
}

bool worker_pool::keep_one_unblocked() noexcept {
  // A thread that is being made is counted before it is there, one at a time, under the mutex. So
  // without the mutex two have to be left.
  if (blocked_.load(std::memory_order_seq_cst) + 1 < thread_count()) {
    return true;
  }
  const auto is_kept = [this] {
    const std::lock_guard lock{mutex_};
    return blocked_.load(std::memory_order_seq_cst) < thread_count();
  };
  return is_kept() || add_worker(nullptr, false) || is_kept();
}

bool worker_pool::add_worker(detail::runnable* handed, bool with_permit) noexcept {
  try {
    const memory_refusable others_do_the_work;
    const std::lock_guard lock{mutex_};
    if (!add_worker_locked(handed, with_permit)) {
      return false;
    }
  } catch (const std::exception& failed) {
    const memory_needed needed;
    log_warning(fmt::format("no further thread could be made ({}); work goes on with {}",
                            failed.what(), thread_count()));
    return false;
  }
  if (handed == nullptr && !with_permit) {
    look_for_sleeper();
  }
  return true;
}

bool worker_pool::add_worker_locked(detail::runnable* handed, bool with_permit) {
  const int index = worker_count_.load(std::memory_order_relaxed);
  const auto position = static_cast<std::size_t>(index);
  if (index >= threads_max_.load(std::memory_order_relaxed) ||
      stopping_.load(std::memory_order_relaxed)) {
    return false;
  }
  if (position == owned_workers_.size()) {
    owned_workers_.push_back(std::make_unique<worker>(index));
    workers_[position].store(owned_workers_.back().get(), std::memory_order_release);
  }
  sleepers_.reserve(position + 1);
  worker& made = *owned_workers_[position];
  made.handed = handed;
  made.begins_asleep = handed == nullptr && !with_permit;
  static_cast<void>(made.sleep.try_wait());  // a wake left over from the last stop()
  // Counted first: what the thread pushes must be seen by whoever looks for work.
  worker_count_.store(index + 1, std::memory_order_seq_cst);
  try {
    if (thread_refusal_hook != nullptr && thread_refusal_hook()) {
      throw std::system_error{std::make_error_code(std::errc::resource_unavailable_try_again)};
    }
    made.thread = std::thread{[this, &made] { run_worker(made); }};
  } catch (...) {
    worker_count_.store(index, std::memory_order_seq_cst);
    throw;
  }
  if (made.begins_asleep) {
    sleepers_.push_back(&made);
    idle_.update([](idle_state::counts& now) {
      ++now.parked;
      return true;
    });
  }
  return true;
}

// The kernel wakes a thread on the CPU where it fell asleep, or on that of who wakes it, even when
// another is free: one that fell asleep elsewhere need not wait for this thread to pause.
worker* worker_pool::pop_sleeper() noexcept {
  const int here = cpu_places::here();
  const std::lock_guard lock{mutex_};
  if (sleepers_.empty()) {
    return nullptr;  // stop() was faster
  }
  const auto worth = [&](int cpu) { return cpu == here ? 0 : places_.is_used(cpu) ? 1 : 2; };
  auto chosen = sleepers_.end() - 1;
  const auto last = sleepers_.end() - std::min(sleepers_to_choose_from, std::ssize(sleepers_));
  for (auto each = chosen; each != last && worth((*chosen)->cpu) != 2;) {
    --each;
    if (worth((*each)->cpu) > worth((*chosen)->cpu)) {
      chosen = each;
    }
  }
  worker* sleeper = *chosen;
  sleepers_.erase(chosen);
  return sleeper;
}

namespace {

// A task called fork, and its body went on to its end in the child, where nobody waits for it.
[[noreturn]] void end_forked_worker() noexcept {
  log_error(
      "a task returned in a child of fork, where there is no runtime: the child ends. Have "
      "it execute another program, or call _exit, in the task");
  _exit(EXIT_FAILURE);
}

}  // namespace

// A worker is woken, or made, in one of two ways: with work handed to it, to run without a permit;
// or by notify, which took a permit for it and counted it as waking. Made at start, it has neither,
// and is in the list of sleepers at once: the first tasks find it there.
void worker_pool::run_worker(worker& self) noexcept {
  const memory_needed needed;
  this_thread_state.self = &self;
  this_thread_state.deque = &self.deque;
  set_thread_track_name(fmt::format("worker {}", self.index), self.index);
  bool is_woken = true;
  if (self.begins_asleep) {
    is_woken = sleep_until_woken(self);
  } else {
    self.cpu = places_.arrive();
  }
  while (is_woken) {
    bool has_permit = self.handed.load(std::memory_order_acquire) == nullptr;
    bool searching = has_permit;
    if (has_permit) {
      begin_searching();
      has_permit = work(self, searching);
    }
    while (detail::runnable* handed = self.handed.exchange(nullptr, std::memory_order_acq_rel)) {
      run_without_permit(*handed);
      if (has_work() && idle_.try_take_permit()) {
        has_permit = work(self, searching);
      }
    }
    is_woken = sleep(self, has_permit, searching);
  }
}

// Runs tasks until there are none, or the permit is to go. Returns whether the permit is still
// there.
bool worker_pool::work(worker& self, bool& searching) noexcept {
  std::chrono::steady_clock::time_point give_up{};
  detail::runnable* next = nullptr;
  for (int misses = 0;
       idle_.glance().permits >= 0 && left_over_count_.load(std::memory_order_relaxed) == 0;) {
    if (next != nullptr && ++self.tick % fairness_period == 0) {
      self.deque.push(next);
      next = find_oldest(self);
    }
    detail::runnable* item = next != nullptr ? next : find(self);
    next = nullptr;
    if (item != nullptr) {
      misses = 0;
      if (std::exchange(searching, false)) {
        stop_searching();
      }
      if (placement_lane::instance().head_ticks() < item->submitted_ticks) {
        head_ticks_.store(item->submitted_ticks, std::memory_order_relaxed);
        self.deque.push(item);
        self.handed = placement_lane::instance().offer_permit();
        return false;
      }
      if (store_is_over_limit()) [[unlikely]] {
        wait_for_room();
      }
      next = run_on_permit(*item);
      continue;
    }
    if (placement_lane::instance().wants_permits()) {
      if (std::exchange(searching, false)) {
        stop_searching();
      }
      self.handed = placement_lane::instance().offer_permit();
      return false;
    }
    if (!searching) {
      if (!start_searching()) {
        return true;
      }
      searching = true;
    }
    if (misses % spins_between_signs == 0) {
      seen_ticks_.store(ticks_now(), std::memory_order_relaxed);
      std::this_thread::yield();  // who makes work may wait for this CPU
    }
    if (++misses == spins_before_clock) {
      give_up = std::chrono::steady_clock::now() + spin_time;
    } else if (misses > spins_before_clock && std::chrono::steady_clock::now() > give_up) {
      return true;
    }
    pause_briefly();
  }
  if (next != nullptr) {
    self.deque.push(next);
  }
  return true;
}

// Before a task begins while the store is over its limit: it waits as long as another task runs,
// which may make room. So one task runs at a time, never none: who waits does not count as running.
// The wait has an end, as what runs may itself wait, by means of its own, for what is to begin.
void worker_pool::wait_for_room() const noexcept {
  const auto give_up = std::chrono::steady_clock::now() + room_wait_most;
  const thread_record* const own = &this_record();
  const auto another_runs = [own] {
    bool found = false;
    for_each_record([&](const thread_record& record) {
      found |= &record != own && record.uses_permit.load(std::memory_order_relaxed);
    });
    return found;
  };
  for (auto pause = std::chrono::microseconds{20};
       store_is_over_limit() && another_runs() && !is_draining() &&
       !stopping_.load(std::memory_order_relaxed) && std::chrono::steady_clock::now() < give_up;
       pause = std::min(pause * 2, std::chrono::microseconds{1'000})) {
    std::this_thread::sleep_for(pause);
  }
}

// After a worker was counted as parked: what waits for one.
void worker_pool::look_for_sleeper() noexcept {
  if (placement_lane::instance().wants_permits()) {
    placement_lane::instance().poll();
  }
  if (left_over_count_.load(std::memory_order_seq_cst) > 0) {
    hand_over_left_over();
  }
  if (has_work()) {
    notify();
  }
}

// Step 2 of idle_state's protocol. False: the pool stops.
bool worker_pool::sleep(worker& self, bool has_permit, bool searching) noexcept {
  keep_memory_reserve();
  if (is_forked_child()) [[unlikely]] {
    end_forked_worker();
  }
  places_.leave(self.cpu);
  {
    const std::lock_guard lock{mutex_};
    self.cpu = cpu_places::here();
    sleepers_.push_back(&self);
  }
  idle_.update([&](idle_state::counts& now) {
    ++now.parked;
    now.permits += has_permit ? 1 : 0;
    now.searching = static_cast<std::uint16_t>(now.searching - (searching ? 1 : 0));
    return true;
  });
  look_for_sleeper();
  return !stopping_.load(std::memory_order_seq_cst) && sleep_until_woken(self);
}

// False: the pool stops.
bool worker_pool::sleep_until_woken(worker& self) noexcept {
  self.sleep.wait();
  if (self.handed.load(std::memory_order_acquire) == nullptr &&
      stopping_.load(std::memory_order_seq_cst)) {
    return false;
  }
  self.cpu = places_.arrive();
  return true;
}

void worker_pool::begin_searching() noexcept {
  idle_.update([](idle_state::counts& now) {
    --now.waking;
    ++now.searching;
    return true;
  });
}

bool worker_pool::start_searching() noexcept {
  return idle_.update([this](idle_state::counts& now) {
    if (now.searching >= searching_max_.load(std::memory_order_relaxed)) {
      return false;
    }
    ++now.searching;
    return true;
  });
}

void worker_pool::stop_searching() noexcept {
  bool was_last = false;
  idle_.update([&](idle_state::counts& now) {
    was_last = --now.searching == 0 && now.waking == 0;
    return true;
  });
  if (was_last && has_work()) {
    notify();
  }
}

detail::runnable* worker_pool::find(worker& self) noexcept {
  if (++self.tick % fairness_period == 0) {
    if (detail::runnable* oldest = find_oldest(self)) {
      return oldest;
    }
  }
  if (detail::runnable* item = self.deque.pop()) {
    if (self.unfetched != 0) {
      --self.unfetched;
      // This one and the next are out of the count: the first of a batch was never in the deque.
      prefetch_node(self.deque.glance(injected_ahead - 2), task_bytes_fetched);
    }
    return item;
  }
  if (detail::runnable* item = take_injected(self)) {
    return item;
  }
  return steal(self);
}

// What would otherwise wait while this worker has newer work of its own.
detail::runnable* worker_pool::find_oldest(worker& self) noexcept {
  self.cpu = places_.follow(self.cpu);
  detail::runnable* item = self.tick % (2 * fairness_period) == 0 ? steal_from_guests() : nullptr;
  if (item == nullptr) {
    item = take_injected(self);
  }
  return item != nullptr ? item : self.deque.steal();
}

detail::runnable* worker_pool::steal_from_guests() noexcept {
  const std::size_t guests = guests_seen_.load(std::memory_order_acquire);
  for (std::size_t i = 0; i != guests; ++i) {
    if (detail::runnable* item = guests_[i].items.steal()) {
      return item;
    }
  }
  return nullptr;
}

detail::runnable* worker_pool::take_injected(worker& self) noexcept {
  detail::runnable* batch[worker::batch_most];
  const std::size_t count = injected_.pop_some(batch, self.batch);
  self.batch = count == self.batch ? std::min(2 * self.batch, worker::batch_most)
                                   : worker::batch_least;
  if (count == 0) {
    return nullptr;
  }
  // Another core wrote them: the lines of the first come all at once, those of the others while
  // these run.
  const std::size_t fetched = std::min<std::size_t>(count, injected_ahead);
  for (std::size_t i = 0; i != fetched; ++i) {
    prefetch_node(batch[i], task_bytes_fetched);
  }
  self.unfetched = static_cast<std::uint32_t>(count - fetched);
  head_ticks_.store(batch[0]->submitted_ticks, std::memory_order_relaxed);
  if (count > 1) {
    // The deque gives the newest first: pushed backwards, they come out in order.
    self.deque.push_backwards(batch + 1, count - 1);
  }
  if (count > 1 || !injected_.empty()) {
    notify();
  }
  return batch[0];
}

detail::runnable* worker_pool::steal(worker& self) noexcept {
  const auto count = static_cast<std::uint32_t>(worker_count_.load(std::memory_order_acquire));
  self.random ^= self.random << 13;
  self.random ^= self.random >> 17;
  self.random ^= self.random << 5;
  for (std::uint32_t i = 0; i != count; ++i) {
    worker* victim = workers_[(self.random + i) % count].load(std::memory_order_acquire);
    if (victim != &self) {
      if (detail::runnable* item = victim->deque.steal()) {
        return item;
      }
    }
  }
  return steal_from_guests();
}

detail::runnable* worker_pool::take_left_over() noexcept {
  if (left_over_count_.load(std::memory_order_seq_cst) == 0) {
    return nullptr;
  }
  const std::lock_guard lock{mutex_};
  if (left_over_.empty()) {
    return nullptr;
  }
  detail::runnable* item = left_over_.front();
  left_over_.erase(left_over_.begin());
  left_over_count_.fetch_sub(1, std::memory_order_seq_cst);
  return item;
}

namespace {

// Runs an item and what becomes ready by it; while the runtime is stopped, that drops them.
void drop(detail::runnable* item) noexcept {
  while (item != nullptr) {
    item = run_on_permit(*item);
  }
}

}  // namespace

void worker_pool::drop_injected() noexcept {
  while (!injected_.empty()) {
    detail::runnable* item = nullptr;
    if (injected_.pop_some(&item, 1) == 1) {
      drop(item);
    } else {
      std::this_thread::yield();  // another thread drops, or a submitter is between two steps
    }
  }
}

void worker_pool::drop_late() noexcept {
  drop_injected();
  while (detail::runnable* item = steal_from_guests()) {
    drop(item);
  }
  while (detail::runnable* item = take_left_over()) {
    run_without_permit(*item);
  }
}

void worker_pool::drop_all() noexcept {
  do {
    drop_late();
    const int count = worker_count_.load(std::memory_order_acquire);
    for (int i = 0; i != count; ++i) {
      while (detail::runnable* item = workers_[static_cast<std::size_t>(i)].load()->deque.steal()) {
        drop(item);
      }
    }
    for (int i = 0; i != count; ++i) {
      worker& each = *workers_[static_cast<std::size_t>(i)].load();
      if (detail::runnable* handed = each.handed.exchange(nullptr, std::memory_order_acq_rel)) {
        run_without_permit(*handed);
      }
    }
  } while (has_work() || left_over_count_.load(std::memory_order_seq_cst) > 0);
  worker_count_.store(0, std::memory_order_release);
}

}  // namespace narke::internal
