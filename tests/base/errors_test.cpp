#include <narke/errors.hpp>

#include <gtest/gtest.h>

namespace {

TEST(errors, every_error_is_a_narke_error_and_a_runtime_error) {
  try {
    throw narke::deadlock_error{"a waits for b"};
  } catch (const narke::error& caught) {
    EXPECT_STREQ(caught.what(), "a waits for b");
    EXPECT_NE(dynamic_cast<const std::runtime_error*>(&caught), nullptr);
    return;
  }
  FAIL() << "not caught as narke::error";
}

TEST(errors, actor_died_error_carries_its_cause) {
  const auto cause = std::make_exception_ptr(std::logic_error{"bad start"});
  const narke::actor_died_error died{"counter died", cause};
  ASSERT_TRUE(died.cause());
  EXPECT_THROW(std::rethrow_exception(died.cause()), std::logic_error);
  EXPECT_FALSE(narke::actor_died_error{"killed"}.cause());
}

}  // namespace
