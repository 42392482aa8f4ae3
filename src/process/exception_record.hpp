// An exception as bytes. Those of the standard library and of narke come back as what they were;
// any other as a narke::error with its type and its text.
#pragma once

#include <exception>

#include <narke/serialize.hpp>

namespace narke::internal {

/// Requires: `thrown` is not null.
void write_exception(message_writer& to, const std::exception_ptr& thrown);
/// Throws damaged_message.
std::exception_ptr read_exception(message_reader& from);

}  // namespace narke::internal
