#include "demo/image.hpp"

#include <algorithm>
#include <array>
#include <string>

#include <sys/stat.h>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "demo/contact_sheet.hpp"
#include "temporary_folder.hpp"
#include "test_pictures.hpp"

namespace {

using ::testing::AllOf;
using ::testing::HasSubstr;

std::string why_unreadable(const std::filesystem::path& file) {
  try {
    demo::read_image(file);
  } catch (const demo::unreadable_picture& unreadable) {
    return unreadable.what();
  }
  return "it was readable";
}

/// The signature and the IHDR chunk of a PNG file; the decoder does not look at the check sum.
std::string png_header(unsigned width, unsigned height) {
  const auto big_endian = [](unsigned value) {
    return std::string{char(value >> 24), char(value >> 16), char(value >> 8), char(value)};
  };
  return "\x89PNG\r\n\x1a\n" + big_endian(13) + "IHDR" + big_endian(width) + big_endian(height) +
         std::string{"\x08\x02\x00\x00\x00\x00\x00\x00\x00", 9};
}

TEST(image, png_file_comes_back_as_it_was_written) {
  const temporary_folder folder;
  const demo::image picture = random_picture(37, 21, 1);
  EXPECT_EQ(demo::read_image(folder.add("a.png", demo::encode_png(picture))), picture);
  EXPECT_EQ(demo::read_image_size(folder.path() / "a.png").pixels(), 37U * 21U);
}

TEST(image, jpeg_file_comes_back_nearly_as_it_was_written) {
  const temporary_folder folder;
  const demo::image picture = demo::make_image(64, 48, 200, 100, 50);
  const demo::image read = demo::read_image(folder.add("a.jpg", encode_jpeg(picture)));
  ASSERT_EQ(read.rgb.size(), picture.rgb.size());
  for (std::size_t i = 0; i < read.rgb.size(); ++i) ASSERT_NEAR(read.rgb[i], picture.rgb[i], 4);
}

TEST(image, transparent_pixels_lie_on_grey) {
  const temporary_folder folder;
  const std::array<unsigned char, 12> rgba{10, 20, 30, 255, 10, 20, 30, 0, 0, 0, 0, 51};
  const auto file = folder.path() / "a.png";
  ASSERT_TRUE(stbi_write_png(file.c_str(), 3, 1, 4, rgba.data(), 12));
  EXPECT_THAT(demo::read_image(file).rgb,
              ::testing::ElementsAre(10, 20, 30, 128, 128, 128, 102, 102, 102));
}

TEST(image, missing_file_is_named) {
  EXPECT_THAT(why_unreadable("/nowhere/a.jpg"),
              AllOf(HasSubstr("/nowhere/a.jpg"), HasSubstr("No such file")));
}

TEST(image, empty_file_is_refused) {
  const temporary_folder folder;
  EXPECT_THAT(why_unreadable(folder.add("a.jpg", "")),
              AllOf(HasSubstr("a.jpg"), HasSubstr("empty")));
}

TEST(image, text_is_no_picture) {
  const temporary_folder folder;
  EXPECT_THAT(why_unreadable(folder.add("a.png", "hello, world")), HasSubstr("no picture"));
}

TEST(image, folder_and_pipe_are_refused_without_waiting_for_a_writer) {
  const temporary_folder folder;
  std::filesystem::create_directory(folder.path() / "a.png");
  EXPECT_THAT(why_unreadable(folder.path() / "a.png"), HasSubstr("not a regular file"));
  ASSERT_EQ(::mkfifo((folder.path() / "b.png").c_str(), 0600), 0);
  EXPECT_THAT(why_unreadable(folder.path() / "b.png"), HasSubstr("not a regular file"));
}

TEST(image, picture_above_the_limit_is_refused_by_its_header) {
  const temporary_folder folder;
  EXPECT_THAT(why_unreadable(folder.add("a.png", png_header(16'000, 16'000))),
              AllOf(HasSubstr("16000 x 16000"), HasSubstr("100 million")));
  EXPECT_THROW(demo::read_image_size(folder.path() / "a.png"), demo::unreadable_picture);
}

TEST(image, header_without_pixels_is_damaged) {
  const temporary_folder folder;
  EXPECT_THAT(why_unreadable(folder.add("a.png", png_header(20, 20))), HasSubstr("damaged"));
}

TEST(image, every_truncation_of_a_jpeg_is_refused) {
  const temporary_folder folder;
  const std::string whole = encode_jpeg(random_picture(24, 16, 5));
  for (std::size_t length = 0; length < whole.size(); ++length) {
    const std::string part = whole.substr(0, length);
    ASSERT_NE(why_unreadable(folder.add("a.jpg", part)), "it was readable")
        << length << " of " << whole.size();
  }
}

TEST(image, every_truncation_of_png_pixels_is_refused) {
  const temporary_folder folder;
  const std::string whole = demo::encode_png(random_picture(24, 16, 6));
  const std::size_t end_of_pixels =
      whole.size() - 12 - 4;  // the last chunk, and the pixels' check sum
  for (std::size_t length = 0; length < end_of_pixels; ++length) {
    const std::string part = whole.substr(0, length);
    ASSERT_NE(why_unreadable(folder.add("a.png", part)), "it was readable")
        << length << " of " << whole.size();
  }
}

TEST(image, bytes_after_a_jpeg_do_no_harm) {
  const temporary_folder folder;
  const std::string whole = encode_jpeg(random_picture(24, 16, 7));
  EXPECT_EQ(demo::read_image(folder.add("a.jpg", whole + "trailing bytes")).width, 24);
}

TEST(image, random_damage_never_crashes) {
  const temporary_folder folder;
  std::mt19937 random{8};
  for (const std::string& whole :
       {encode_jpeg(random_picture(40, 30, 9)), demo::encode_png(random_picture(40, 30, 10))}) {
    for (int attempt = 0; attempt < 300; ++attempt) {
      std::string damaged = whole;
      for (int i = 0; i < 4; ++i) damaged[random() % damaged.size()] = char(random());
      why_unreadable(folder.add("a.png", damaged));
    }
  }
}

TEST(image, reducing_averages_and_keeps_the_shape) {
  demo::image picture = demo::make_image(400, 200, 10, 20, 30);
  for (int y = 0; y < 200; ++y) std::fill_n(picture.row(y) + 3 * 200, 3 * 200, std::uint8_t{100});
  const demo::image reduced = demo::reduce_to_fit(picture, 100, 100);
  ASSERT_EQ(reduced.width, 100);
  ASSERT_EQ(reduced.height, 50);
  EXPECT_EQ(reduced.row(25)[3 * 49 + 2], 30);
  EXPECT_EQ(reduced.row(25)[3 * 50 + 2], 100);
  const demo::image to_one = demo::reduce_to_fit(picture, 1, 1);
  EXPECT_THAT(to_one.rgb, ::testing::ElementsAre(55, 60, 65));
}

TEST(image, reducing_never_enlarges) {
  const demo::image picture = random_picture(7, 300, 11);
  EXPECT_EQ(demo::reduce_to_fit(random_picture(5, 4, 1), 100, 100), random_picture(5, 4, 1));
  EXPECT_EQ(demo::reduce_to_fit(picture, 100, 10).width, 1);
  EXPECT_EQ(demo::reduce_to_fit(picture, 100, 10).height, 10);
}

}  // namespace
