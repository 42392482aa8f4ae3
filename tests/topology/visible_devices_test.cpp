#include "topology/visible_devices.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace {

using namespace narke::internal;
using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;

using indices = std::vector<std::size_t>;

const std::vector<visible_device> four_gpus = {
    {.uuid = "GPU-8932f937-d72c-4106-c12f-20bd9faed9f6"},
    {.uuid = "GPU-8932aaaa-0000-0000-0000-000000000001"},
    {.uuid = "GPU-c0ffee00-0000-0000-0000-000000000002"},
    {.uuid = "GPU-deadbeef-0000-0000-0000-000000000003"}};

struct rule {
  const char* name;
  const char* value;
  indices chosen;
  const char* words;  ///< in the explanation; "" = there is none
};

class visible_devices_rule : public testing::TestWithParam<rule> {};

TEST_P(visible_devices_rule, holds) {
  const auto selection = select_visible_devices(GetParam().value, four_gpus);
  EXPECT_EQ(selection.chosen, GetParam().chosen);
  const std::string explanation = selection.explanation.value_or("");
  EXPECT_THAT(explanation, HasSubstr(GetParam().words));
  EXPECT_EQ(explanation.empty(), std::string(GetParam().words).empty()) << explanation;
  if (!explanation.empty()) {
    EXPECT_THAT(explanation, HasSubstr("CUDA_VISIBLE_DEVICES"));
    EXPECT_EQ(explanation.find('.'), explanation.size() - 1) << explanation;
  }
}

INSTANTIATE_TEST_SUITE_P(
    ordinals, visible_devices_rule,
    testing::Values(
        rule{"one", "2", {2}, ""},
        rule{"order_counts", "3,0,1", {3, 0, 1}, ""},
        rule{"blanks", " 0 , 1", {0, 1}, ""},
        rule{"tabs", "\t0\t,\t1\t", {0, 1}, ""},
        rule{"empty", "", {}, ""},
        rule{"only_blanks", "  ", {}, ""},
        rule{"minus_one", "-1", {}, ""},
        rule{"no_dev_files", "NoDevFiles", {}, ""},
        rule{"ends_with_minus_one", "0,1,-1", {0, 1}, ""},
        rule{"invalid_hides_the_rest", "0,2,-1,1", {0, 2}, "entry 3, \"-1\", is negative, which "
                                                           "hides it and the 1 after it"},
        rule{"minus_one_first", "-1,0,1", {}, "the 2 after it"},
        rule{"too_high", "0,4,1", {0}, "\"4\", is above the highest number of the 4 devices"},
        rule{"too_high_alone", "7", {}, "\"7\""},
        rule{"far_too_high", "99999999999999999999999", {}, "is above"},
        rule{"negative_and_too_long", "-99999999999999999999999", {}, ""},
        rule{"word", "banana", {}, "\"banana\", is not a device number, which hides it"},
        rule{"word_later", "1,banana,0", {1}, "entry 2"},
        rule{"empty_entry", "0,,1", {0}, "entry 2, \"\", is empty"},
        rule{"comma_at_the_end", "0,", {0}, "entry 2, \"\", is empty"},
        rule{"only_a_comma", ",", {}, "entry 1, \"\", is empty"},
        rule{"duplicate_hides_all", "0,1,2,3,0", {}, "entry 5, \"0\", names a device a second"},
        rule{"duplicate_after_the_end", "0,-1,0", {0}, "the 1 after it"},
        rule{"signs", "2,+3,-0,1", {2, 3, 0, 1}, ""},
        rule{"number_then_letters", "1gpu2,2ampere", {1, 2}, "\"1gpu2\", is read as 1"},
        rule{"uuid_among_ordinals", "0,GPU-c0ffee", {0}, "is not a device number"}),
    [](const auto& instance) { return std::string(instance.param.name); });

INSTANTIATE_TEST_SUITE_P(
    uuids, visible_devices_rule,
    testing::Values(
        rule{"whole", "GPU-8932f937-d72c-4106-c12f-20bd9faed9f6", {0}, ""},
        rule{"prefix", "GPU-8932f937", {0}, ""},
        rule{"one_digit", "GPU-c", {2}, ""},
        rule{"upper_case_digits", "GPU-C0FFEE", {2}, ""},
        rule{"several", "GPU-dead,GPU-c0", {3, 2}, ""},
        rule{"ambiguous", "GPU-8932", {}, "is the beginning of several UUIDs"},
        rule{"ambiguous_later", "GPU-dead,GPU-8932,GPU-c0", {3}, "the 1 after it"},
        rule{"unknown", "GPU-12345678", {}, "is the beginning of no device's UUID"},
        rule{"too_long", "GPU-c0ffee00-0000-0000-0000-0000000000022", {}, "of no device's UUID"},
        rule{"nothing_after_gpu", "GPU-", {}, "is not GPU-<uuid>"},
        rule{"not_hexadecimal", "GPU-xyz", {}, "is not GPU-<uuid>"},
        rule{"same_gpu_by_two_prefixes", "GPU-c0,GPU-c0ff", {}, "a second time"},
        rule{"ordinal_among_uuids", "GPU-dead,1", {3}, "is not GPU-<uuid>"},
        rule{"mig_where_there_is_none", "MIG-dead", {}, "of no device's UUID"}),
    [](const auto& instance) { return std::string(instance.param.name); });

