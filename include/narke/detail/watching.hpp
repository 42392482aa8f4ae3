// What the advisor is told by templates: gets that find their value ready, while somebody looks for
// them, and large arguments that are handed over by value. And the place where equal ones are kept.
#pragma once

#include <atomic>
#include <cstddef>
#include <cstdint>
#include <memory>

#include <narke/detail/source_location.hpp>
#include <narke/export.hpp>

namespace narke::detail {

class result_slot;

/// How many look for gets that do not wait. Written by the runtime; a get reads it without order:
/// one that is missed at the edge changes no finding.
NARKE_EXPORT extern std::atomic<std::uint32_t> get_watchers;
/// A get at `at` found `slot` ready. Only while get_watchers is not 0.
NARKE_EXPORT void note_ready_get(const result_slot& slot, const source_location& at) noexcept;

/// An argument of fewer bytes is copied without a word.
inline constexpr std::size_t noted_bytes_min = std::size_t{100} * 1024;
/// The next task of this thread owns a copy of these bytes, made from an lvalue; or shares one.
NARKE_EXPORT void note_large_argument(const void* data, std::size_t bytes, bool is_shared) noexcept;

/// An argument of fewer bytes is not worth a comparison.
inline constexpr std::size_t shared_bytes_min = std::size_t{1} << 20;
/// Arguments that tasks still hold, of which an equal one need not be copied again: the last few
/// that were copied from `data`, compared byte by byte. Null when there is none. `type` tells types
/// apart. Any thread.
NARKE_EXPORT std::shared_ptr<const void> find_equal_argument(const void* type, const void* data,
                                                             std::size_t bytes) noexcept;
/// Remembers a copy of `data` for as long as tasks hold it. `copied`: its first element.
NARKE_EXPORT void remember_argument(const void* type, const void* data, std::size_t bytes,
                                    const std::shared_ptr<const void>& copy,
                                    const void* copied) noexcept;

/// Its address stands for T.
template <class T>
inline constexpr char type_mark = 0;

}  // namespace narke::detail
