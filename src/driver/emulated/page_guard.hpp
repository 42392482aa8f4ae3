// Finds who touches device memory without having declared it: the memory is inaccessible but for
// what the running operation declared, and a handler of SIGSEGV takes note of everything else. The
// page is then opened and the program goes on, so that one run finds several; a fault elsewhere
// goes to the handler that was there before. Owned by the emulator; one at a time in a process,
// and calls must not overlap. Faults may happen on any thread meanwhile.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <vector>

#include "driver/driver_abi.hpp"

namespace narke::internal::emulation {

struct caught_access {
  cu_device_ptr address = 0;
  std::uint64_t operation = 0;  ///< the one that ran on the thread; 0 = none
  bool is_write = false;
};

class page_guard {
 public:
  page_guard();
  ~page_guard();
  page_guard(const page_guard&) = delete;
  page_guard& operator=(const page_guard&) = delete;

  void watch(cu_device_ptr begin, std::uint64_t bytes);

  /// From here on this thread runs `operation` and may use what it declared. Pages that it only
  /// reads cannot be written.
  void open(std::uint64_t operation, std::span<const accessed_bytes> accesses);
  /// Nothing is accessible any more.
  void close(std::span<const accessed_bytes> accesses);

  /// What was caught since the last call; its pages are inaccessible again.
  [[nodiscard]] std::vector<caught_access> take();
};

}  // namespace narke::internal::emulation
