// A driver's table in which one event is recorded an operation too early: before the newest piece
// of work of its stream instead of behind it. One at a time, as entry points are plain functions;
// one thread.
#pragma once

#include <cstdint>

#include "driver/driver_table.hpp"

namespace narke_test {

class early_record {
 public:
  /// The `nth` record, from 1. 0 = none: they are counted.
  early_record(const narke::internal::driver_table& real, std::uint64_t nth);
  early_record(const early_record&) = delete;
  early_record& operator=(const early_record&) = delete;
  ~early_record();

  [[nodiscard]] const narke::internal::driver_table& table() const { return table_; }
  /// Records that had work before them.
  [[nodiscard]] std::uint64_t records() const;

 private:
  narke::internal::driver_table table_;
};

}  // namespace narke_test
