#include "worker/waiting.hpp"

#include <algorithm>
#include <atomic>
#include <deque>
#include <iterator>
#include <memory>
#include <mutex>
#include <stdexcept>
#include <string>
#include <thread>
#include <vector>

#include <fmt/format.h>

#include <narke/detail/waiting.hpp>
#include <narke/errors.hpp>

#include "task/task_info.hpp"
#include "task/waiting_room.hpp"
#include "worker/call_sites.hpp"
#include "worker/deadlock.hpp"
#include "worker/execute.hpp"
#include "worker/failure_watch.hpp"
#include "worker/gpu_task.hpp"
#include "worker/lent_cpus.hpp"
#include "worker/parker.hpp"
#include "worker/pause.hpp"
#include "worker/thread_state.hpp"
#include "worker/worker_pool.hpp"

namespace narke::internal {

std::chrono::steady_clock::time_point deadline_after(std::chrono::nanoseconds timeout) noexcept {
  using clock = std::chrono::steady_clock;
  const auto now = clock::now();
  return timeout >= clock::time_point::max() - now ? clock::time_point::max() : now + timeout;
}

namespace {

using detail::result_slot;
using detail::slot_list;
using time_point = std::chrono::steady_clock::time_point;

constexpr int spins_before_sleep = 100;
constexpr int spins_for_a_body = 12;  // some 3 us: to sleep and be woken costs more
constexpr std::size_t slots_waited_for_at_once = 256;
constexpr std::size_t slots_taken_at_once = 256;
constexpr std::size_t few_slots = 8;         // told by each
constexpr std::size_t many_slots = 512;      // their values are taken in part while others are made
constexpr std::size_t sleeps_for_many = 16;  // of one call; more: it is woken by failures of others

// Sleeps until a number of slots are ready, or one has failed when that is asked for. Lives on the
// waiting thread's stack.
class sleeping_group final : public wait_group {
 public:
  /// For up to `most` slots. For one it needs no memory.
  sleeping_group(std::size_t most, std::size_t wanted, bool until_failure)
      : missing_{static_cast<std::ptrdiff_t>(wanted)},
        until_failure_{until_failure},
        several_{most > 1 ? std::make_unique<joined_slot[]>(most) : nullptr} {}
  sleeping_group(const sleeping_group&) = delete;
  sleeping_group& operator=(const sleeping_group&) = delete;
  ~sleeping_group() {
    for (std::size_t i = 0; i != joined_; ++i) {
      waiting_room::leave(place(i).entry, *place(i).slot);
    }
  }

  /// Counts `slot` at once when it is ready.
  void join(result_slot& slot) {
    joined_slot& joined = place(joined_++);
    joined.slot = &slot;
    if (!waiting_room::enter(joined.entry, slot, *this)) {
      --joined_;
      count(slot);
    }
  }
  bool sleep_until(time_point deadline) noexcept { return parker_.wait_until(deadline); }

 private:
  struct joined_slot {
    wait_entry entry;
    const result_slot* slot = nullptr;
  };

  [[nodiscard]] joined_slot& place(std::size_t i) noexcept {
    return several_ != nullptr ? several_[i] : one_;
  }
  void on_ready(wait_entry& entry) noexcept override { count(*joined_slot_of(entry).slot); }
  // The entry is the first member.
  static joined_slot& joined_slot_of(wait_entry& entry) noexcept {
    return reinterpret_cast<joined_slot&>(entry);
  }
  void count(const result_slot& slot) noexcept {
    if (missing_.fetch_sub(1, std::memory_order_acq_rel) == 1 ||
        (until_failure_ && slot.failed())) {
      parker_.wake();
    }
  }

