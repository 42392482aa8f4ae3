// The addresses of one emulated device: host address space that costs nothing until it is touched.
// An address that was given back is given out again as late as possible, so that whoever still
// uses it is found. Owned by the emulator, which holds its lock around every call.
#pragma once

#include <cstddef>
#include <cstdint>
#include <map>

#include "driver/driver_abi.hpp"

namespace narke::internal::emulation {

class address_space {
 public:
  /// Room for several times `memory_bytes`. With `guarded`, nothing may be touched until `open`
  /// was called, and an untouchable page follows every piece. Throws std::bad_alloc.
  address_space(std::uint64_t memory_bytes, bool guarded);
  ~address_space();
  address_space(const address_space&) = delete;
  address_space& operator=(const address_space&) = delete;

  /// The begin of a piece of `bytes`; 0 when there is no room.
  cu_device_ptr take(std::size_t bytes);
  /// Gives back what `take(bytes)` gave; its pages go back to the machine.
  void put(cu_device_ptr begin, std::size_t bytes);

  [[nodiscard]] bool contains(cu_device_ptr address) const {
    return address >= begin_ && address < begin_ + span_bytes_;
  }
  [[nodiscard]] cu_device_ptr begin() const { return begin_; }
  [[nodiscard]] std::uint64_t span_bytes() const { return span_bytes_; }
  [[nodiscard]] bool is_guarded() const { return guarded_; }
  /// What `take(bytes)` takes, the guard included.
  [[nodiscard]] std::size_t taken_bytes(std::size_t bytes) const;

 private:
  using range_map = std::map<cu_device_ptr, std::uint64_t>;

  /// The free range that holds `address`, or the next one behind it.
  range_map::iterator range_after(cu_device_ptr address);
  cu_device_ptr cut(range_map::iterator range, cu_device_ptr begin, std::uint64_t bytes);

  std::uint64_t span_bytes_ = 0;
  cu_device_ptr begin_ = 0;
  bool guarded_;
  range_map free_;      // ranges by their begin, apart from each other
  cu_device_ptr next_;  // where the search for a free range goes on
};

inline constexpr std::size_t page_bytes = 4096;

}  // namespace narke::internal::emulation
