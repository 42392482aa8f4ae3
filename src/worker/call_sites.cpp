#include "worker/call_sites.hpp"

#include <compare>
#include <exception>
#include <fstream>
#include <map>
#include <mutex>
#include <new>
#include <string_view>
#include <utility>

#include <unistd.h>

#include <narke/detail/watching.hpp>

#include "base/forked_child.hpp"
#include "base/needed_memory.hpp"
#include "base/ticks.hpp"
#include "task/task_info.hpp"
#include "worker/worker_pool.hpp"

namespace narke::detail {

constinit std::atomic<std::uint32_t> get_watchers{0};

}  // namespace narke::detail

namespace narke::internal {

constinit std::atomic<bool> advisor_is_on{false};

using detail::result_slot;
using detail::task_lane;
using detail::task_node;

namespace {

constexpr std::size_t places_most = 1'000;
constexpr int looks_for_the_last_end = 100;

struct place {
  std::string_view file;
  std::uint_least32_t line = 0;
  auto operator<=>(const place&) const = default;

  static place of(const source_location& at) noexcept { return {at.file_name(), at.line()}; }
};
struct place_pair {
  place remote;
  place get;
  auto operator<=>(const place_pair&) const = default;
};

// The last bytes that tasks of a line were given from one address.
struct given_bytes {
  const void* data = nullptr;
  std::size_t bytes = 0;
  std::uint64_t fingerprint = 0;
  bool is_counted = false;  ///< as the first of several
};
struct copies {
  copied_arguments counts;
  std::array<given_bytes, 4> last = {};
  std::size_t next = 0;
};

// The results of one line that a thread takes at one line, in order. Most of them are ready, and
// are only counted.
struct ordered_watch {
  // The thread's own.
  bool is_open = false;
  std::uintptr_t remote_key = 0;
  std::uintptr_t get_key = 0;
  std::uint64_t running = 0;  // the task in which the last get was that took the mutex

  // Written by the thread, read under the mutex by others.
  std::atomic<std::uint64_t> ready_count{0};
  std::atomic<std::uint64_t> last_ready_ticks{0};

  // Guarded by the mutex of the facts.
  place_pair where = {};
  std::uint64_t counted = 0;  // of ready_count
  std::uint64_t last_end_ticks = 0;
};

struct fact_store {
  std::mutex mutex;
  // Guarded by mutex.
  std::vector<ordered_watch*> open;
  std::map<place_pair, lonely_gets> lonely;
  std::map<place_pair, ordered_gets> ordered;
  std::map<place_pair, argument_gets> arguments;
  std::map<place, copies> copied;
  std::map<place, pending_tasks> pending;

