// Events: what ran where and when, always on and nearly free. A thread that records has a buffer of
// its own, which only it writes; the exporter reads while it does. Of each thread the first 65,536
// events are kept (with tracing on, the first 1,048,576), the rest are counted as dropped. Buffers
// outlive their threads, until `clear_events`. Any thread may call anything here at any time.
//
// On a hot path:
//   const std::uint64_t begin = event_begin_ticks();   // 0, and no clock read, when it is full
//   …
//   record_event({.begin_ticks = begin, .end_ticks = begin ? ticks_now() : 0, .name = …, …});
// Take the end before the result is published: a flow then leaves its slice before the next begins.
#pragma once

#include <atomic>
#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>
#include <type_traits>
#include <vector>

#include <narke/resources.hpp>

#include "base/ticks.hpp"

namespace narke::internal {

enum class event_kind : std::uint8_t {
  task,        ///< a task's body ran
  actor_call,  ///< an actor's constructor or method ran
  wait,        ///< a thread was blocked in get, wait or as_completed
  put,         ///< a value was put into the store
  flow,        ///< `id` consumed the result of `parent_or_from`; begin = end = when `id` started
};

/// Written and read as it lies: no initializers, so that a chunk of them costs nothing to make.
struct trace_event {
  std::uint64_t begin_ticks;  ///< 0: no time was taken, the event counts as dropped
  std::uint64_t end_ticks;
  const char* name;              ///< interned or a literal: lives for ever; null = the kind's name
  std::uint64_t id;              ///< the task's id; 0 = none
  std::uint64_t parent_or_from;  ///< the submitting task's id, of a flow the producer's; 0 = none
  std::uint32_t line;            ///< of the user's program, where it was submitted; 0 = unknown
  event_kind kind;
  bool failed;
  std::uint16_t attempt;  ///< of a task, from 0
};
static_assert(sizeof(trace_event) <= 48 && std::is_trivial_v<trace_event>);

inline constexpr std::uint64_t events_kept_always = 65'536;
inline constexpr std::uint64_t events_kept_tracing = 1'048'576;

/// How many each thread keeps: one of these. Written by set_tracing.
extern constinit std::atomic<std::uint64_t> events_kept;

/// A part of a thread's events. The thread writes events[count] and then publishes it by a release
/// store of count + 1; a reader that acquires count may read all below it.
struct event_chunk {
  static constexpr std::uint32_t capacity = 512;
  std::atomic<std::uint32_t> count{0};
  std::atomic<event_chunk*> next{nullptr};  ///< written once, by the thread; released
  trace_event events[capacity];
};

/// The writing end of one thread's buffer. Only that thread calls; `retire` is for others.
class event_writer {
 public:
  /// False when there is no room in the chunk, or the buffer was cleared: the slow path decides.
  bool push(const trace_event& event) noexcept {
    if (used_ == event_chunk::capacity || retired_.load(std::memory_order_relaxed)) return false;
    chunk_->events[used_++] = event;
    chunk_->count.store(used_, std::memory_order_release);
    return true;
  }
  /// Whether the last event found the buffer full: then no clock need be read.
  [[nodiscard]] bool is_full() const noexcept {
    return full_at_ >= events_kept.load(std::memory_order_relaxed) &&
           !retired_.load(std::memory_order_relaxed);
  }
  /// Counts an event as dropped.
  [[gnu::always_inline]] void drop() noexcept {
    dropped_.store(dropped_.load(std::memory_order_relaxed) + 1, std::memory_order_relaxed);
  }

 protected:
  event_writer() = default;
  ~event_writer() = default;

  event_chunk* chunk_ = nullptr;
  std::uint32_t used_ = event_chunk::capacity;  ///< of chunk_; full when there is no chunk yet
  std::uint64_t full_at_ = 0;              ///< what was to be kept when it was found full; or 0
  std::atomic<std::uint64_t> dropped_{0};  ///< written by the thread alone
  std::atomic<bool> retired_{false};  ///< set once, by clear_events; a late look loses an event
};

/// This thread's buffer; null until its first event, and again once the thread is ending.
extern constinit thread_local event_writer* this_thread_events
    __attribute__((tls_model("initial-exec")));

void record_event_slowly(const trace_event& event) noexcept;

/// Keeps the event, or counts it as dropped. A few nanoseconds; blocks only to make room.
inline void record_event(const trace_event& event) noexcept {
  event_writer* const writer = this_thread_events;
  if (writer == nullptr || !writer->push(event)) [[unlikely]]
    record_event_slowly(event);
}

/// The event of which event_begin_ticks said 0: it counts as dropped.
[[gnu::always_inline]] inline void drop_event() noexcept { this_thread_events->drop(); }

/// When an event begins, or 0 when this thread's buffer is full: record it all the same, it counts.
[[gnu::always_inline]] inline std::uint64_t event_begin_ticks() noexcept {
  const event_writer* const writer = this_thread_events;
  if (writer != nullptr && writer->is_full()) return 0;
  return ticks_now();
}

/// Names this thread's track ("worker 0"). Tracks are shown by `sort_index`, then by their age.
/// Threads that never say are "main" or "thread N". The name survives `clear_events`.
void set_thread_track_name(std::string_view name, int sort_index = 1'000);

/// A copy of the name that lives for ever, the same for equal names. At most 512 bytes of a name
/// and 65,536 names are kept; later ones share "(other names)". Quick for names seen before.
const char* intern_name(std::string_view name);

/// True: keep everything up to `events_kept_tracing` a thread; false: `events_kept_always`.
void set_tracing(bool everything) noexcept;

/// Forgets all events and drop counts; names of threads and interned names stay.
void clear_events() noexcept;

struct trace_stats {
  std::uint64_t events;  ///< kept, flows included
  std::uint64_t dropped;
};
trace_stats event_stats();

/// Writes all events as Chrome trace JSON (docs/trace.schema.json), which Perfetto opens. The file
/// appears whole or not at all; a failure is a narke::error that names it. Threads may go on
/// recording meanwhile. `advice` becomes instant events.
void write_chrome_trace(const std::string& path, const std::vector<advice_entry>& advice = {});

}  // namespace narke::internal
