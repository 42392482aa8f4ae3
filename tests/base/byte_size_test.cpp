#include "base/byte_size.hpp"

#include <stdexcept>
#include <string>

#include <gtest/gtest.h>

namespace narke::internal {
namespace {

std::uint64_t size(std::string_view text) { return parse_byte_size(text, "--memory"); }

TEST(byte_size, units_and_bare_letters_are_powers_of_1024_and_si_units_of_1000) {
  EXPECT_EQ(size("1GiB"), 1ULL << 30);
  EXPECT_EQ(size("512MiB"), 512ULL << 20);
  EXPECT_EQ(size("1g"), 1ULL << 30);
  EXPECT_EQ(size("3K"), 3072U);
  EXPECT_EQ(size("2 gib"), 2ULL << 30);
  EXPECT_EQ(size("1GB"), 1'000'000'000U);
  EXPECT_EQ(size("1.5GiB"), 3ULL << 29);
  EXPECT_EQ(size("2Ti"), 2ULL << 40);
  EXPECT_EQ(size("17"), 17U);
  EXPECT_EQ(size(" 17B "), 17U);
  EXPECT_EQ(size("9007199254740992"), 9007199254740992U);
}

TEST(byte_size, what_is_no_size_is_refused_by_name) {
  for (const char* bad : {"", " ", "GiB", "-1", "0", "1X", "1GiBs", "1 2", "nan", "inf", "0x10",
                          "1e9", "99999EiB", "0.1", "1:2", "\x1b[31m1"}) {
    try {
      size(bad);
      ADD_FAILURE() << "taken for a size: '" << bad << "'";
    } catch (const std::invalid_argument& caught) {
      EXPECT_EQ(std::string{caught.what()}.find("--memory: '"), 0U);
      EXPECT_EQ(std::string{caught.what()}.find('\x1b'), std::string::npos);
    }
  }
}

TEST(byte_size, a_long_text_is_cut_in_the_message) {
  try {
    parse_byte_size(std::string(200, 'x'), "--memory");
    ADD_FAILURE() << "taken for a size";
  } catch (const std::invalid_argument& caught) {
    EXPECT_NE(std::string{caught.what()}.find("'" + std::string(60, 'x') + "…'"),
              std::string::npos);
  }
}

TEST(byte_size, emulated_gpus_are_a_count_with_or_without_memory) {
  EXPECT_EQ(parse_emulated_gpus("2", "--emulated-gpus").count, 2);
  EXPECT_EQ(parse_emulated_gpus("2", "--emulated-gpus").memory_bytes, 0U);
  EXPECT_EQ(parse_emulated_gpus("2:1GiB", "--emulated-gpus").count, 2);
  EXPECT_EQ(parse_emulated_gpus("2:1GiB", "--emulated-gpus").memory_bytes, 1ULL << 30);
  EXPECT_EQ(parse_emulated_gpus("0", "--emulated-gpus").count, 0);
  for (const char* bad : {"", "x", "-1", "2:", "2:x", ":1GiB", "1.5", "2:1GiB:3", "1025", "2x"}) {
    EXPECT_THROW(parse_emulated_gpus(bad, "--emulated-gpus"), std::invalid_argument) << bad;
  }
}

TEST(byte_size, sizes_read_well_and_keep_what_matters) {
  EXPECT_EQ(format_byte_size(0), "0 bytes");
  EXPECT_EQ(format_byte_size(1), "1 byte");
  EXPECT_EQ(format_byte_size(1023), "1023 bytes");
  EXPECT_EQ(format_byte_size(1024), "1 KiB");
  EXPECT_EQ(format_byte_size(3ULL << 29), "1.5 GiB");
  EXPECT_EQ(format_byte_size((1ULL << 30) - 1), "1 GiB");
  EXPECT_EQ(format_byte_size(UINT64_MAX), "16 EiB");
}

}  // namespace
}  // namespace narke::internal
