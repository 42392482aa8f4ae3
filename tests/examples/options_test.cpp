#include "demo/options.hpp"

#include <vector>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace {

using ::testing::HasSubstr;

demo::options parse(std::vector<const char*> words) {
  words.insert(words.begin(), "narke_demo");
  return demo::parse_options(int(words.size()), words.data());
}

TEST(options, defaults_are_the_full_run_over_debians_pictures) {
  const demo::options chosen = parse({});
  EXPECT_EQ(chosen.images, "/usr/share/backgrounds/mate");
  EXPECT_EQ(chosen.out, "narke-demo-out");
  EXPECT_FALSE(chosen.quick);
  EXPECT_FALSE(chosen.sleep);
  const demo::workload work = demo::make_workload(chosen, std::size_t{1} << 33);
  EXPECT_EQ(work.tiny_tasks, 1'000'000U);
  EXPECT_EQ(work.slow_task, std::chrono::milliseconds{500});
  EXPECT_EQ(work.matrix_side, 5'000U);
}

TEST(options, all_are_read) {
  const demo::options chosen = parse({"--images", "/a", "--out=b", "--quick", "--sleep"});
  EXPECT_EQ(chosen.images, "/a");
  EXPECT_EQ(chosen.out, "b");
  EXPECT_TRUE(chosen.quick);
  EXPECT_TRUE(demo::make_workload(chosen, 1).tiny_tasks_sleep);
}

TEST(options, help_ends_with_0_and_wrong_ones_with_2_and_the_usage) {
  try {
    parse({"--help"});
    FAIL();
  } catch (const demo::command_line_end& end) {
    EXPECT_EQ(end.exit_code(), 0);
    EXPECT_THAT(end.what(), HasSubstr("--images"));
  }
  for (const std::vector<const char*>& wrong : {std::vector<const char*>{"--quik"},
                                                {"--images"},
                                                {"stray"},
                                                {"--out", ""},
                                                {"--images="},
                                                {"--quick=maybe"}}) {
    try {
      parse(wrong);
      FAIL() << wrong.front();
    } catch (const demo::command_line_end& end) {
      EXPECT_EQ(end.exit_code(), 2);
      EXPECT_THAT(end.what(), HasSubstr("--images TEXT"));
    }
  }
}

TEST(options, little_memory_limits_the_pixels_held_at_a_time) {
  const demo::workload work = demo::make_workload({}, 240'000'000);
  EXPECT_EQ(work.pictures.pixels_total_max, 10'000'000U);
}

TEST(options, quick_says_what_it_shrinks) {
  demo::options chosen;
  chosen.quick = true;
  EXPECT_THAT(
      demo::describe_quick(demo::make_workload(chosen, 1)),
      AllOf(HasSubstr("100000 tiny tasks"), HasSubstr("2000 x 2000"), HasSubstr("8 pictures")));
}

}  // namespace
