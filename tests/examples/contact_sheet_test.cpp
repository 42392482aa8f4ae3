#include "demo/contact_sheet.hpp"

#include <algorithm>
#include <vector>

#include <gtest/gtest.h>

#include "temporary_folder.hpp"
#include "test_pictures.hpp"

namespace {

demo::captioned_picture red_picture(const std::string& caption) {
  return {demo::make_image(demo::thumbnail_width_max, demo::thumbnail_height_max, 255, 0, 0),
          caption};
}

std::size_t count_pixels(const demo::image& sheet, std::uint8_t red, std::uint8_t green,
                         std::uint8_t blue) {
  std::size_t count = 0;
  for (std::size_t i = 0; i < sheet.rgb.size(); i += 3) {
    count += sheet.rgb[i] == red && sheet.rgb[i + 1] == green && sheet.rgb[i + 2] == blue;
  }
  return count;
}

TEST(contact_sheet, holds_every_pixel_of_every_thumbnail) {
  for (const std::size_t count : {1U, 2U, 5U, 9U, 10U}) {
    const std::vector<demo::captioned_picture> pictures(count, red_picture("a"));
    const demo::image sheet = demo::make_contact_sheet(pictures);
    EXPECT_EQ(count_pixels(sheet, 255, 0, 0),
              count * demo::thumbnail_width_max * demo::thumbnail_height_max);
    EXPECT_EQ(sheet.rgb.size(), std::size_t(sheet.width) * std::size_t(sheet.height) * 3);
  }
}

TEST(contact_sheet, grid_is_as_wide_as_high) {
  const std::vector<demo::captioned_picture> pictures(9, red_picture("a"));
  const demo::image nine = demo::make_contact_sheet(pictures);
  const demo::image one = demo::make_contact_sheet(std::span{pictures}.first(1));
  EXPECT_EQ(nine.width - one.width, 2 * (one.width - 12));
  EXPECT_EQ(nine.height - one.height, 2 * (one.height - 12));
}

TEST(contact_sheet, caption_is_drawn_below_the_thumbnail) {
  const std::vector<demo::captioned_picture> with{red_picture("Garden.jpg\ndark green, flat")};
  const std::vector<demo::captioned_picture> without{red_picture("")};
  const demo::image sheet = demo::make_contact_sheet(with);
  EXPECT_GT(count_pixels(sheet, 225, 225, 225), 100U);
  EXPECT_EQ(count_pixels(demo::make_contact_sheet(without), 225, 225, 225), 0U);
  EXPECT_EQ(count_pixels(sheet, 255, 0, 0),
            std::size_t(demo::thumbnail_width_max * demo::thumbnail_height_max));
}

TEST(contact_sheet, caption_that_is_too_wide_is_cut_to_its_cell) {
  const std::vector<demo::captioned_picture> pictures{red_picture(std::string(5'000, 'W')),
                                                      red_picture("")};
  const demo::image sheet = demo::make_contact_sheet(pictures);
  const int second_cell = 12 + demo::thumbnail_width_max;
  for (int y = 0; y < sheet.height; ++y) {
    for (int x = second_cell; x < sheet.width; ++x)
      ASSERT_NE(sheet.row(y)[3 * x], 225) << x << ", " << y;
  }
}

TEST(contact_sheet, caption_with_bytes_beyond_ascii_does_no_harm) {
  std::string caption;
  for (int byte = 1; byte < 256; ++byte) caption += char(byte);
  const std::vector<demo::captioned_picture> pictures{red_picture(caption)};
  EXPECT_FALSE(demo::make_contact_sheet(pictures).rgb.empty());
}

TEST(contact_sheet, png_decodes_to_the_same_pixels) {
  const temporary_folder folder;
  const std::vector<demo::captioned_picture> pictures{{random_picture(50, 40, 1), "noise"}};
  const demo::image sheet = demo::make_contact_sheet(pictures);
  EXPECT_EQ(demo::read_image(folder.add("sheet.png", demo::encode_png(sheet))), sheet);
}

}  // namespace
