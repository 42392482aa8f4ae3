// Names that come from outside (a driver, a file) before they reach a terminal or a JSON file.
#pragma once

#include <string>
#include <string_view>

namespace narke::internal {

/// `text` with every control character and every byte that is not UTF-8 replaced by '?', and cut
/// to at most `bytes_max` bytes at the edge of a character.
[[nodiscard]] std::string clean_text(std::string_view text, std::size_t bytes_max = 256);

}  // namespace narke::internal