  std::atomic<std::ptrdiff_t> missing_;
  const bool until_failure_;
  parker parker_;
  // Stay where they are: the waiting room points to them.
  joined_slot one_;
  const std::unique_ptr<joined_slot[]> several_;  // null: one_ is enough
  std::size_t joined_ = 0;
};

// Sleeps by `sleep_until`. A task that sleeps without a deadline looks from time to time whether
// anything can still wake it; `slots` says what it waits for, and is asked only then. `goal`: how
// many of these have to be ready; 0: all.
template <class Sleep, class Slots>
bool sleep_watched(time_point deadline, Sleep&& sleep_until, Slots&& slots, std::size_t goal,
                   bool until_failure) {
  if (deadline != time_point::max() || this_thread_state.current == nullptr) {
    return sleep_until(deadline);
  }
  using clock = std::chrono::steady_clock;
  std::chrono::milliseconds pause = watched_wait::first_look;
  if (sleep_until(clock::now() + pause)) {
    return true;
  }
  std::vector<result_slot*> all = slots();
  const std::size_t wanted = goal != 0 ? goal : all.size();
  const watched_wait wait{std::move(all), wanted, until_failure};
  for (;;) {
    wait.look();
    if (sleep_until(clock::now() + pause)) {
      return true;
    }
    pause = std::min<std::chrono::milliseconds>(pause * 2, watched_wait::pause_max);
  }
}

// Looks for a moment, and for some longer while the task runs: it may be nearly done.
bool spin_for(const result_slot& slot) noexcept {
  for (int i = 0; i != spins_before_sleep; ++i) {
    if (slot.is_ready()) {
      return true;
    }
  }
  const detail::task_node* const producer = slot.producer();
  for (int i = 0; i != spins_for_a_body && producer != nullptr && producer->gpu == nullptr &&
                  producer->state() >= detail::task_state::claimed;
       ++i) {
    pause_briefly();
    if (slot.is_ready()) {
      return true;
    }
  }
  return false;
}

bool sleep_for(result_slot& slot, time_point deadline) {
  const blocked_section blocked;
  sleeping_group group{1, 1, false};
  group.join(slot);
  return sleep_watched(
      deadline, [&](time_point until) { return group.sleep_until(until); },
      [&] { return std::vector{&slot}; }, 1, false);
}

// A thread outside that gets one small result after the other, while many are outstanding. To be
// woken for each would take the CPU of who makes them for longer than a small one takes. It naps
// instead: when it looks again, several are ready.
class small_results {
 public:
  small_results() noexcept
      : is_outside_{this_thread_state.self == nullptr && this_thread_state.current == nullptr},
        begin_ticks_{is_outside_ ? ticks_now() : 0} {}
  small_results(const small_results&) = delete;
  small_results& operator=(const small_results&) = delete;
  ~small_results() {
    if (is_outside_) {
      std::uint32_t& in_a_row = this_thread_state.short_sleeps;
      in_a_row = ticks_now() - begin_ticks_ <= short_sleep_ticks ? in_a_row + 1 : 0;
    }
  }
  [[nodiscard]] bool nap_until(const result_slot& slot) const {
    if (!is_outside_ || this_thread_state.short_sleeps < short_sleeps_before_nap || !are_many()) {
      return false;
    }
    const blocked_section blocked;
    std::this_thread::sleep_for(nap);
    return slot.is_ready();
  }

 private:
  static constexpr std::uint32_t short_sleeps_before_nap = 16;
  static constexpr std::uint64_t outstanding_before_nap = 64;
  static constexpr std::uint64_t short_sleep_ticks = 300 * ticks_per_microsecond_about;
  static constexpr std::chrono::microseconds nap{60};

  static bool are_many() {
    const task_totals totals = count_tasks();
    return totals.submitted - totals.finished >= outstanding_before_nap;
  }

  const bool is_outside_;
  const std::uint64_t begin_ticks_;
};

// Sleeps until one slot is ready, or any has failed, whichever it is. On the waiting thread's
// stack.
class sleeping_for_last final : public wait_group {
 public:
  explicit sleeping_for_last() noexcept : failures_{parker_} {}
  sleeping_for_last(const sleeping_for_last&) = delete;
  sleeping_for_last& operator=(const sleeping_for_last&) = delete;
  ~sleeping_for_last() {
    if (last_ != nullptr) {
      waiting_room::leave(entry_, *last_);
    }
  }

  /// False when `last` is ready.
  [[nodiscard]] bool begin(result_slot& last) {
    const bool is_in = waiting_room::enter(entry_, last, *this);
    last_ = is_in ? &last : nullptr;
    return is_in;
  }
  bool sleep_until(time_point deadline) noexcept { return parker_.wait_until(deadline); }

 private:
  void on_ready(wait_entry& /*entry*/) noexcept override { parker_.wake(); }

  parker parker_;
  failure_watcher failures_;
  wait_entry entry_;
  result_slot* last_ = nullptr;  // it has the entry
};

// Those from `first` on, up to a limit.
struct slot_range {
  slot_list slots;
  std::size_t first;
  std::size_t end;

  slot_range(slot_list all, std::size_t begin, std::size_t most) noexcept
      : slots{all}, first{begin}, end{std::min(all.size, begin + most)} {}

