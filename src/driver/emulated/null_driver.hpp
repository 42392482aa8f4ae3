// A driver whose calls cost next to nothing, to measure what the host spends above them: every
// event is complete, memory is the host's, closures run inside the call that enqueues them. It
// checks nothing. Whoever creates it owns it; one lives at a time in a process. Any thread may
// call the table; construction and destruction must not overlap with calls.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string_view>

#include "driver/driver_table.hpp"

namespace narke::internal {

struct null_driver_options {
  int gpus = 1;
  std::uint64_t memory_bytes = std::uint64_t{16} << 30;  ///< of each; not enforced
  bool move_bytes = false;  ///< copies and fills happen; else memory keeps what it had
};

class null_driver {
 public:
  /// Throws std::invalid_argument naming the field, and std::logic_error when one is alive.
  explicit null_driver(const null_driver_options& options = {});
  ~null_driver();
  null_driver(const null_driver&) = delete;
  null_driver& operator=(const null_driver&) = delete;

  [[nodiscard]] const driver_table& table() const;

  /// How often an entry point that does something was called; facts are not counted.
  [[nodiscard]] std::uint64_t calls(std::string_view entry) const;
  [[nodiscard]] std::uint64_t calls_total() const;
  void reset_calls();
  /// Blocks that were allocated and not freed.
  [[nodiscard]] std::int64_t blocks() const;
};

}  // namespace narke::internal
