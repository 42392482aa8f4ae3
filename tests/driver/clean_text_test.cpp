#include "driver/clean_text.hpp"

#include <gtest/gtest.h>

namespace {

using narke::internal::clean_text;

TEST(clean_text, plain_and_accented_names_stay_as_they_are) {
  EXPECT_EQ(clean_text("Tesla V100-SXM3-32GB"), "Tesla V100-SXM3-32GB");
  EXPECT_EQ(clean_text("Größe € 𝄞"), "Größe € 𝄞");
  EXPECT_EQ(clean_text(""), "");
}

TEST(clean_text, terminal_escapes_become_question_marks) {
  EXPECT_EQ(clean_text("\x1b[31mred\n"), "?[31mred?");
  EXPECT_EQ(clean_text("a\x7f" "b\xc2\x9b" "c"), "a?b?c");
}

TEST(clean_text, bytes_that_are_not_utf8_become_question_marks) {
  EXPECT_EQ(clean_text("\xff\xfe"), "??");
  EXPECT_EQ(clean_text("\xc3"), "?");
  EXPECT_EQ(clean_text("\xc0\xaf"), "??");
  EXPECT_EQ(clean_text("\xed\xa0\x80"), "???");
  EXPECT_EQ(clean_text("\xf4\x90\x80\x80"), "????");
}

TEST(clean_text, is_cut_at_the_edge_of_a_character) {
  EXPECT_EQ(clean_text("aé", 2), "a");
  EXPECT_EQ(clean_text("aé", 3), "aé");
}

}  // namespace
