#include "demo/figures.hpp"

#include <cmath>
#include <vector>

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <nlohmann/json.hpp>

namespace {

using ::testing::HasSubstr;

demo::step_figures example() {
  demo::step_figures step;
  step.name = "tiny tasks";
  step.what = "calls";
  step.serial_seconds = 12;
  step.first = {"one by one", 8};
  step.second = {"in chunks", 4};
  step.others = {{"another", 6}};
  step.teaches = "chunk";
  step.checked = 10;
  step.wrong = 1;
  return step;
}

TEST(figures, ratios_say_how_many_times_as_fast) {
  const demo::step_figures step = example();
  EXPECT_DOUBLE_EQ(step.gain(), 2);
  EXPECT_DOUBLE_EQ(step.over_serial(step.first), 1.5);
  EXPECT_DOUBLE_EQ(step.over_serial(step.second), 3);
}

TEST(figures, a_form_that_took_no_time_gives_a_finite_ratio) {
  demo::step_figures step = example();
  step.second.seconds = 0;
  EXPECT_TRUE(std::isfinite(step.gain()));
}

TEST(figures, durations_choose_their_unit) {
  EXPECT_EQ(demo::format_seconds(0.000'012), "12 us");
  EXPECT_EQ(demo::format_seconds(0.012'3), "12.3 ms");
  EXPECT_EQ(demo::format_seconds(4.559), "4.56 s");
}

TEST(figures, text_and_tables_show_every_form) {
  const std::vector<demo::step_figures> steps{example()};
  EXPECT_THAT(demo::to_text(steps[0], 4),
              AllOf(HasSubstr("4. tiny tasks: calls"), HasSubstr("another"),
                    HasSubstr("ratio 2.00; it teaches: chunk"),
                    HasSubstr("10 results checked against the serial loop's, 1 wrong")));
  EXPECT_THAT(demo::to_table(steps),
              AllOf(HasSubstr("one by one"), HasSubstr("4.00 s"), HasSubstr("2.00x")));
  EXPECT_THAT(
      demo::to_markdown(steps, "2 CPUs"),
      HasSubstr(
          "| tiny tasks | 12.00 s | one by one: 8.00 s | in chunks: 4.00 s | 2.00 x | 3.00 x |"));
}

TEST(figures, json_holds_the_numbers) {
  const std::vector<demo::step_figures> steps{example()};
  const auto all = nlohmann::json::parse(demo::to_json(
      steps, {.machine = "2 CPUs",
              .is_quick = true,
              .skipped = {"no GPU"},
              .pictures = {{"a.png", "cpu", 0xabc}}}));
  EXPECT_EQ(all.at("schema_version"), 1);
  EXPECT_EQ(all.at("quick"), true);
  const auto& step = all.at("steps").at(0);
  EXPECT_EQ(step.at("first").at("time_s"), 8.0);
  EXPECT_EQ(step.at("speed_second_over_first"), 2.0);
  EXPECT_EQ(step.at("others").at(0).at("name"), "another");
  EXPECT_EQ(step.at("results_wrong"), 1);
  EXPECT_EQ(step.at("device"), "cpu");
  EXPECT_EQ(all.at("skipped").at(0), "no GPU");
  EXPECT_EQ(all.at("pictures").at(0).at("checksum"), "0000000000000abc");
}

}  // namespace
