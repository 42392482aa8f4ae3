// Finds races between the operations of streams and the host, from what is told of them in the
// order in which the host issues them: vector clocks over the streams, and for each byte the
// accesses that something later may still race with. It runs nothing and keeps no time, so a race
// is found however the operations happen to be scheduled. The emulated driver owns one for all of
// its devices; not synchronised, the caller holds its lock around every call.
//
// What orders two operations:
//   - the order of issue within one stream;
//   - record, then wait: the waiting stream knows all that the recording one knew at its newest
//     record *before* the wait; a later record of the same event changes nothing for it;
//   - completion observed by the host (synchronize, or a query that said "complete"), and then the
//     issue of something. The host is one clock: all of its threads count as one.
// Issue order alone orders nothing between streams, nor does completion that nobody looked at.
#pragma once

#include <cstddef>
#include <cstdint>
#include <deque>
#include <memory>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "driver/driver_abi.hpp"
#include "driver/emulated/access_history.hpp"

namespace narke::internal {

/// Valid from new_stream (new_event) to end_stream (end_event); then the number may be given again.
enum class race_stream_id : std::uint32_t {};
enum class race_event_id : std::uint32_t {};

/// Counts, from above 0, the operations of a stream and those of its waits that taught it
/// something. Comparable within one stream only.
using stream_position = std::uint64_t;

enum class wait_effect : std::uint8_t {
  ordered,         ///< the stream knows more than before
  redundant,       ///< it knew all of it: the wait need not have been issued
  never_recorded,  ///< waits for nothing; on CUDA silently so
};

/// One side of a race.
struct raced_operation {
  bool is_host = false;
  std::string stream;            ///< the name given to new_stream; "host"
  stream_position position = 0;  ///< 0 for the host
  std::string label;
};

struct raced_bytes {
  cu_device_ptr begin = 0;
  std::size_t bytes = 0;
  byte_access earlier = byte_access::write;
  byte_access later = byte_access::write;
  bool operator==(const raced_bytes&) const = default;
};

/// Two operations on the same bytes, at least one of them a write, and nothing orders them.
struct race {
  raced_operation earlier;  ///< issued first; never the host
  raced_operation later;
  std::vector<raced_bytes> ranges;  ///< by address; never empty
  stream_position seen = 0;  ///< what `later` knows of the stream of `earlier`: less than it should
};

/// Both operations, the bytes, and the edge that is missing.
[[nodiscard]] std::string describe(const race& found);

class race_detector {
 public:
  /// `name` is how reports call the stream.
  race_stream_id new_stream(std::string name);
  void end_stream(race_stream_id stream);
  race_event_id new_event();
  void end_event(race_event_id event);

  /// One operation at the end of `stream`. It does not race with itself. Labels are copied.
  stream_position operation(race_stream_id stream, std::span<const accessed_bytes> accesses,
                            std::string_view label);
  /// A block begins or ends its life at this point of `stream`. It counts as a write of the whole
  /// block, after which earlier accesses to it are forgotten: they have been reported, or whoever
  /// is ordered after this is ordered after them. A block that is put into a cache without any
  /// wait, to be ordered when it is taken out, is told by `allocated` alone.
  stream_position allocated(race_stream_id stream, cu_device_ptr begin, std::size_t bytes,
                            std::string_view label);
  stream_position freed(race_stream_id stream, cu_device_ptr begin, std::size_t bytes,
                        std::string_view label);
  /// The addresses stand for other memory from here on: whoever manages them has ordered it.
  void forget(cu_device_ptr begin, std::size_t bytes);

  /// The position that the record stands for: all of `stream` issued before it.
  stream_position record(race_event_id event, race_stream_id stream);
  wait_effect wait(race_stream_id stream, race_event_id event);
  /// Whether `wait` would be redundant: of the operations before the newest record each is ordered
  /// before whatever comes next in the stream, through its own order, earlier waits, or the host.
  /// A never recorded event is not redundant: that wait is an error.
  [[nodiscard]] bool is_redundant(race_stream_id stream, race_event_id event) const;

  /// The host saw `stream`, which may have ended, complete up to `position` (as operation, record
  /// or tail gave it).
  void host_observed(race_stream_id stream, stream_position position);
  /// The host saw the newest record of `event` complete. With another thread recording it again
  /// meanwhile, use the position of the record that was seen.
  void host_observed(race_event_id event);
  /// The host itself reads or writes, at once: a staging slot, or the source of a pageable copy.
  void host_access(const accessed_bytes& access, std::string_view label);

  /// Everything issued to the stream so far.
  [[nodiscard]] stream_position tail(race_stream_id stream) const;
  /// What the host has seen complete of the stream.
  [[nodiscard]] stream_position observed(race_stream_id stream) const;

  [[nodiscard]] bool has_races() const { return !races_.empty(); }
  /// The races found since the last call, in order of the later operation; each pair once. At most
  /// `races_max` are kept between two calls, the others only counted.
  std::vector<race> take_races();
  [[nodiscard]] std::uint64_t races_found() const { return races_found_; }

  /// How many ranges with a history are kept: bounded by what the host has not observed.
  [[nodiscard]] std::size_t range_count() const { return history_.range_count(); }

  static constexpr std::size_t races_max = 1000;

 private:
  static constexpr std::size_t prune_above_min = 1024;

  using clock = std::vector<stream_position>;  // by stream; what a shorter one lacks is 0
  using shared_clock = std::shared_ptr<const clock>;

  /// What a stream knows of the others changes by waits only.
  struct knowledge {
    stream_position from;
    shared_clock known;  // null = nothing
  };
  /// What stands at one position.
  struct step {
    std::string label;
    bool is_wait;
  };
  struct stream_state {
    std::string name;
    bool is_live = false;
    stream_position tail = 0;
    std::deque<knowledge> history;  // by position; the first one holds at what was observed
    std::deque<step> steps;         // those behind what the host observed
  };
  struct event_state {
    bool is_live = false;
    bool is_recorded = false;
    operation_epoch at = {};
    shared_clock known;
  };

  [[nodiscard]] static stream_position part(const shared_clock& known, std::uint32_t stream);
  /// The place in streams_ (events_); throws std::invalid_argument when it does not live.
  [[nodiscard]] std::uint32_t index_of(race_stream_id stream) const;
  [[nodiscard]] std::uint32_t index_of(race_event_id event) const;

  stream_position append(std::uint32_t stream, step what);
  stream_position change_hands(race_stream_id stream, cu_device_ptr begin, std::size_t bytes,
                               std::string_view label);
  [[nodiscard]] stream_position known_to(std::uint32_t stream, std::uint32_t other) const;
  [[nodiscard]] bool knows_work(std::uint32_t stream, operation_epoch up_to) const;
  void observe(operation_epoch at, const shared_clock& known);
  void raise_observed(std::uint32_t stream, stream_position position);
  /// Checks one access of the newest operation of a stream, or of the host when `by` is null.
  void check(const accessed_bytes& bytes, const operation_epoch* by, std::string_view label);
  void add_race(const past_access& past, const raced_bytes& bytes, const operation_epoch* by,
                std::string_view label);
  void keep_races();
  void prune_history();

  std::vector<stream_state> streams_;
  std::vector<event_state> events_;
  std::vector<std::uint32_t> free_events_;
  clock observed_;  // the host's
  access_history history_;
  std::size_t prune_above_ = prune_above_min;
  std::vector<race> current_races_;               // of the operation that is checked
  std::vector<operation_epoch> current_earlier_;  // of each of them
  std::vector<race> races_;
  std::uint64_t races_found_ = 0;
};

}  // namespace narke::internal
