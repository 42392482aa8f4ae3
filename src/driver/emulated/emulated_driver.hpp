// A CUDA driver without a GPU: the same table of entry points, served by CPU threads that keep the
// order of streams and events exactly, with memory limits, modelled costs, strict checks of how it
// is used, and faults by seed. Whoever creates it owns it; every handle and pointer that its table
// gave dies with it. One lives at a time in a process, because entry points are plain functions.
// Any thread may call the table and the members; construction and destruction must not overlap
// with calls.
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <string_view>
#include <vector>

#include "driver/driver_table.hpp"
#include "driver/emulated/emulated_options.hpp"
#include "driver/emulated/violation.hpp"

namespace narke::internal {

class emulator;

/// What exists at this moment.
struct emulated_leftovers {
  std::size_t contexts = 0;
  std::size_t streams = 0;
  std::size_t events = 0;
  std::size_t pools = 0;
  std::size_t blocks = 0;
  std::size_t registrations = 0;
  bool operator==(const emulated_leftovers&) const = default;
};

class emulated_driver {
 public:
  /// Throws std::invalid_argument naming the field, and std::logic_error when one is alive.
  explicit emulated_driver(emulated_options options);
  /// Waits for the work that is running; what has not begun is dropped. Logs what was leaked.
  ~emulated_driver();
  emulated_driver(const emulated_driver&) = delete;
  emulated_driver& operator=(const emulated_driver&) = delete;

  [[nodiscard]] const driver_table& table() const;

  /// How often an entry point was called, failures included. Throws std::invalid_argument when
  /// there is none of that name.
  [[nodiscard]] std::uint64_t calls(std::string_view entry) const;
  [[nodiscard]] std::uint64_t calls_total() const;
  void reset_calls();
  /// Launches that had to wait because their stream's queue was full.
  [[nodiscard]] std::uint64_t launches_blocked() const;
  /// Waits that the pools put between streams to reuse memory (internal dependencies).
  [[nodiscard]] std::uint64_t hidden_waits() const;
  /// Only with detect_races: waits that taught their stream nothing.
  [[nodiscard]] std::uint64_t redundant_waits() const;

  /// What was found so far, oldest first; at most 1,000 are kept.
  [[nodiscard]] std::vector<violation> violations() const;
  [[nodiscard]] std::size_t violation_count() const;
  void clear_violations();
  [[nodiscard]] emulated_leftovers leftovers() const;
  /// Waits until idle, then adds a violation for everything that was not given back.
  void check_leaks();

  /// The emulator's clock: virtual, or real nanoseconds since construction.
  [[nodiscard]] std::uint64_t now_ns() const;
  /// Waits until no stream has anything left to do. In virtual time it runs all of it.
  void wait_until_idle();
  /// Virtual time: lets it pass, running what ends meanwhile. Otherwise nothing.
  void advance(std::uint64_t duration_ns);

  /// Adds a fault to the plan; `nth` counts from here on.
  void inject(const emulated_fault& fault);
  /// Every later call on the device's context answers `code`; its pending closures are dropped.
  void lose_device(int ordinal, cu_result code);
  /// Memory that other processes take on a device: it cannot be had and does not count as free.
  void set_foreign_bytes(int ordinal, std::uint64_t bytes);

 private:
  std::unique_ptr<emulator> emulator_;
};

}  // namespace narke::internal
