#include <task/task_rules.hpp>

#include <gtest/gtest.h>

#include <stdexcept>

#include <narke/errors.hpp>

using narke::task_options;
using narke::internal::task_rules;
using namespace std::chrono_literals;

namespace {

template <class Error>
std::exception_ptr thrown() {
  return std::make_exception_ptr(Error{"test"});
}

TEST(task_rules, the_delay_doubles_up_to_its_limit) {
  const auto rules = task_rules::from({.max_retries = -1});
  EXPECT_EQ(rules->delay_after(0), 10ms);
  EXPECT_EQ(rules->delay_after(1), 20ms);
  EXPECT_EQ(rules->delay_after(5), 320ms);
  EXPECT_EQ(rules->delay_after(100), task_rules::retry_delay_max);
  EXPECT_EQ(rules->delay_after(4'000'000'000), task_rules::retry_delay_max);
  EXPECT_EQ(task_rules::from({.max_retries = 1, .retry_delay = 0ms})->delay_after(9), 0ms);
  EXPECT_EQ(task_rules::from({.max_retries = 1, .retry_delay = 1h})->delay_after(9), 1h);
  EXPECT_EQ(task_rules::from({.max_retries = 1, .retry_delay = {}})->delay_after(9), 0ms);
}

TEST(task_rules, attempts_are_counted_from_0) {
  const auto rules = task_rules::from({.max_retries = 2, .retry_exceptions = true});
  EXPECT_TRUE(rules->wants_another(0, thrown<std::runtime_error>()));
  EXPECT_TRUE(rules->wants_another(1, thrown<std::runtime_error>()));
  EXPECT_FALSE(rules->wants_another(2, thrown<std::runtime_error>()));
  EXPECT_FALSE(rules->wants_another(0, nullptr));
}

TEST(task_rules, system_failures_need_no_retry_exceptions) {
  const auto rules = task_rules::from({.max_retries = 1});
  EXPECT_TRUE(rules->wants_another(0, thrown<narke::worker_crashed_error>()));
  EXPECT_TRUE(rules->wants_another(0, thrown<narke::device_lost_error>()));
  EXPECT_FALSE(rules->wants_another(1, thrown<narke::device_lost_error>()));
  EXPECT_FALSE(rules->wants_another(0, thrown<std::runtime_error>()));
}

TEST(task_rules, cancelled_and_timed_out_attempts_are_final) {
  const auto rules = task_rules::from({.max_retries = -1, .retry_exceptions = true});
  EXPECT_FALSE(rules->wants_another(0, thrown<narke::task_cancelled_error>()));
  EXPECT_FALSE(rules->wants_another(0, thrown<narke::task_timeout_error>()));
}

TEST(task_rules, counts_up_to_the_limit) {
  const auto rules = task_rules::from({.max_pending = 2});
  EXPECT_TRUE(rules->try_add());
  EXPECT_TRUE(rules->try_add());
  EXPECT_FALSE(rules->try_add());
  rules->add();
  rules->remove();
  EXPECT_FALSE(rules->try_add());
  rules->remove();
  EXPECT_TRUE(rules->try_add());
}

}  // namespace
