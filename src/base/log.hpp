// Messages for people, on stderr. The library logs at warning and above unless told otherwise; it
// never logs values, arguments or the environment. Any thread.
#pragma once

#include <string_view>

namespace narke::internal {

/// One of trace, debug, info, warning, error, off. Throws std::invalid_argument naming the field
/// and the level.
void set_log_level(std::string_view level);

void log_info(std::string_view message) noexcept;
void log_warning(std::string_view message) noexcept;
void log_error(std::string_view message) noexcept;

}  // namespace narke::internal
