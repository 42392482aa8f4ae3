// For each byte the accesses that a later one may still race with, kept as ranges of bytes with
// the same history. It knows nothing of clocks: who asks says which operations are ordered before
// it. Owned by a race_detector; not synchronised.
#pragma once

#include <cstddef>
#include <cstdint>
#include <functional>
#include <map>
#include <vector>

#include "driver/driver_abi.hpp"

namespace narke::internal {

/// Names one operation: the number of its stream and its position there.
struct operation_epoch {
  std::uint32_t stream = 0;
  std::uint64_t position = 0;
  bool operator==(const operation_epoch&) const = default;
};

struct past_access {
  operation_epoch by;
  byte_access kind = byte_access::write;
  bool operator==(const past_access&) const = default;
};

class access_history {
 public:
  /// Whether an operation is ordered before the one that accesses.
  using is_before_fn = std::function<bool(const operation_epoch&)>;
  using on_conflict_fn =
      std::function<void(const past_access&, cu_device_ptr begin, cu_device_ptr end)>;

  /// Calls `on_conflict` for every kept access that conflicts with one to [begin, end) and is
  /// not before it, in order of address. Then forgets what the accessor stands for: whatever is
  /// ordered after the accessor is ordered after that too.
  void check(cu_device_ptr begin, cu_device_ptr end, byte_access kind,
             const is_before_fn& is_before, const on_conflict_fn& on_conflict);
  /// Keeps an access that was checked. `by` is ordered after all that is kept of its own stream.
  void add(cu_device_ptr begin, cu_device_ptr end, const past_access& access);
  /// Forgets all of [begin, end) but this access, which was checked.
  void replace(cu_device_ptr begin, cu_device_ptr end, const past_access& access);
  /// Forgets all of [begin, end).
  void forget(cu_device_ptr begin, cu_device_ptr end);
  /// Forgets the accesses that are before whatever may come.
  void prune(const is_before_fn& is_before);

  [[nodiscard]] std::size_t range_count() const { return ranges_.size(); }

 private:
  /// [its key in the map, end). `accesses`: at most one write and one read a stream.
  struct range {
    cu_device_ptr end;
    std::vector<past_access> accesses;
  };
  using range_map = std::map<cu_device_ptr, range>;

  range_map::iterator split(cu_device_ptr at);
  void merge(cu_device_ptr begin, cu_device_ptr end);

  range_map ranges_;  // apart from each other, none empty
};

}  // namespace narke::internal