  // By threads that submit: of one task in 64.
  std::atomic<std::uint64_t> submissions{0};
  std::atomic<std::uint64_t> submission_ticks{0};
};

fact_store& facts() {
  static auto* store = new fact_store;
  return *store;
}

// The entry of `key`; null when there are too many places.
template <class Map>
typename Map::mapped_type* entry_of(Map& map, const typename Map::key_type& key) {
  const auto found = map.find(key);
  if (found != map.end()) {
    return &found->second;
  }
  return map.size() < places_most ? &map[key] : nullptr;
}

place_pair key_of(const task_node& producer, const source_location& at) noexcept {
  return {place::of(producer.location), place::of(at)};
}
call_pair pair_of(const task_node& producer, const source_location& at) {
  return {producer.location, at, plain_name(producer)};
}

// Adds what a watch has counted without the mutex, by its last such get.
void flush_locked(ordered_watch& watch) {
  const std::uint64_t ready = watch.ready_count.load(std::memory_order_relaxed);
  const std::uint64_t more = ready - std::exchange(watch.counted, ready);
  const auto its = facts().ordered.find(watch.where);
  if (more == 0 || its == facts().ordered.end()) {
    return;
  }
  its->second.count += more;
  const std::uint64_t end = watch.last_ready_ticks.load(std::memory_order_relaxed);
  if (end > watch.last_end_ticks) {
    const std::uint64_t passed = end - std::exchange(watch.last_end_ticks, end);
    its->second.between_ticks += passed;
    its->second.loop_ticks += passed;
  }
}

constinit thread_local ordered_watch this_thread_watch;
constinit thread_local std::uint64_t last_result_taken = 0;  // by the id of its task

void close_ordered_locked() {
  if (std::exchange(this_thread_watch.is_open, false)) {
    flush_locked(this_thread_watch);
    std::erase(facts().open, &this_thread_watch);
    detail::get_watchers.fetch_sub(1, std::memory_order_relaxed);
  }
}

std::uint64_t running_id() noexcept {
  const execution* const current = this_thread_state.current;
  return current != nullptr ? current->node->id : 0;
}

std::uint64_t block_of(std::uint64_t id) noexcept {
  return (id - 1) / ids_per_block;
}

// At least how many tasks this thread submitted after that of `id`.
std::uint64_t submitted_after(std::uint64_t id) noexcept {
  const std::uint64_t last = this_thread_state.next_id;
  if (block_of(id) == block_of(last)) {
    return last - id;
  }
  return (block_of(id) + 1) * ids_per_block - id + last - block_of(last) * ids_per_block;
}

std::uint64_t nesting_depth() noexcept {
  std::uint64_t depth = 0;
  for (const execution* each = this_thread_state.current; each != nullptr; each = each->outer) {
    ++depth;
  }
  return depth;
}

std::uint64_t fingerprint_of(const void* data, std::size_t bytes) noexcept {
  constexpr std::size_t probes = 32;
  std::uint64_t hash = bytes;
  for (std::size_t i = 0; i != probes; ++i) {
    std::uint64_t word = 0;
    const std::size_t offset = (bytes - sizeof(word)) / (probes - 1) * i;
    std::memcpy(&word, static_cast<const std::byte*>(data) + offset, sizeof(word));
    hash = (hash ^ word) * 0x9E3779B97F4A7C15U;
    hash ^= hash >> 29;
  }
  return hash;
}

std::uint64_t resident_bytes() {
  std::ifstream in{"/proc/self/statm"};
  std::uint64_t total = 0;
  std::uint64_t resident = 0;
  in >> total >> resident;
  return resident * static_cast<std::uint64_t>(::sysconf(_SC_PAGESIZE));
}

// Runs `note`, which may want memory: what cannot be noted is not.
template <class Note>
void try_to(Note&& note) noexcept {
  const memory_refusable it_can_be_left_out;
  try {
    note();
  } catch (const std::exception&) {
    // No memory. The program goes on without that advice.
  }
}

}  // namespace

site_table* make_site_table(thread_record& record) noexcept {
  const memory_refusable it_can_be_left_out;
  auto* table = new (std::nothrow) site_table;
  record.sites.store(table, std::memory_order_release);
  return table;
}

site_table::cell* site_table::find(const task_node& node, std::uintptr_t key) noexcept {
  constexpr std::size_t looks_most = 8;
  for (std::size_t i = 0; i != looks_most; ++i) {
    cell& each = cells_[((key >> 3) + i) % cell_count];
    const std::uintptr_t its = each.key.load(std::memory_order_relaxed);
    if (its == 0) {
      each.at = node.location;
      each.name =
          node.info != nullptr && !node.info->name().empty() ? node.info->trace_name() : nullptr;
      each.key.store(key, std::memory_order_release);
      return &each;
    }
    if (its == key) {
      return &each;
    }
  }
  return nullptr;
}

namespace {

void add(std::atomic<std::uint64_t>& counter, std::uint64_t n) noexcept {
  counter.store(counter.load(std::memory_order_relaxed) + n, std::memory_order_relaxed);
}

site_table::cell* cell_of(const task_node& node) noexcept {
  thread_record& record = this_record();
  site_table* table = record.sites.load(std::memory_order_relaxed);
  if (table == nullptr) {
    table = make_site_table(record);
  }
  return table != nullptr ? table->cell_of(node) : nullptr;
}

}  // namespace

void count_body_slowly(const task_node& node, std::uint64_t ticks) noexcept {
  if (!advisor_is_on.load(std::memory_order_relaxed)) {
    return;
  }
  site_table::cell* const its = cell_of(node);
  if (its == nullptr) {
    return;
  }
  this_thread_state.site_key = site_table::key_of(node.location);
  this_thread_state.site_count = &its->count;
  add(its->count, 1);
  if (ticks != 0) {
    add(its->timed, 1);
    add(its->ticks, ticks == body_ticks_of_parent ? ticks : std::min(ticks, body_ticks_most));
  }
}

void end_submission() noexcept {
  thread_state& self = this_thread_state;
  if (const std::uint64_t began = std::exchange(self.submission_began, 0)) {
    const std::uint64_t took = ticks_now() - began;
    facts().submission_ticks.fetch_add(std::min(took, body_ticks_most), std::memory_order_relaxed);
    facts().submissions.fetch_add(1, std::memory_order_relaxed);
  }
}

namespace {

void note_argument(const task_node& node, const large_argument& given) {
  const std::lock_guard lock{facts().mutex};
  copies* its = entry_of(facts().copied, place::of(node.location));
  if (its == nullptr) {
    return;
  }
  copied_arguments& counts = its->counts;
  counts.remote_at = node.location;
  for (given_bytes& last : its->last) {
    if (last.data == given.data && last.bytes == given.bytes) {
      if (std::exchange(last.fingerprint, given.fingerprint) != given.fingerprint) {
        last.is_counted = false;
        return;
      }
      if (counts.task.empty()) {
        counts.task = plain_name(node);
      }
      if (!std::exchange(last.is_counted, true)) {
        counts.count += 1;
        counts.copied_bytes += last.bytes;
      }
      counts.count += 1;
      (given.is_shared ? counts.shared_bytes : counts.copied_bytes) += given.bytes;
      return;
    }
  }
  its->last[its->next++ % its->last.size()] = {given.data, given.bytes, given.fingerprint};
}

// Whether it waits for results of others. Requires: nobody else has it yet.
bool takes_results(const task_node& node) {
  bool found = false;
  if (node.has_ref_arguments) {
    node.visit_arguments(
        [](void* context, const result_slot& slot) {
          *static_cast<bool*>(context) |= slot.producer() != nullptr;
          return slot.producer() == nullptr;
        },
        &found);
  }
  return found;
}

void note_pending(const task_node& node) {
  const task_totals totals = count_tasks();
  const std::uint64_t pending = totals.submitted - totals.finished;
  if (pending < pending_tasks_many || takes_results(node)) {
    return;
  }
  const std::lock_guard lock{facts().mutex};
  pending_tasks* its = entry_of(facts().pending, place::of(node.location));
  if (its != nullptr && pending > its->count) {
    *its = {node.location, plain_name(node), pending, resident_bytes()};
  }
}

// `count` refs that the running task got from its submitter; `waited_ticks`: 0 when they were
// ready.
void note_argument_get(const source_location& at, std::uint64_t count, std::uint64_t waited_ticks) {
  const task_node& node = *this_thread_state.current->node;
  const std::lock_guard lock{facts().mutex};
  if (argument_gets* its = entry_of(facts().arguments, key_of(node, at))) {
    its->where = pair_of(node, at);
    its->count += count;
    its->waited += waited_ticks != 0 ? 1 : 0;
    its->waited_ticks += waited_ticks;
  }
}

// Whether the running task did not make this result itself.
bool is_given(const result_slot& slot) noexcept {
  return slot.producer() != nullptr &&
         slot.producer()->parent_id != this_thread_state.current->node->id;
}

// A get that found or made its result ready; the thread slept for `slept` while `early` later
// results were.
void note_ordered(const task_node& producer, const source_location& at, std::uint64_t begin,
                  std::uint64_t slept, std::uint64_t early) {
  ordered_watch& watch = this_thread_watch;
  const place_pair where = key_of(producer, at);
  const bool is_later = producer.id > std::exchange(last_result_taken, producer.id);
  const execution* current = this_thread_state.current;
  const bool is_recursion =
      current != nullptr && place::of(current->node->location) == where.remote;
  const std::lock_guard lock{facts().mutex};
  if (watch.is_open && (watch.where != where || !is_later || is_recursion)) {
    close_ordered_locked();
  }
  if (!is_later || is_recursion ||
      (!watch.is_open && (early == 0 || this_thread_state.is_ending))) {
    return;
  }
  ordered_gets* its = entry_of(facts().ordered, where);
  const bool is_first = !watch.is_open;
  if (is_first) {
    facts().open.push_back(&watch);
    watch.is_open = true;
    watch.where = where;
    detail::get_watchers.fetch_add(1, std::memory_order_relaxed);
  } else {
    flush_locked(watch);
  }
  watch.remote_key = site_table::key_of(producer.location);
  watch.get_key = site_table::key_of(at);
  watch.running = running_id();
  const std::uint64_t now = ticks_now();
  const std::uint64_t last_end = std::exchange(watch.last_end_ticks, now);
  if (its != nullptr) {
    if (its->count++ == 0) {
      its->where = pair_of(producer, at);
    }
    its->early = std::max(its->early, early);
    its->slept_ticks += slept;
    its->between_ticks += is_first ? 0 : begin - last_end;
    its->loop_ticks += now - (is_first ? begin : last_end);
  }
}

// The same for a result that was ready, and the next of those that the thread takes in order: it is
// counted, and no more. False: it is not such a one.
bool count_ready(const task_node& producer, const source_location& at) noexcept {
  ordered_watch& watch = this_thread_watch;
  if (producer.id <= last_result_taken ||
      watch.remote_key != site_table::key_of(producer.location) ||
      watch.get_key != site_table::key_of(at) || watch.running != running_id()) {
    return false;
  }
  last_result_taken = producer.id;
  watch.ready_count.store(watch.ready_count.load(std::memory_order_relaxed) + 1,
                          std::memory_order_relaxed);
  watch.last_ready_ticks.store(ticks_now(), std::memory_order_relaxed);
  return true;
}

}  // namespace

void attend_to(const task_node& node) noexcept {
  thread_state& self = this_thread_state;
  self.attention = 0;
  large_argument_list& given = self.large_arguments;
  const std::size_t count = std::exchange(given.size, 0);
  if (!advisor_is_on.load(std::memory_order_relaxed)) {
    return;
  }
  for (std::size_t i = 0; i != count; ++i) {
    try_to([&] { note_argument(node, given.all[i]); });
  }
  if (self.next_id % ids_per_block == 1 && self.submission_began != 0) {
    try_to([&] { note_pending(node); });  // once in a block
  }
}

get_watch::get_watch(const result_slot& slot, const source_location& at) noexcept
    : slot_{slot}, at_{at} {
  const task_node* producer = slot.producer();
  if (producer == nullptr || !advisor_is_on.load(std::memory_order_relaxed)) {
    return;
  }
  is_watching_ = true;
  if (gets_arguments()) {
    is_of_argument_ = is_given(slot);
    begin_ticks_ = ticks_now();
  } else if (may_be_lonely()) {
    is_lonely_candidate_ = true;
    const std::uint64_t expected = nesting_depth() + 1;
    task_totals totals = count_tasks();
    // The task before this one may have shown its result, and not have counted itself yet.
    for (int i = 0; i != looks_for_the_last_end && totals.submitted - totals.finished > expected;
         ++i) {
      totals = count_tasks();
    }
    is_alone_ = totals.submitted - totals.finished <= expected;
    submitted_before_ = totals.submitted;
    begin_ticks_ = ticks_now();
  }
}

bool needs_watch(const task_node& newest) noexcept {
  if (detail::get_watchers.load(std::memory_order_relaxed) != 0) {
    return true;
  }
  return newest.id == this_thread_state.next_id &&
         worker_pool::instance().idle().glance().has_idle_cpu();
}

// It is the only one that this thread submitted since it last waited, it is no actor's and takes no
// result of another, and it leaves a CPU idle.
bool get_watch::may_be_lonely() const noexcept {
  const task_node& producer = *slot_.producer();
  const thread_state& self = this_thread_state;
  if (producer.id != self.next_id || producer.lane == task_lane::actor_call ||
      producer.takes_results ||
      this_record().submitted.load(std::memory_order_relaxed) != self.submitted_at_wait + 1) {
    return false;
  }
  worker_pool& pool = worker_pool::instance();
  const idle_state::counts now = pool.idle().glance();
  const bool is_wide =
      producer.info != nullptr &&
      producer.info->request().cpus > quantity::from_double(pool.cpus() - 1, "CPU");
  return now.has_idle_cpu() && pool.cpus() > 1 && !is_wide;
}

void get_watch::will_sleep() noexcept {
  if (is_watching_) {
    sleep_ticks_ = ticks_now();
  }
}

get_watch::~get_watch() {
  note_waited();
  if (is_watching_ &&
      (is_lonely_candidate_ || is_of_argument_ || sleep_ticks_ != 0 || this_thread_watch.is_open)) {
    try_to([this] { end(); });
  }
}

void get_watch::end() {
  const std::uint64_t now = ticks_now();
  if (is_of_argument_) {
    note_argument_get(at_, 1, now - begin_ticks_);
    return;
  }
  if (is_lonely_candidate_) {
    end_lonely(now);
  }
  const task_node& producer = *slot_.producer();
  std::uint64_t early = 0;
  if (sleep_ticks_ != 0) {
    const task_totals totals = count_tasks();
    const std::uint64_t outstanding = totals.submitted - totals.finished;
    const std::uint64_t later = submitted_after(producer.id);
    early = later > outstanding ? later - outstanding : 0;
  }
  if (early != 0 || this_thread_watch.is_open) {
    note_ordered(producer, at_, sleep_ticks_ != 0 ? sleep_ticks_ : now,
                 early != 0 ? now - sleep_ticks_ : 0, early);
  }
}

void get_watch::end_lonely(std::uint64_t now) {
  const task_node& producer = *slot_.producer();
  const bool is_lonely = is_alone_ && count_tasks().submitted == submitted_before_;
  const std::lock_guard lock{facts().mutex};
  lonely_gets* its = entry_of(facts().lonely, key_of(producer, at_));
  if (its == nullptr) {
    return;
  }
  if (!is_lonely) {
    its->others += 1;
    return;
  }
  if (its->count++ == 0) {
    its->where = pair_of(producer, at_);
  }
  its->idle_ticks += now - begin_ticks_;
}

void note_list_get(const detail::slot_list& slots, const source_location& at,
                   std::uint64_t waited_ticks) noexcept {
  try_to([&] {
    std::uint64_t given = 0;
    for (std::size_t i = 0; i != slots.size; ++i) {
      given += is_given(*slots[i]) ? 1 : 0;
    }
    if (given != 0) {
      note_argument_get(at, given, waited_ticks);
    }
  });
}

void end_watches() noexcept {
  if (!this_thread_watch.is_open || is_forked_child()) {
    return;  // in a child of fork the mutex may be held for ever
  }
  const std::lock_guard lock{facts().mutex};
  close_ordered_locked();
}

advisor_facts call_site_facts() {
  advisor_facts all;
  std::map<place, task_counts> tasks;
  for_each_record([&](const thread_record& record) {
    site_table* table = record.sites.load(std::memory_order_acquire);
    if (table == nullptr) {
      return;
    }
    for (const site_table::cell& each : table->cells()) {
      if (each.key.load(std::memory_order_acquire) == 0) {
        continue;
      }
      task_counts& of = tasks[place::of(each.at)];
      of.remote_at = each.at;
      of.task = each.name != nullptr ? each.name : place_name(each.at);
      of.count += each.count.load(std::memory_order_relaxed);
      of.timed += each.timed.load(std::memory_order_relaxed);
      of.body_ticks += each.ticks.load(std::memory_order_relaxed);
    }
  });
  const auto copy = [](const auto& map, auto& to) {
    for (const auto& [key, value] : map) {
      to.push_back(value);
    }
  };
  copy(tasks, all.tasks);
  fact_store& store = facts();
  if (const std::uint64_t count = store.submissions.load(std::memory_order_relaxed)) {
    all.submit_ticks = store.submission_ticks.load(std::memory_order_relaxed) / count;
  }
  all.ns_per_tick = nanoseconds_per_tick();
  const std::lock_guard lock{store.mutex};
  for (ordered_watch* each : store.open) {
    flush_locked(*each);
  }
  copy(store.lonely, all.lonely);
  copy(store.ordered, all.ordered);
  copy(store.arguments, all.arguments);
  copy(store.pending, all.pending);
  for (const auto& [key, value] : store.copied) {
    all.copied.push_back(value.counts);
  }
  return all;
}

void forget_call_sites() {
  for_each_record([](const thread_record& record) {
    site_table* table = record.sites.load(std::memory_order_acquire);
    if (table == nullptr) {
      return;
    }
    for (site_table::cell& each : table->cells()) {
      each.count.store(0, std::memory_order_relaxed);
      each.timed.store(0, std::memory_order_relaxed);
      each.ticks.store(0, std::memory_order_relaxed);
    }
  });
  fact_store& store = facts();
  const std::lock_guard lock{store.mutex};
  for (ordered_watch* each : store.open) {
    each->counted = each->ready_count.load(std::memory_order_relaxed);
  }
  store.lonely.clear();
  store.ordered.clear();
  store.arguments.clear();
  store.copied.clear();
  store.pending.clear();
  store.submissions.store(0, std::memory_order_relaxed);
  store.submission_ticks.store(0, std::memory_order_relaxed);
}

}  // namespace narke::internal

namespace narke::detail {

void note_ready_get(const result_slot& slot, const source_location& at) noexcept {
  using namespace internal;  // NOLINT: what the other half of this file has made
  const task_node* producer = slot.producer();
  if (producer == nullptr) {
    return;
  }
  if (gets_arguments()) {
    if (is_given(slot)) {
      try_to([&] { note_argument_get(at, 1, 0); });
    }
  } else if (this_thread_watch.is_open && !count_ready(*producer, at)) {
    try_to([&] { note_ordered(*producer, at, ticks_now(), 0, 0); });
  }
}

void note_large_argument(const void* data, std::size_t bytes, bool is_shared) noexcept {
  internal::large_argument_list& given = internal::this_thread_state.large_arguments;
  if (given.size != given.all.size() && internal::advisor_is_on.load(std::memory_order_relaxed)) {
    internal::this_thread_state.attention |= internal::attention_large_arguments;
    given.all[given.size++] = {data, bytes, internal::fingerprint_of(data, bytes), is_shared};
  }
}

}  // namespace narke::detail
