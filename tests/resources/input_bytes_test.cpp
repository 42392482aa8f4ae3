#include "resources/input_bytes.hpp"

#include <gtest/gtest.h>

namespace narke::internal {
namespace {

TEST(input_bytes, bytes_on_one_gpu_add_up) {
  input_bytes inputs{{1, 10}, {0, 5}, {1, 7}};
  EXPECT_EQ(inputs.on(1), 17);
  EXPECT_EQ(inputs.on(0), 5);
  EXPECT_EQ(inputs.on(2), 0);
}

TEST(input_bytes, no_bytes_are_no_entry) {
  input_bytes inputs{{1, 0}};
  EXPECT_TRUE(inputs.empty());
}

TEST(input_bytes, of_many_gpus_those_with_the_most_are_kept) {
  input_bytes inputs{{0, 10}, {1, 40}, {2, 20}, {3, 30}, {4, 15}, {5, 5}};
  EXPECT_EQ(inputs.entries().size(), input_bytes::gpus_max);
  EXPECT_EQ(inputs.on(0), 0);
  EXPECT_EQ(inputs.on(4), 15);
  EXPECT_EQ(inputs.on(5), 0);
  EXPECT_EQ(inputs.on(2), 20);
}

}  // namespace
}  // namespace narke::internal
