// Where a function lies: the build id of its executable or library, and the offset in it. Address
// space layout is random, so an address means nothing in another process; this does, when that
// runs the same program.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <vector>

#include <narke/detail/isolated_part.hpp>
#include <narke/serialize.hpp>

namespace narke::internal {

struct code_location {
  std::vector<std::byte> build_id;  ///< empty: the executable itself, which has none
  std::uint64_t offset = 0;

  friend bool operator==(const code_location&, const code_location&) = default;
};

/// Throws narke::error when the function is in no object, or in a library without a build id.
code_location locate(detail::code_address function);
/// The function, when it is in code of an object of this process. Throws narke::error that says
/// what is missing.
detail::code_address find(const code_location& location);

/// Whether the program loads this library when it starts, and not later by dlopen: only then can a
/// process of the same program become a worker.
bool is_loaded_at_start();

}  // namespace narke::internal

template <>
struct narke::serializer<narke::internal::code_location> {
  static void write(message_writer& to, const internal::code_location& value) {
    to.write(value.build_id);
    to.write(value.offset);
  }
  static internal::code_location read(message_reader& from) {
    auto build_id = from.read<std::vector<std::byte>>();
    return {std::move(build_id), from.read<std::uint64_t>()};
  }
};
