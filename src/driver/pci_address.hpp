// A device's place on the PCI buses, and nvidia-smi's way to write it. Plain values; any thread.
#pragma once

#include <optional>
#include <string>

namespace narke::internal {

struct pci_address {
  unsigned domain = 0;
  unsigned bus = 0;
  unsigned device = 0;
  unsigned function = 0;
};

/// "00000000:3B:00.0".
[[nodiscard]] std::string format_pci_address(const pci_address& address);

/// From "00000000:3B:00.0" or the shorter "0000:3b:00.0"; nullopt when it is no such address.
[[nodiscard]] std::optional<pci_address> parse_pci_address(const std::string& text);

}  // namespace narke::internal