  [[nodiscard]] std::vector<result_slot*> open() const {
    std::vector<result_slot*> all;
    for (std::size_t i = first; i != end; ++i) {
      if (!slots[i]->is_ready()) {
        all.push_back(slots[i]);
      }
    }
    return all;
  }
  // Those before the first that has failed. One that fails meanwhile is among them, or ends them.
  [[nodiscard]] std::vector<result_slot*> open_before_failure() const {
    std::vector<std::size_t> all;
    for (std::size_t i = first; i != end; ++i) {
      if (!slots[i]->is_ready()) {
        all.push_back(i);
      }
    }
    slot_range before = *this;
    before.end_at_failure();
    std::vector<result_slot*> open;
    for (const std::size_t i : all) {
      if (i < before.end) {
        open.push_back(slots[i]);
      }
    }
    return open;
  }
  void want_completion_of_open() const noexcept {
    for (std::size_t i = first; i != end; ++i) {
      detail::want_completion(*slots[i]);
    }
  }
  // Up to the first that has failed: those behind it are not asked for.
  void end_at_failure() noexcept {
    const std::size_t all = end;
    for (end = first; end != all && !(slots[end]->is_ready() && slots[end]->failed()); ++end) {
    }
  }
  // Null when all are ready.
  [[nodiscard]] result_slot* last_open() const noexcept {
    for (std::size_t i = end; i != first; --i) {
      if (!slots[i - 1]->is_ready()) {
        return slots[i - 1];
      }
    }
    return nullptr;
  }
};

// Sleeps until all of a few slots are ready, or one of them failed.
bool sleep_for_few(const slot_range& range, time_point deadline) {
  const std::vector<result_slot*> open = range.open_before_failure();
  if (open.empty()) {
    return true;
  }
  const blocked_section blocked;
  sleeping_group group{open.size(), open.size(), true};
  for (result_slot* slot : open) {
    detail::want_completion(*slot);
    group.join(*slot);
  }
  return sleep_watched(
      deadline, [&](time_point until) { return group.sleep_until(until); }, [&] { return open; },
      open.size(), true);
}

// Sleeps until the last of many slots is ready, which mostly means all, or something has failed,
// which may be another. To be told by each one of them costs every producer the way to a lock. Of
// very many, the slot that ends three quarters: what follows is taken when these are.
bool sleep_for_many(slot_range range, time_point deadline) {
  if (gpu_tasks_exist.load(std::memory_order_relaxed)) {
    range.want_completion_of_open();
  }
  sleeping_for_last group;
  if (failure_watcher::failures() != 0) {
    range.end_at_failure();
  }
  if (const std::size_t size = range.end - range.first; size > many_slots) {
    range.end -= size / 4;
  }
  result_slot* const last = range.last_open();
  if (last == nullptr || !group.begin(*last)) {
    return true;
  }
  const blocked_section blocked;
  return sleep_watched(
      deadline, [&](time_point until) { return group.sleep_until(until); },
      [&] { return range.open(); }, 0, true);
}

// Sleeps for the slots from `first` on, or as many of them as are looked at. True when it was woken
// or had not to sleep: some of them are ready.
bool sleep_for_some(slot_list slots, std::size_t first, std::size_t sleeps, time_point deadline) {
  if (slots.size - first <= few_slots || sleeps > sleeps_for_many) {
    return sleep_for_few({slots, first, slots_waited_for_at_once}, deadline);
  }
  return sleep_for_many({slots, first, slots.size}, deadline);
}

std::size_t count_ready(slot_list slots, std::size_t wanted) {
  std::size_t ready = 0;
  for (std::size_t i = 0; i != slots.size && ready != wanted; ++i) {
    ready += slots[i]->is_ready() ? 1 : 0;
  }
  return ready;
}

void check_wait(slot_list slots, double num_returns, bool has_timeout,
                std::chrono::nanoseconds timeout) {
  check_whole("wait: num_returns", num_returns, 1, static_cast<double>(slots.size));
  if (has_timeout && timeout.count() < 0) {
    throw std::invalid_argument{
        fmt::format("wait: timeout: {} ns is negative; 0 polls", timeout.count())};
  }
}

// What the last wait of a thread left over: a list without duplicates.
struct leftover {
  std::size_t size = 0;
  std::uint64_t mark = 0;
};
constinit thread_local leftover last_leftover;

std::vector<result_slot*> all_of(slot_list slots) {
  std::vector<result_slot*> all;
  all.reserve(slots.size);
  for (std::size_t i = 0; i != slots.size; ++i) {
    all.push_back(slots[i]);
  }
  return all;
}

void check_no_duplicate(slot_list slots) {
  std::vector<result_slot*> sorted = all_of(slots);
  std::sort(sorted.begin(), sorted.end());
  if (std::adjacent_find(sorted.begin(), sorted.end()) != sorted.end()) {
    throw std::invalid_argument{
        "wait: refs: the same object_ref stands in the list twice; give each once"};
  }
}

void sleep_for_count(slot_list slots, std::size_t wanted, time_point deadline) {
  const blocked_section blocked{blocked_section::blocking::wait};
  sleeping_group group{slots.size, wanted, false};
  for (std::size_t i = 0; i != slots.size; ++i) {
    group.join(*slots[i]);
  }
  static_cast<void>(sleep_watched(
      deadline, [&](time_point until) { return group.sleep_until(until); },
      [&] { return all_of(slots); }, wanted, false));
}

std::string in_seconds(std::chrono::nanoseconds timeout) {
  return fmt::format("{} s", std::chrono::duration<double>(timeout).count());
}

}  // namespace

}  // namespace narke::internal

