// Who has seen what: the streams of all open devices, the events recorded on them, and for each
// stream the newest work of every other stream that its own later work comes after. From this
// follows which waits are needed, and that no other is issued. Owned by the engine and guarded by
// its mutex.
//
// Work on a stream is numbered. A body or a copy takes the number after the last that has ended,
// and ends when it has enqueued its last operation.
//  - An event is recorded late, when somebody needs it: another stream that waits, a host thread,
//    or the limits on unmarked work. It covers all that was ended by then.
//  - A marker keeps what its stream had seen when it was recorded, so that whoever waits for it has
//    seen that too, and so that the host, which sees it complete, knows all that complete.
//  - An event is used again when its marker was seen complete: the waits for it were issued before,
//    and a wait takes a snapshot of the event.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <deque>
#include <memory>
#include <utility>
#include <vector>

#include "device/engine_mutation.hpp"
#include "driver/driver_table.hpp"

namespace narke::internal {

class gpu_device;
struct gpu_stream;

/// A place in the order of one stream: its work number `sequence`.
struct stream_point {
  gpu_stream* stream = nullptr;
  std::uint64_t sequence = 0;

  explicit operator bool() const noexcept { return stream != nullptr; }
};

/// The newest point of each of some streams. A few need no memory of their own: nearly every array
/// is used on one or two streams.
class point_list {
 public:
  point_list() noexcept = default;
  point_list(const point_list& other) { add(other); }
  point_list(point_list&& other) noexcept { *this = std::move(other); }
  point_list& operator=(const point_list& other) {
    if (this != &other) {
      size_ = 0;
      add(other);
    }
    return *this;
  }
  point_list& operator=(point_list&& other) noexcept {
    few_ = other.few_;
    more_ = std::move(other.more_);
    size_ = std::exchange(other.size_, 0);
    capacity_ = std::exchange(other.capacity_, few_max);
    return *this;
  }
  ~point_list() = default;

  void add(stream_point point);
  void add(const point_list& points) {
    for (const stream_point& point : points) {
      add(point);
    }
  }
  /// Forgets what the host has seen complete.
  void forget_complete() noexcept;
  void clear() noexcept { size_ = 0; }
  [[nodiscard]] bool empty() const noexcept { return size_ == 0; }
  [[nodiscard]] const stream_point* begin() const noexcept {
    return more_ != nullptr ? more_.get() : few_.data();
  }
  [[nodiscard]] const stream_point* end() const noexcept { return begin() + size_; }

 private:
  static constexpr std::size_t few_max = 2;
  [[nodiscard]] stream_point* data() noexcept {
    return more_ != nullptr ? more_.get() : few_.data();
  }

  std::array<stream_point, few_max> few_;
  std::unique_ptr<stream_point[]> more_;  // all of them, once they are more than few_max
  std::size_t size_ = 0;
  std::size_t capacity_ = few_max;
};

/// An event on a stream, recorded when the work up to `sequence` had ended.
struct stream_marker {
  std::uint64_t sequence = 0;
  cu_event event = nullptr;
  std::vector<std::uint64_t> seen;  ///< by stream index
};

struct gpu_stream {
  gpu_device* device = nullptr;
  cu_stream handle = nullptr;
  std::size_t index = 0;                ///< among all streams of the engine
  std::uint64_t begun = 0;              ///< the newest body, which may be enqueueing still
  std::uint64_t ended = 0;              ///< the newest work that is enqueued to its last operation
  std::uint64_t completed = 0;          ///< the newest work that the host knows to be complete
  std::uint64_t marked = 0;             ///< the newest work that an event covers
  std::uint64_t unmarked_since_ns = 0;  ///< when the first work after `marked` ended
  int failures = 0;                     ///< calls in a row that failed, and are made again
  std::deque<stream_marker> markers;    ///< recorded, not seen complete; oldest first
  std::vector<std::uint64_t> seen;      ///< by stream index: what later work here comes after

  [[nodiscard]] bool is_complete(std::uint64_t sequence) const noexcept {
    return sequence <= completed;
  }
};

[[nodiscard]] inline bool is_complete(stream_point point) noexcept {
  return point.stream == nullptr || point.stream->is_complete(point.sequence);
}

/// Counts of driver calls that order work, for tests and reports.
struct order_counts {
  std::uint64_t records = 0;
  std::uint64_t waits = 0;
  std::uint64_t implied_waits = 0;  ///< that were not issued
  /// How often the driver came to know more than is kept here, by what the mutex does not cover: an
  /// event was recorded in the middle of a body, and stands for what that has enqueued so far; or a
  /// body waited for its stream. Waits that this would spare are issued.
  std::uint64_t outruns = 0;
};

class stream_order {
 public:
  explicit stream_order(const driver_table& table, engine_mutation* mutation = nullptr) noexcept
      : table_{table}, mutation_{mutation} {}
  stream_order(const stream_order&) = delete;
  stream_order& operator=(const stream_order&) = delete;

  /// Makes a stream for the context that is current. Throws driver_call_failed.
  gpu_stream& add_stream(gpu_device& device, int priority);
  /// Destroys the streams and events of a device that is not lost. Requires: its context is
  /// current, and nothing runs there.
  void remove_streams(const gpu_device& device) noexcept;

  /// Whether work enqueued on `stream` from here on comes after `point` without a wait.
  [[nodiscard]] static bool has_seen(const gpu_stream& stream, stream_point point) noexcept;
  [[nodiscard]] static bool has_seen_all(const gpu_stream& stream,
                                         const point_list& points) noexcept;
  /// Makes work on `stream` from here on come after `point`. Requires: `point` has ended.
  cu_result wait(gpu_stream& stream, stream_point point);
  cu_result wait(gpu_stream& stream, const point_list& points);
  /// Numbers the body that begins here.
  static std::uint64_t begin_body(gpu_stream& stream) noexcept {
    return stream.begun = next_sequence(stream);
  }
  /// The number of the work that begins here, or has begun last.
  [[nodiscard]] static std::uint64_t next_sequence(const gpu_stream& stream) noexcept {
    return stream.ended + 1;
  }
  /// The work begun last is enqueued to its end.
  static void end_work(gpu_stream& stream, std::uint64_t now_ns) noexcept;

  /// Records an event over all that has ended and that none covers yet.
  cu_result mark(gpu_stream& stream);
  /// Asks the driver how far a stream is, oldest marker first. Whether something came complete.
  cu_result poll(gpu_stream& stream, bool& progressed);
  /// The device of the stream is lost: nothing runs there, and nobody waits for it.
  static void note_lost(gpu_stream& stream) noexcept { stream.completed = UINT64_MAX; }
  /// A body is about to wait for its stream.
  void begin_host_wait() noexcept { ++counts_.outruns; }
  /// The host has waited for a stream to its end by other means.
  void note_drained(gpu_stream& stream, std::uint64_t sequence) noexcept;

  [[nodiscard]] const order_counts& counts() const noexcept { return counts_; }
  [[nodiscard]] const std::vector<std::unique_ptr<gpu_stream>>& streams() const noexcept {
    return streams_;
  }

 private:
  cu_result take_event(const gpu_stream& stream, cu_event& event);
  void note_seen_by_host(const std::vector<std::uint64_t>& seen) noexcept;
  [[nodiscard]] static bool implies(stream_point later, stream_point earlier) noexcept;
  static void merge(std::vector<std::uint64_t>& into, const std::vector<std::uint64_t>& from);

  const driver_table& table_;
  engine_mutation* const mutation_;
  std::vector<std::unique_ptr<gpu_stream>> streams_;
  order_counts counts_;
};

}  // namespace narke::internal