TEST(visible_devices, unset_shows_all) {
  const auto selection = select_visible_devices(std::nullopt, four_gpus);
  EXPECT_THAT(selection.chosen, ElementsAre(0, 1, 2, 3));
  EXPECT_EQ(selection.explanation, std::nullopt);
}

TEST(visible_devices, machine_without_gpus_shows_none) {
  EXPECT_THAT(select_visible_devices(std::nullopt, {}).chosen, IsEmpty());
  EXPECT_THAT(select_visible_devices("", {}).chosen, IsEmpty());
  EXPECT_THAT(select_visible_devices("0", {}).chosen, IsEmpty());
}

const std::vector<visible_device> slices = {
    {.uuid = "MIG-11111111-0000-0000-0000-000000000000",
     .parent_uuid = "GPU-8932f937-d72c-4106-c12f-20bd9faed9f6",
     .gpu_instance = 1,
     .compute_instance = 0},
    {.uuid = "MIG-22222222-0000-0000-0000-000000000000",
     .parent_uuid = "GPU-8932f937-d72c-4106-c12f-20bd9faed9f6",
     .gpu_instance = 2,
     .compute_instance = 0}};

TEST(visible_devices, slice_is_named_by_its_uuid_or_by_its_place_in_its_gpu) {
  EXPECT_THAT(select_visible_devices("MIG-2222", slices).chosen, ElementsAre(1));
  const auto by_path =
      select_visible_devices("MIG-GPU-8932f937-d72c-4106-c12f-20bd9faed9f6/1/0", slices);
  EXPECT_THAT(by_path.chosen, ElementsAre(0));
  EXPECT_EQ(by_path.explanation, std::nullopt);
}

TEST(visible_devices, slice_that_does_not_exist_hides_itself) {
  for (const char* value :
       {"MIG-GPU-8932f937/3/0", "MIG-GPU-8932f937/1/1", "MIG-GPU-8932f937/1", "MIG-GPU-8932f937",
        "MIG-GPU-8932f937/1/", "MIG-GPU-8932f937/-1/0", "MIG-GPU-8932f937/1/0/0", "MIG-",
        "MIG-x"}) {
    const auto selection = select_visible_devices(value, slices);
    EXPECT_THAT(selection.chosen, IsEmpty()) << value;
    EXPECT_NE(selection.explanation, std::nullopt) << value;
  }
}

TEST(visible_devices, process_sees_only_the_first_slice) {
  const auto selection = select_visible_devices("MIG-2222,MIG-1111", slices);
  EXPECT_THAT(selection.chosen, ElementsAre(1));
  EXPECT_THAT(selection.explanation.value_or(""), HasSubstr("only one MIG device"));
}

TEST(visible_devices, value_of_ten_megabytes_is_read_once_and_quoted_in_part) {
  const std::size_t length = 10'000'000;
  for (const std::string piece : {"0,", "x", ",", "GPU-c0,", "  ", "-1,", "9"}) {
    std::string value = piece;
    while (value.size() < length) value += value;
    const auto selection = select_visible_devices(value, four_gpus);
    EXPECT_THAT(selection.chosen, IsEmpty()) << piece;
    EXPECT_LT(selection.explanation.value_or("").size(), 300U) << piece;
    (void)explain_visible_devices_syntax(value);
  }
}

TEST(visible_devices, control_characters_do_not_reach_the_explanation) {
  const auto selection = select_visible_devices("\x1b[31mred", four_gpus);
  EXPECT_THAT(selection.explanation.value_or(""), HasSubstr("\"?[31mred\""));
}

TEST(visible_devices_syntax, is_judged_without_knowing_the_devices) {
  for (const char* good :
       {"", "0", "7,300", "-1", "0,-1", "GPU-12", "MIG-GPU-1/2/3", "NoDevFiles"}) {
    EXPECT_EQ(explain_visible_devices_syntax(good), std::nullopt) << good;
  }
  EXPECT_THAT(explain_visible_devices_syntax("0,banana").value_or(""), HasSubstr("banana"));
  EXPECT_THAT(explain_visible_devices_syntax("0,1,0").value_or(""), HasSubstr("second time"));
  EXPECT_THAT(explain_visible_devices_syntax("GPU-1,GPU-1").value_or(""), HasSubstr("second time"));
  EXPECT_THAT(explain_visible_devices_syntax("0,,1").value_or(""), HasSubstr("is empty"));
  EXPECT_THAT(explain_visible_devices_syntax("-1,0").value_or(""), HasSubstr("is negative"));
}

}  // namespace
