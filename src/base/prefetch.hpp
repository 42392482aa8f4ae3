// Memory that is brought near before it is needed. Any address will do: nothing is read.
#pragma once

#include <cstddef>

namespace narke::internal {

inline constexpr std::size_t line_bytes = 64;

/// Brings the cache line of `at` here for this core alone, to be written. The plain built-in leaves
/// a copy with the core that had it, which the first store then has to ask for it back.
inline void prefetch_for_write(const void* at) noexcept {
#if defined(__x86_64__)
  // Each x86-64 processor has it, if only as an instruction that does nothing.
  asm volatile("prefetchw %0" : : "m"(*static_cast<const char*>(at)));
#else
  __builtin_prefetch(at, 1);
#endif
}

/// The first lines of a node of `bytes`, which are written at once. None of the next node: somebody
/// may be at work there.
inline void prefetch_node(const void* node, std::size_t bytes) noexcept {
  const auto* lines = static_cast<const std::byte*>(node);
  prefetch_for_write(lines);
  if (bytes > line_bytes) {
    prefetch_for_write(lines + line_bytes);
  }
  if (bytes > 2 * line_bytes) {
    prefetch_for_write(lines + 2 * line_bytes);
  }
}

}  // namespace narke::internal
