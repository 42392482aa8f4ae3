#include "observe/trace_buffer.hpp"

#include <algorithm>
#include <mutex>
#include <new>
#include <utility>

#include <sys/syscall.h>
#include <unistd.h>

#include "base/needed_memory.hpp"

namespace narke::internal {

constinit thread_local event_writer* this_thread_events = nullptr;
constinit std::atomic<std::uint64_t> events_kept{events_kept_always};

namespace {

struct registry {
  std::mutex mutex;
  std::vector<std::shared_ptr<event_buffer>> buffers;  // guarded by mutex
  int last_thread_id = 0;                              // guarded by mutex
  std::atomic<bool> is_full{false};       // written under mutex: lets threads too many pass it by
  std::atomic<std::uint64_t> dropped{0};  // by threads without a buffer
};

// Never destroyed: threads may record while the program ends.
registry& all_buffers() {
  static registry* const all = new registry;
  return *all;
}

constinit thread_local track_owner this_thread_owner{.sort_index = 1'000};
constinit thread_local bool thread_is_ending = false;

// Keeps the thread's buffer as long as the thread, and cuts the fast path off before it goes.
struct thread_hold {
  std::shared_ptr<event_buffer> buffer;
  ~thread_hold() {
    thread_is_ending = true;
    this_thread_events = nullptr;
  }
};

thread_local thread_hold hold;

bool is_main_thread() noexcept { return ::syscall(SYS_gettid) == ::getpid(); }

// Gives this thread a buffer that others can see; false when there are too many.
bool register_thread() {
  registry& all = all_buffers();
  if (all.is_full.load(std::memory_order_relaxed)) return false;
  start_tick_calibration();
  track_owner& owner = this_thread_owner;
  const std::scoped_lock lock{all.mutex};
  if (all.buffers.size() >= event_buffers_max) {
    all.is_full.store(true, std::memory_order_relaxed);
    return false;
  }
  if (owner.thread_id == 0) {
    owner.thread_id = ++all.last_thread_id;
    owner.is_main = is_main_thread();
    if (owner.is_main && owner.name == nullptr) owner.sort_index = 0;
  }
  all.buffers.push_back(std::make_shared<event_buffer>(owner));
  hold.buffer = all.buffers.back();
  this_thread_events = hold.buffer.get();
  return true;
}

bool has_buffer() {
  if (thread_is_ending) return false;
  if (this_thread_events != nullptr && !hold.buffer->is_retired()) return true;
  return register_thread();
}

}  // namespace

event_buffer::~event_buffer() {
  event_chunk* chunk = first_.load(std::memory_order_acquire);
  while (chunk != nullptr) delete std::exchange(chunk, chunk->next.load(std::memory_order_acquire));
}

void event_buffer::push_or_drop(const trace_event& event, std::uint64_t capacity_now) noexcept {
  const std::uint64_t recorded =
      full_chunks_ * event_chunk::capacity + (chunk_ == nullptr ? 0 : used_);
  full_at_ = recorded >= capacity_now ? capacity_now : 0;
  if (event.begin_ticks == 0 || full_at_ != 0) return drop();
  if (used_ == event_chunk::capacity && !add_chunk()) return drop();
  if (!push(event)) drop();
}

bool event_buffer::add_chunk() noexcept {
  auto* const chunk = new (std::nothrow) event_chunk;
  if (chunk == nullptr) return false;
  if (chunk_ == nullptr) {
    first_.store(chunk, std::memory_order_release);
  } else {
    chunk_->next.store(chunk, std::memory_order_release);
    ++full_chunks_;
  }
  chunk_ = chunk;
  used_ = 0;
  return true;
}

void record_event_slowly(const trace_event& event) noexcept {
  const memory_refusable it_can_be_dropped;
  try {
    if (has_buffer()) {
      hold.buffer->push_or_drop(event, events_kept.load(std::memory_order_relaxed));
      return;
    }
  } catch (const std::exception&) {
    // No memory for a buffer: the event is dropped like those of a thread too many.
  }
  all_buffers().dropped.fetch_add(1, std::memory_order_relaxed);
}

void set_thread_track_name(std::string_view name, int sort_index) {
  this_thread_owner.name = intern_name(name);
  this_thread_owner.sort_index = sort_index;
  if (has_buffer()) hold.buffer->rename(this_thread_owner);
}

void set_tracing(bool everything) noexcept {
  events_kept.store(everything ? events_kept_tracing : events_kept_always,
                    std::memory_order_relaxed);
}

void clear_events() noexcept {
  registry& all = all_buffers();
  std::vector<std::shared_ptr<event_buffer>> cleared;
  start_tick_calibration();
  const std::scoped_lock lock{all.mutex};
  all.buffers.swap(cleared);
  all.is_full.store(false, std::memory_order_relaxed);
  all.dropped.store(0, std::memory_order_relaxed);
  for (const auto& buffer : cleared) buffer->retire();
}

trace_snapshot snapshot_events() {
  registry& all = all_buffers();
  trace_snapshot snapshot;
  {
    const std::scoped_lock lock{all.mutex};
    snapshot.dropped_elsewhere = all.dropped.load(std::memory_order_relaxed);
    for (const auto& buffer : all.buffers) snapshot.tracks.push_back({.buffer = buffer});
  }
  for (track_snapshot& track : snapshot.tracks) {
    track.dropped = track.buffer->dropped();
    const event_chunk* chunk = track.buffer->first_chunk();
    while (chunk != nullptr) {
      const std::uint32_t count = chunk->count.load(std::memory_order_acquire);
      track.events += count;
      chunk = count == event_chunk::capacity ? chunk->next.load(std::memory_order_acquire)
                                             : nullptr;
    }
  }
  return snapshot;
}

trace_stats event_stats() {
  const trace_snapshot snapshot = snapshot_events();
  trace_stats stats{.events = 0, .dropped = snapshot.dropped_elsewhere};
  for (const track_snapshot& track : snapshot.tracks) {
    stats.events += track.events;
    stats.dropped += track.dropped;
  }
  return stats;
}

}  // namespace narke::internal
