#include "base/log.hpp"

#include <stdexcept>
#include <string>

#include <gtest/gtest.h>

namespace narke::internal {
namespace {

std::string logged(const std::string& message) {
  testing::internal::CaptureStderr();
  log_warning(message);
  return testing::internal::GetCapturedStderr();
}

TEST(log, shows_no_control_characters) {
  EXPECT_EQ(logged("plain ä 漢"), "narke: [warning] plain ä 漢\n");
  EXPECT_EQ(logged("a\x1b[2J\x7f\nb"), "narke: [warning] a?[2J??b\n");
  EXPECT_EQ(logged("c1 \xc2\x9b[2J"), "narke: [warning] c1 ?[2J\n");
  EXPECT_EQ(logged("no c1 \xc2\xa0\xc2"), "narke: [warning] no c1 \xc2\xa0\xc2\n");
}

TEST(log, keeps_to_its_level) {
  set_log_level("error");
  EXPECT_EQ(logged("not now"), "");
  testing::internal::CaptureStderr();
  log_error("now");
  log_info("not now");
  EXPECT_EQ(testing::internal::GetCapturedStderr(), "narke: [error] now\n");
  set_log_level("info");
  testing::internal::CaptureStderr();
  log_info("now");
  EXPECT_EQ(testing::internal::GetCapturedStderr(), "narke: [info] now\n");
  set_log_level("off");
  EXPECT_EQ(logged("never"), "");
  set_log_level("warning");
  EXPECT_NE(logged("again"), "");
}

TEST(log, has_no_other_levels) {
  try {
    set_log_level("loud");
    ADD_FAILURE() << "taken";
  } catch (const std::invalid_argument& refused) {
    EXPECT_EQ(std::string{refused.what()},
              "logging_level: 'loud' is none of trace, debug, info, warning, error, off");
  }
}

}  // namespace
}  // namespace narke::internal
