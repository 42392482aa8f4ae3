#include "driver/clean_text.hpp"

#include <cstdint>

namespace narke::internal {
namespace {

/// Bytes of the UTF-8 character at the start of `text`; 0 when there is no valid one.
std::size_t character_length(std::string_view text) {
  const auto byte = [&](std::size_t i) { return static_cast<std::uint8_t>(text[i]); };
  const std::uint8_t lead = byte(0);
  if (lead < 0x80) return 1;
  const std::size_t length = lead >= 0xF0 ? 4 : lead >= 0xE0 ? 3 : 2;
  if (lead < 0xC2 || lead > 0xF4 || text.size() < length) return 0;
  for (std::size_t i = 1; i < length; ++i) {
    if ((byte(i) & 0xC0) != 0x80) return 0;
  }
  // Forms that are too long, the halves of surrogate pairs, and what lies above U+10FFFF.
  const std::uint8_t second = byte(1);
  if (lead == 0xE0 && second < 0xA0) return 0;
  if (lead == 0xED && second > 0x9F) return 0;
  if (lead == 0xF0 && second < 0x90) return 0;
  if (lead == 0xF4 && second > 0x8F) return 0;
  return length;
}

/// C0, DEL, and C1 as UTF-8: what a terminal may obey.
bool is_control(std::string_view character) {
  const auto lead = static_cast<std::uint8_t>(character[0]);
  if (character.size() == 1) return lead < 0x20 || lead == 0x7F;
  return lead == 0xC2 && static_cast<std::uint8_t>(character[1]) < 0xA0;
}

}  // namespace

std::string clean_text(std::string_view text, std::size_t bytes_max) {
  std::string clean;
  while (!text.empty()) {
    const std::size_t length = character_length(text);
    const bool keep = length > 0 && !is_control(text.substr(0, length));
    const std::string_view character = keep ? text.substr(0, length) : "?";
    if (clean.size() + character.size() > bytes_max) break;
    clean += character;
    text.remove_prefix(length > 0 ? length : 1);
  }
  return clean;
}

}  // namespace narke::internal