namespace narke::detail {

using namespace narke::internal;  // NOLINT: this half of the file only names what the other half
                                  // made

bool wait_for_slot(result_slot& slot, std::chrono::nanoseconds timeout, const source_location& at) {
  if (slot.is_ready()) {
    return true;
  }
  get_watch watch{slot, at};
  want_completion(slot);
  const bool for_ever_long = timeout == for_ever;
  if (for_ever_long && try_run_in_place(slot)) {
    return true;
  }
  if (timeout.count() <= 0) {
    watch.forget();
    return false;
  }
  const time_point deadline = for_ever_long ? time_point::max() : deadline_after(timeout);
  if (spin_for(slot)) {
    return true;
  }
  watch.will_sleep();
  const small_results expected;
  if ((for_ever_long && expected.nap_until(slot)) || sleep_for(slot, deadline) ||
      slot.is_ready()) {
    return true;
  }
  watch.forget();
  return false;
}

void wait_for_slot(result_slot& slot, bool is_given_up, const source_location& at) {
  if (try_run_newest(slot, is_given_up)) {
    note_waited();
  } else {
    static_cast<void>(wait_for_slot(slot, for_ever, at));
  }
}

namespace {

// A thread outside that would run many tasks in place, while a worker perhaps waits for its CPU:
// it sleeps instead, and another worker is woken if there is one.
bool leaves_cpu_to_worker() noexcept {
  if (this_thread_state.self != nullptr || !worker_pool::instance().has_held_up_search())
      [[likely]] {
    return false;
  }
  worker_pool::instance().notify();
  return true;
}

// The first `wait.ready` are; so are others behind them afterwards.
slots_are extend_ready(list_wait& wait) {
  const slot_list slots = wait.slots;
  const std::size_t first = wait.ready;
  const std::size_t end = std::min(slots.size, first + slots_taken_at_once);
  for (; wait.ready != end; ++wait.ready) {
    if (wait.ready + slots_ahead < slots.size) {
      prefetch(*slots[wait.ready + slots_ahead]);
    }
    result_slot& slot = *slots[wait.ready];
    want_completion(slot);
    while (!slot.is_ready()) {
      if (wait.ready != first) {
        return slots_are::ready;  // what is there is taken first
      }
      const bool runs_here =
          wait.timeout == for_ever && !leaves_cpu_to_worker() && try_run_in_place(slot);
      if (!runs_here && !spin_for(slot) &&
          !sleep_for_some(slots, wait.ready, ++wait.sleeps, wait.deadline) && !slot.is_ready()) {
        return slots_are::not_yet;
      }
    }
    if (slot.failed()) {
      return slots_are::failed;
    }
  }
  return slots_are::ready;
}

}  // namespace

slots_are wait_for_next(list_wait& wait) {
  if (!std::exchange(wait.has_begun, true)) {
    wait.deadline = wait.timeout == for_ever ? time_point::max() : deadline_after(wait.timeout);
    if (gets_arguments()) [[unlikely]] {
      wait.were_ready = count_ready(wait.slots, wait.slots.size) == wait.slots.size;
      wait.begin_ticks = ticks_now();
    }
  }
  const slots_are now = extend_ready(wait);
  if (now != slots_are::ready || wait.ready == wait.slots.size) {
    if (wait.begin_ticks == 0) [[likely]] {
      note_waited();
    } else {
      note_list_get(wait.slots, wait.at, wait.were_ready ? 0 : ticks_now() - wait.begin_ticks);
    }
  }
  return now;
}

namespace {

std::vector<std::size_t> first_ready(slot_list slots, std::size_t wanted) {
  std::vector<std::size_t> indices;
  for (std::size_t i = 0; i != slots.size && indices.size() != wanted; ++i) {
    if (slots[i]->is_ready()) {
      indices.push_back(i);
    }
  }
  return indices;
}

}  // namespace

std::vector<std::size_t> wait_for_some(slot_list slots, std::uint64_t mark, double num_returns,
                                       bool has_timeout, std::chrono::nanoseconds timeout) {
  if (slots.size == 0) {
    return {};
  }
  check_wait(slots, num_returns, has_timeout, timeout);
  // A list is mostly drained wait by wait: each takes some out, and gives the rest to the next.
  if (slots.size != last_leftover.size || mark != last_leftover.mark) {
    check_no_duplicate(slots);
  }
  note_wait();
  const auto wanted = static_cast<std::size_t>(num_returns);
  std::vector<std::size_t> ready = first_ready(slots, wanted);
  if (ready.size() != wanted) {
    for (std::size_t i = 0; i != slots.size; ++i) {
      want_completion(*slots[i]);
    }
    if (!(has_timeout && timeout.count() == 0)) {
      sleep_for_count(slots, wanted, has_timeout ? deadline_after(timeout) : time_point::max());
    }
    ready = first_ready(slots, wanted);
  }
  for (const std::size_t index : ready) {
    mark -= mark_of(*slots[index]);
  }
  last_leftover = {slots.size - ready.size(), mark};
  return ready;
}

void throw_get_timeout(std::chrono::nanoseconds timeout, const result_slot& slot) {
  const task_node* producer = slot.producer();
  throw get_timeout_error{fmt::format(
      "narke::get: {} is not done after {}; it goes on. Wait longer, or give get no timeout",
      producer != nullptr ? display_name(*producer) : std::string{"the value"},
      in_seconds(timeout))};
}

void throw_get_timeout(std::chrono::nanoseconds timeout, slot_list slots) {
  const std::size_t ready = count_ready(slots, slots.size);
  throw get_timeout_error{
      fmt::format("narke::get: {} of {} refs are not ready after {}; their tasks go on. Wait "
                  "longer, or take what is ready by wait",
                  slots.size - ready, slots.size, in_seconds(timeout))};
}

// Slots report here as they become ready; the one thread that iterates takes them off.
struct completion_queue::state final : public wait_group {
  ~state() {
    for (joined_slot& each : joined) {
      waiting_room::leave(each.entry, *each.slot);
    }
  }
  struct joined_slot {
    wait_entry entry;
    const result_slot* slot = nullptr;
  };

