#include "demo/classify.hpp"

#include <algorithm>
#include <tuple>

#include <gtest/gtest.h>

namespace {

std::string class_of(std::uint8_t red, std::uint8_t green, std::uint8_t blue) {
  return demo::describe(demo::classify(demo::make_image(9, 7, red, green, blue)));
}

TEST(classify, pure_hues_are_named) {
  EXPECT_EQ(class_of(255, 0, 0), "dark red, flat");
  EXPECT_EQ(class_of(255, 255, 0), "bright yellow, flat");
  EXPECT_EQ(class_of(0, 255, 0), "medium green, flat");
  EXPECT_EQ(class_of(0, 255, 255), "bright cyan, flat");
  EXPECT_EQ(class_of(0, 0, 255), "dark blue, flat");
  EXPECT_EQ(class_of(255, 0, 255), "medium magenta, flat");
}

TEST(classify, mixed_hues_go_to_the_nearest) {
  EXPECT_EQ(class_of(255, 120, 0), "medium red, flat");
  EXPECT_EQ(class_of(255, 140, 0), "medium yellow, flat");
  EXPECT_EQ(class_of(140, 255, 0), "bright yellow, flat");
  EXPECT_EQ(class_of(100, 255, 0), "bright green, flat");
  EXPECT_EQ(class_of(0, 255, 140), "medium cyan, flat");
  EXPECT_EQ(class_of(0, 100, 255), "medium blue, flat");
  EXPECT_EQ(class_of(0, 160, 255), "medium cyan, flat");
  EXPECT_EQ(class_of(140, 0, 255), "dark magenta, flat");
  EXPECT_EQ(class_of(255, 0, 120), "medium red, flat");
}

TEST(classify, greys_have_no_hue) {
  EXPECT_EQ(class_of(0, 0, 0), "dark grey, flat");
  EXPECT_EQ(class_of(128, 130, 126), "medium grey, flat");
  EXPECT_EQ(class_of(255, 255, 255), "bright grey, flat");
}

TEST(classify, black_beside_white_is_varied) {
  demo::image picture = demo::make_image(10, 10, 255, 255, 255);
  for (int y = 0; y < 5; ++y) std::fill_n(picture.row(y), picture.row_samples(), std::uint8_t{0});
  EXPECT_EQ(demo::describe(demo::classify(picture)), "medium grey, varied");
}

TEST(classify, the_hue_with_most_chroma_wins_not_the_one_with_most_pixels) {
  demo::image picture = demo::make_image(10, 1, 120, 120, 140);
  for (int x = 0; x < 3; ++x) {
    picture.row(0)[3 * x] = 0;
    picture.row(0)[3 * x + 1] = 200;
    picture.row(0)[3 * x + 2] = 0;
  }
  EXPECT_EQ(demo::classify(picture).colour, demo::dominant_colour::green);
}

}  // namespace
