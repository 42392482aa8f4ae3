#include "process/code_location.hpp"

#include <gtest/gtest.h>

#include <cstdlib>

#include <narke/errors.hpp>

namespace {

using narke::detail::code_address;
using narke::internal::code_location;
using narke::internal::find;
using narke::internal::locate;

void here() {}
void there() {}

TEST(code_location, is_found_again) {
  EXPECT_EQ(find(locate(&here)), &here);
  EXPECT_EQ(find(locate(&there)), &there);
  EXPECT_NE(locate(&here), locate(&there));
}

TEST(code_location, of_a_library_is_found_again) {
  const auto in_libc = reinterpret_cast<code_address>(&std::abort);
  EXPECT_EQ(find(locate(in_libc)), in_libc);
}

TEST(code_location, of_data_and_of_nothing_is_refused) {
  static int data = 0;
  EXPECT_THROW(locate(reinterpret_cast<code_address>(&data)), narke::error);
  EXPECT_THROW(locate(nullptr), narke::error);
}

TEST(code_location, of_another_program_is_not_found) {
  code_location location = locate(&here);
  location.build_id.assign(20, std::byte{1});
  EXPECT_THROW(find(location), narke::error);
}

TEST(code_location, outside_of_code_is_not_found) {
  code_location location = locate(&here);
  location.offset = 0;
  EXPECT_THROW(find(location), narke::error);
  location.offset = ~std::uint64_t{0};
  EXPECT_THROW(find(location), narke::error);
}

// This test program has the layers in itself: it is no program that loads the library.
TEST(code_location, a_program_without_the_shared_library_is_known) {
  EXPECT_FALSE(narke::internal::is_loaded_at_start());
}

}  // namespace
