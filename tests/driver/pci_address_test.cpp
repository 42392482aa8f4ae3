#include "driver/pci_address.hpp"

#include <gtest/gtest.h>

namespace {

using namespace narke::internal;

std::string rewritten(const std::string& text) {
  const auto address = parse_pci_address(text);
  return address ? format_pci_address(*address) : "refused";
}

TEST(pci_address, takes_the_form_of_nvidia_smi) {
  EXPECT_EQ(rewritten("0000:3b:00.0"), "00000000:3B:00.0");
  EXPECT_EQ(rewritten("00000000:3B:00.0"), "00000000:3B:00.0");
  EXPECT_EQ(rewritten("10000:01:1f.3"), "00010000:01:1F.3");
}

TEST(pci_address, anything_else_is_refused) {
  for (const char* text : {"", "banana", "0000:3b:00", "0000:3b:00.", "0000:3b:00.0 ",
                           "0000:3b:00.0x", "0000:3bb:00.0", "000000000:3b:00.0", ":::.",
                           "-1:0:0.0", "0000.3b.00.0", "99999999999999999999:0:0.0"}) {
    EXPECT_EQ(rewritten(text), "refused") << text;
  }
}

}  // namespace
