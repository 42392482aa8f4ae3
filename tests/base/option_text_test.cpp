#include "base/option_text.hpp"

#include <stdexcept>
#include <string>

#include <gtest/gtest.h>

namespace narke::internal {
namespace {

template <typename Read>
std::string refusal(Read&& read) {
  try {
    read();
  } catch (const std::invalid_argument& refused) {
    return refused.what();
  }
  return "taken";
}

TEST(option_text, flags_are_two_words_for_each_way) {
  EXPECT_TRUE(flag_from("1", "NARKE_TRACING"));
  EXPECT_TRUE(flag_from("true", "NARKE_TRACING"));
  EXPECT_FALSE(flag_from("0", "NARKE_TRACING"));
  EXPECT_FALSE(flag_from("false", "NARKE_TRACING"));
  EXPECT_EQ(refusal([] { flag_from("yes", "NARKE_TRACING"); }),
            "NARKE_TRACING: 'yes' is none of 0, 1, true, false");
  EXPECT_NE(refusal([] { flag_from("", "NARKE_TRACING"); }), "taken");
}

TEST(option_text, numbers_are_whole_texts) {
  EXPECT_EQ(number_from("2.5", "NARKE_NUM_CPUS"), 2.5);
  EXPECT_EQ(refusal([] { number_from("2x", "NARKE_NUM_CPUS"); }),
            "NARKE_NUM_CPUS: '2x' is not a number");
  EXPECT_NE(refusal([] { number_from("", "NARKE_NUM_CPUS"); }), "taken");
}

TEST(option_text, amounts_are_named_once_each) {
  EXPECT_EQ(amounts_from("license=2,fpga=0.5", "NARKE_RESOURCES"),
            (std::map<std::string, double>{{"fpga", 0.5}, {"license", 2}}));
  EXPECT_TRUE(amounts_from("", "NARKE_RESOURCES").empty());
  EXPECT_NE(refusal([] {
              amounts_from("license", "NARKE_RESOURCES");
            }).find("'license' is not of the form name=amount"),
            std::string::npos);
  EXPECT_NE(refusal([] { amounts_from("=2", "NARKE_RESOURCES"); }).find("'=2'"), std::string::npos);
  EXPECT_EQ(refusal([] { amounts_from("a=1,a=2", "NARKE_RESOURCES"); }),
            "NARKE_RESOURCES: a is named twice; give each resource once");
  EXPECT_EQ(refusal([] { amounts_from("a=two", "NARKE_RESOURCES"); }),
            "NARKE_RESOURCES: a: 'two' is not a number");
}

}  // namespace
}  // namespace narke::internal
