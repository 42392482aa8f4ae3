#include "driver/pci_address.hpp"

#include <fmt/format.h>

#include <charconv>
#include <string_view>

namespace narke::internal {
namespace {

/// Takes a hexadecimal field of at most `digits_max` digits and the character after it, if any.
std::optional<unsigned> take_field(std::string_view& rest, std::ptrdiff_t digits_max, char after) {
  unsigned value = 0;
  const auto [stop, code] = std::from_chars(rest.data(), rest.data() + rest.size(), value, 16);
  if (code != std::errc{} || stop - rest.data() > digits_max) return std::nullopt;
  rest.remove_prefix(static_cast<std::size_t>(stop - rest.data()));
  if (after == '\0') return value;
  if (rest.empty() || rest.front() != after) return std::nullopt;
  rest.remove_prefix(1);
  return value;
}

}  // namespace

std::string format_pci_address(const pci_address& address) {
  return fmt::format("{:08X}:{:02X}:{:02X}.{:X}", address.domain, address.bus, address.device,
                     address.function);
}

std::optional<pci_address> parse_pci_address(const std::string& text) {
  std::string_view rest = text;
  const auto domain = take_field(rest, 8, ':');
  const auto bus = domain ? take_field(rest, 2, ':') : std::nullopt;
  const auto device = bus ? take_field(rest, 2, '.') : std::nullopt;
  const auto function = device ? take_field(rest, 1, '\0') : std::nullopt;
  if (!function || !rest.empty()) return std::nullopt;
  return pci_address{*domain, *bus, *device, *function};
}

}  // namespace narke::internal
