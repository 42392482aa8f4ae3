#include "driver/emulated/address_space.hpp"

#include <sys/mman.h>

#include <algorithm>
#include <new>

namespace narke::internal::emulation {
namespace {

constexpr std::size_t unit_bytes = 512;
constexpr std::uint64_t span_bytes_min = std::uint64_t{8} << 30;
constexpr std::uint64_t span_bytes_max = std::uint64_t{1} << 38;

std::uint64_t round_up(std::uint64_t bytes, std::uint64_t unit) {
  return (bytes + unit - 1) / unit * unit;
}

void* reserve(std::uint64_t bytes, bool guarded) {
  const int protection = guarded ? PROT_NONE : PROT_READ | PROT_WRITE;
  constexpr int flags = MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE;
  void* begin = ::mmap(nullptr, bytes, protection, flags, -1, 0);
  return begin == MAP_FAILED ? nullptr : begin;
}

}  // namespace

address_space::address_space(std::uint64_t memory_bytes, bool guarded) : guarded_(guarded) {
  const std::uint64_t least = round_up(2 * memory_bytes, page_bytes);
  std::uint64_t span =
      std::clamp(round_up(16 * memory_bytes, page_bytes), span_bytes_min, span_bytes_max);
  void* memory = nullptr;
  for (span = std::max(span, least); span >= least; span = round_up(span / 2, page_bytes)) {
    memory = reserve(span, guarded);
    if (memory != nullptr) break;
  }
  if (memory == nullptr) throw std::bad_alloc();
  // A core file of this many pages serves nobody.
  ::madvise(memory, span, MADV_DONTDUMP);
  span_bytes_ = span;
  begin_ = reinterpret_cast<cu_device_ptr>(memory);
  next_ = begin_;
  free_.emplace(begin_, span);
}

address_space::~address_space() {
  ::munmap(reinterpret_cast<void*>(begin_), span_bytes_);
}

std::size_t address_space::taken_bytes(std::size_t bytes) const {
  if (!guarded_) return round_up(bytes, unit_bytes);
  return round_up(bytes, page_bytes) + page_bytes;
}

cu_device_ptr address_space::take(std::size_t bytes) {
  const std::uint64_t wanted = taken_bytes(bytes);
  auto range = range_after(next_);
  // A range that grew at its front hands that front out again last, not at once.
  if (range != free_.end()) {
    const cu_device_ptr from = std::max(range->first, next_);
    if (range->first + range->second - from >= wanted) return cut(range, from, wanted);
    ++range;
  }
  for (std::size_t tried = 0; tried <= free_.size(); ++tried, ++range) {
    if (range == free_.end()) range = free_.begin();
    if (range == free_.end()) return 0;
    if (range->second >= wanted) return cut(range, range->first, wanted);
  }
  return 0;
}

address_space::range_map::iterator address_space::range_after(cu_device_ptr address) {
  const auto after = free_.upper_bound(address);
  if (after == free_.begin()) return after;
  const auto before = std::prev(after);
  return before->first + before->second > address ? before : after;
}

cu_device_ptr address_space::cut(range_map::iterator range, cu_device_ptr begin,
                                 std::uint64_t bytes) {
  const cu_device_ptr end = range->first + range->second;
  if (begin == range->first) {
    free_.erase(range);
  } else {
    range->second = begin - range->first;
  }
  if (begin + bytes < end) free_.emplace(begin + bytes, end - begin - bytes);
  next_ = begin + bytes;
  return begin;
}

void address_space::put(cu_device_ptr begin, std::size_t bytes) {
  std::uint64_t size = taken_bytes(bytes);
  const cu_device_ptr first_page = round_up(begin, page_bytes);
  const cu_device_ptr end_page = (begin + size) / page_bytes * page_bytes;
  if (end_page > first_page) {
    ::madvise(reinterpret_cast<void*>(first_page), end_page - first_page, MADV_DONTNEED);
  }
  auto after = free_.lower_bound(begin);
  if (after != free_.end() && begin + size == after->first) {
    size += after->second;
    after = free_.erase(after);
  }
  if (after != free_.begin()) {
    const auto before = std::prev(after);
    if (before->first + before->second == begin) {
      before->second += size;
      return;
    }
  }
  free_.emplace(begin, size);
}

}  // namespace narke::internal::emulation
