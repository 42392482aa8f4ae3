// What a stream is ordered after in other streams, and the points that waits refer to. Owned by
// the emulator, which holds its lock around every use.
#pragma once

#include <cstdint>
#include <memory>
#include <vector>

#include "driver/emulated/race_detector.hpp"

namespace narke::internal::emulation {

struct stream_state;

/// By the number of a stream: the newest sequence of it that something is ordered after.
using sequence_by_stream = std::vector<std::uint64_t>;

/// Copied on write: records share it with their stream.
class stream_knowledge {
 public:
  [[nodiscard]] std::uint64_t of(std::uint32_t stream) const {
    return known_ != nullptr && stream < known_->size() ? (*known_)[stream] : 0;
  }

  void learn(std::uint32_t stream, std::uint64_t sequence);
  void learn(const stream_knowledge& other);

 private:
  std::shared_ptr<const sequence_by_stream> known_;
};

/// A point of a stream, as an event's record or a free left it.
struct record_point {
  std::uint32_t stream = 0;    ///< its number
  std::uint64_t sequence = 0;  ///< of the record itself
  stream_knowledge known;      ///< of the stream, when it was issued
  bool is_complete = false;
  std::uint64_t completed_ns = 0;
  race_stream_id race_stream = {};  ///< with race detection, as is the position
  stream_position race_position = 0;
  std::vector<std::shared_ptr<stream_state>> waiting;  ///< streams that stand at a wait for it
};

}  // namespace narke::internal::emulation