  void on_ready(wait_entry& entry) noexcept override { add(entry.index); }
  void add(std::size_t index) noexcept {
    const std::lock_guard lock{mutex};
    ready[ready_end++] = index;
    parker.wake();
  }
  bool take(std::size_t& index) {
    const std::lock_guard lock{mutex};
    if (ready_begin == ready_end) {
      return false;
    }
    index = ready[ready_begin++];
    slots[index] = nullptr;  // whoever iterates may let it go from here on
    return true;
  }
  [[nodiscard]] std::vector<result_slot*> slots_left() const {
    std::vector<result_slot*> left;
    std::copy_if(slots.begin(), slots.end(), std::back_inserter(left),
                 [](const result_slot* slot) { return slot != nullptr; });
    return left;
  }

  std::mutex mutex;
  std::vector<std::size_t>
      ready;                    // guarded by mutex; as long as there are slots: add never allocates
  std::size_t ready_begin = 0;  // guarded by mutex
  std::size_t ready_end = 0;    // guarded by mutex
  internal::parker parker;
  std::deque<joined_slot> joined;   // the iterating thread's
  std::vector<result_slot*> slots;  // the iterating thread's, for who looks for a deadlock; null:
                                    // handed out
};

completion_queue::completion_queue(slot_list slots) : state_{std::make_unique<state>()} {
  note_wait();
  state_->ready.resize(slots.size);
  state_->slots = all_of(slots);
  for (std::size_t i = 0; i != slots.size; ++i) {
    state::joined_slot& joined = state_->joined.emplace_back();
    joined.slot = slots[i];
    joined.entry.index = i;
    want_completion(*slots[i]);
    if (!waiting_room::enter(joined.entry, *slots[i], *state_)) {
      state_->joined.pop_back();
      state_->add(i);
    }
  }
}
completion_queue::completion_queue(completion_queue&&) noexcept = default;
completion_queue& completion_queue::operator=(completion_queue&&) noexcept = default;
completion_queue::~completion_queue() = default;

std::size_t completion_queue::next() {
  std::size_t index = 0;
  while (!state_->take(index)) {
    const blocked_section blocked{blocked_section::blocking::wait};
    static_cast<void>(sleep_watched(
        time_point::max(), [&](time_point until) { return state_->parker.wait_until(until); },
        [&] { return state_->slots_left(); }, 1, false));
  }
  return index;
}

}  // namespace narke::detail
