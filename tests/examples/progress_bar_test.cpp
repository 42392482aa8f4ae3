#include "demo/progress_bar.hpp"

#include <algorithm>
#include <sstream>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace {

using ::testing::HasSubstr;
using ::testing::Not;

constexpr demo::progress_style terminal{true, false, 80};
constexpr demo::progress_style coloured{true, true, 80};
constexpr demo::progress_style plain{false, false, 80};

std::string shown(demo::progress_style style, std::size_t total, std::size_t steps) {
  std::ostringstream out;
  demo::progress_bar progress{"blur", total, out, style};
  for (std::size_t i = 0; i < steps; ++i) progress.advance();
  return out.str();
}

TEST(progress_bar, grows_on_a_terminal_to_100_per_cent) {
  EXPECT_THAT(shown(terminal, 10, 0), HasSubstr("   0 %"));
  EXPECT_THAT(shown(terminal, 10, 5), HasSubstr("  50 %"));
  EXPECT_THAT(shown(terminal, 10, 10), HasSubstr(" 100 %"));
  EXPECT_THAT(shown(terminal, 10, 10), HasSubstr("####"));
}

TEST(progress_bar, more_steps_than_announced_stay_at_100_per_cent) {
  EXPECT_THAT(shown(terminal, 4, 9), Not(HasSubstr("225 %")));
  EXPECT_THAT(shown(terminal, 0, 3), HasSubstr("100 %"));
}

TEST(progress_bar, a_million_steps_are_drawn_a_few_hundred_times) {
  const std::string out = shown(terminal, 1'000'000, 1'000'000);
  EXPECT_LE(std::count(out.begin(), out.end(), '\r'), 210);
}

TEST(progress_bar, colours_only_where_they_are_wanted) {
  EXPECT_THAT(shown(coloured, 10, 5), HasSubstr("\033[32m"));
  EXPECT_THAT(shown(terminal, 10, 5), Not(HasSubstr("\033")));
}

TEST(progress_bar, wipes_itself_off_the_terminal) {
  std::ostringstream out;
  { const demo::progress_bar progress{"blur", 10, out, terminal}; }
  EXPECT_THAT(out.str(), ::testing::EndsWith(std::string(79, ' ') + "\r"));
}

TEST(progress_bar, fits_into_any_width) {
  for (int columns = 0; columns < 120; ++columns) {
    std::ostringstream out;
    {
      demo::progress_bar progress{"blur", 10, out, {true, false, columns}};
      progress.advance(10);
    }
    std::istringstream drawings{out.str()};
    for (std::string drawing; std::getline(drawings, drawing, '\r');) {
      ASSERT_LE(int(drawing.size()), std::max(columns - 1, 0));
    }
  }
}

TEST(progress_bar, short_stage_says_nothing_without_a_terminal) {
  EXPECT_EQ(shown(plain, 10, 10), "");
}

}  // namespace
