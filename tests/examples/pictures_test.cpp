#include "demo/pictures.hpp"

#include <algorithm>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "demo/contact_sheet.hpp"
#include "temporary_folder.hpp"
#include "test_pictures.hpp"

namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;

std::string png(int width, int height) {
  return demo::encode_png(random_picture(width, height, 1));
}

std::vector<std::string> names(const std::vector<demo::picture_file>& pictures) {
  std::vector<std::string> found;
  for (const auto& picture : pictures) found.push_back(picture.path.filename().string());
  return found;
}

std::string why_refused(const std::filesystem::path& folder) {
  try {
    demo::find_pictures(folder);
  } catch (const demo::input_error& error) {
    return error.what();
  }
  return "it was not refused";
}

TEST(pictures, are_found_in_folders_in_the_order_of_their_paths) {
  const temporary_folder folder;
  folder.add("z/b.PNG", png(4, 3));
  folder.add("a/c.png", png(2, 2));
  folder.add("d.Jpeg", encode_jpeg(random_picture(8, 8, 1)));
  folder.add("notes.txt", "no picture");
  folder.add("png", "no picture");
  const demo::picture_list found = demo::find_pictures(folder.path());
  EXPECT_THAT(names(found.usable), ElementsAre("c.png", "d.Jpeg", "b.PNG"));
  EXPECT_EQ(found.usable[2].size.pixels(), 12U);
  EXPECT_TRUE(found.unreadable.empty());
}

TEST(pictures, unreadable_files_are_named_and_left_out) {
  const temporary_folder folder;
  folder.add("a.png", "");
  folder.add("b.jpg", "text");
  folder.add("c.png", png(4, 4));
  const demo::picture_list found = demo::find_pictures(folder.path());
  EXPECT_THAT(names(found.usable), ElementsAre("c.png"));
  EXPECT_THAT(found.unreadable, ElementsAre(HasSubstr("a.png"), HasSubstr("b.jpg")));
}

TEST(pictures, a_good_header_before_damaged_pixels_is_not_enough) {
  const temporary_folder folder;
  folder.add("a.png", png(40, 40).substr(0, 200));
  EXPECT_THAT(why_refused(folder.path()), HasSubstr("a.png"));
  folder.add("b.png", png(4, 4));
  EXPECT_THAT(names(demo::find_pictures(folder.path()).usable), ElementsAre("b.png"));
}

TEST(pictures, folder_that_is_missing_empty_or_a_file_is_refused_by_name) {
  const temporary_folder folder;
  EXPECT_THAT(why_refused("/nowhere/at/all"), HasSubstr("/nowhere/at/all"));
  EXPECT_THAT(why_refused(folder.path()), HasSubstr("holds no"));
  EXPECT_THAT(why_refused(folder.add("a.png", png(4, 4))), HasSubstr("not a folder"));
}

TEST(pictures, selection_takes_the_smallest_and_keeps_their_order) {
  const std::vector<demo::picture_file> all{
      {"a", {10, 10}}, {"b", {2, 2}}, {"c", {30, 30}}, {"d", {3, 3}}};
  EXPECT_THAT(names(demo::select(all, {3, 1'000, 1'000})), ElementsAre("a", "b", "d"));
  EXPECT_THAT(names(demo::select(all, {9, 1'000'000, 1'000'000})), ElementsAre("a", "b", "c", "d"));
  EXPECT_THAT(names(demo::select(all, {9, 100, 1'000'000})), ElementsAre("a", "b", "d"));
  EXPECT_THAT(names(demo::select(all, {9, 1'000, 20})), ElementsAre("b", "d"));
  EXPECT_THAT(names(demo::select(all, {9, 1, 1})), ElementsAre("b"));
}

}  // namespace
