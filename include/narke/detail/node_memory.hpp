// Where tasks and stored values get their memory: one place, so that it can be made cheap for all.
#pragma once

#include <cstddef>
#include <new>

#include <narke/export.hpp>

namespace narke::detail {

/// A base without members: objects of the derived class come from the library's own allocator, with
/// the alignment that they need. Any thread may free what another allocated.
struct NARKE_EXPORT node_memory {
  static void* operator new(std::size_t bytes);
  static void* operator new(std::size_t bytes, std::align_val_t alignment);
  static void operator delete(void* memory, std::size_t bytes) noexcept;
  static void operator delete(void* memory, std::size_t bytes, std::align_val_t alignment) noexcept;
};

}  // namespace narke::detail
