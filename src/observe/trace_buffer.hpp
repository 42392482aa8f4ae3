// All threads' event buffers, for the exporter. The registry owns them together with their threads:
// a buffer goes when both have let go of it. Readers take a snapshot, which stays as it is while
// the threads record on. Any thread.
#pragma once

#include <algorithm>
#include <atomic>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "observe/event.hpp"

namespace narke::internal {

/// How many buffers there may be between two calls of `clear_events`; then events are dropped.
inline constexpr std::size_t event_buffers_max = 8'192;

/// Who a track belongs to. A thread's name may change while its events are read.
struct track_owner {
  int thread_id = 0;           ///< counts from 1, in the order of first events
  bool is_main = false;
  int sort_index = 0;
  const char* name = nullptr;  ///< interned; null = the thread never said
};

/// What the thread said, else "main" or "thread N".
std::string track_name(const track_owner& owner);

/// One thread's events and whose they are.
class event_buffer final : public event_writer {
 public:
  explicit event_buffer(const track_owner& owner)
      : thread_id_{owner.thread_id}, is_main_{owner.is_main} {
    rename(owner);
  }
  ~event_buffer();
  event_buffer(const event_buffer&) = delete;
  event_buffer& operator=(const event_buffer&) = delete;

  // The thread itself.
  void push_or_drop(const trace_event& event, std::uint64_t capacity_now) noexcept;
  void rename(const track_owner& owner) noexcept {
    sort_index_.store(owner.sort_index, std::memory_order_relaxed);
    name_.store(owner.name, std::memory_order_release);
  }

  // Any thread.
  void retire() noexcept { retired_.store(true, std::memory_order_relaxed); }
  [[nodiscard]] bool is_retired() const noexcept {
    return retired_.load(std::memory_order_relaxed);
  }
  [[nodiscard]] const event_chunk* first_chunk() const noexcept {
    return first_.load(std::memory_order_acquire);
  }
  [[nodiscard]] std::uint64_t dropped() const noexcept {
    return dropped_.load(std::memory_order_relaxed);
  }
  [[nodiscard]] track_owner owner() const noexcept {
    const char* const name = name_.load(std::memory_order_acquire);
    return {thread_id_, is_main_, sort_index_.load(std::memory_order_relaxed), name};
  }

 private:
  bool add_chunk() noexcept;

  const int thread_id_;
  const bool is_main_;
  std::atomic<int> sort_index_{0};            ///< written by the thread alone
  std::atomic<const char*> name_{nullptr};    ///< written by the thread alone, after sort_index_
  std::atomic<event_chunk*> first_{nullptr};  ///< written once, by the thread
  std::uint64_t full_chunks_ = 0;             ///< the thread's own
};

/// A buffer's events at one moment.
struct track_snapshot {
  std::shared_ptr<const event_buffer> buffer;
  std::uint64_t events = 0;
  std::uint64_t dropped = 0;
};

struct trace_snapshot {
  std::vector<track_snapshot> tracks;
  std::uint64_t dropped_elsewhere = 0;  ///< by threads that had no buffer
};

trace_snapshot snapshot_events();

/// Calls `visit` for each event of the snapshot, in the order recorded.
template <typename Visit>
void for_each_event(const track_snapshot& track, Visit visit) {
  std::uint64_t left = track.events;
  const event_chunk* chunk = track.buffer->first_chunk();
  while (chunk != nullptr && left > 0) {
    const std::uint64_t here = std::min<std::uint64_t>(left, event_chunk::capacity);
    for (std::uint64_t i = 0; i < here; ++i) visit(chunk->events[i]);
    left -= here;
    chunk = chunk->next.load(std::memory_order_acquire);
  }
}

}  // namespace narke::internal
