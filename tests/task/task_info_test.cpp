#include <task/task_info.hpp>

#include <gtest/gtest.h>

#include <cmath>
#include <limits>
#include <stdexcept>

#include <narke/detail/task_info_ref.hpp>
#include <narke/errors.hpp>
#include <support/values.hpp>

namespace {

using narke::task_options;
using narke::detail::task_info;
using narke::detail::task_info_ref;
using narke::detail::task_lane;
using narke_test::message_of;

task_lane lane_of(const task_options& options) {
  return task_info_ref{options}.get()->lane();
}

std::string refused(const task_options& options) {
  return message_of<std::invalid_argument>([&] { task_info_ref{options}; });
}

TEST(task_info, one_cpu_and_nothing_else_is_the_fast_lane) {
  EXPECT_EQ(lane_of({}), task_lane::fast);
  EXPECT_EQ(lane_of({.num_cpus = 1}), task_lane::fast);
  EXPECT_EQ(lane_of({.name = "named"}), task_lane::fast);
}

TEST(task_info, anything_else_is_the_placement_lane) {
  EXPECT_EQ(lane_of({.num_cpus = 2}), task_lane::placement);
  EXPECT_EQ(lane_of({.num_cpus = 0.5}), task_lane::placement);
  EXPECT_EQ(lane_of({.num_cpus = 0}), task_lane::placement);
  EXPECT_EQ(lane_of({.memory = 1}), task_lane::placement);
  EXPECT_EQ(lane_of({.resources = {{"license", 1}}}), task_lane::placement);
}

TEST(task_info, names_the_field_that_is_bad) {
  EXPECT_NE(refused({.num_cpus = -1}).find("num_cpus"), std::string::npos);
  EXPECT_NE(refused({.num_cpus = std::nan("")}).find("num_cpus"), std::string::npos);
  EXPECT_NE(refused({.num_gpus = 1.5}).find("num_gpus"), std::string::npos);
  EXPECT_NE(refused({.memory = -1}).find("memory"), std::string::npos);
  EXPECT_NE(refused({.gpu_memory = std::numeric_limits<double>::infinity()}).find("gpu_memory"),
            std::string::npos);
  EXPECT_NE(refused({.resources = {{"license", -2}}}).find("license"), std::string::npos);
  EXPECT_NE(refused({.resources = {{"CPU", 2}}}).find("CPU"), std::string::npos);
  EXPECT_NE(refused({.priority = 0.5}).find("priority"), std::string::npos);
  EXPECT_NE(refused({.max_retries = -2}).find("max_retries"), std::string::npos);
  EXPECT_NE(refused({.max_retries = std::nan("")}).find("max_retries"), std::string::npos);
  EXPECT_NE(refused({.timeout = std::chrono::seconds{0}}).find("timeout"), std::string::npos);
  EXPECT_NE(refused({.timeout = std::chrono::seconds{-1}}).find("timeout"), std::string::npos);
}

TEST(task_info, is_isolated_when_asked_for_and_never_on_a_gpu) {
  const narke::task_options apart{.isolation = narke::isolation::process};
  EXPECT_TRUE(task_info_ref{apart}.get()->is_isolated());
  EXPECT_FALSE(task_info_ref{narke::task_options{}}.get()->is_isolated());
  EXPECT_THROW((task_info_ref{apart, narke::detail::task_place::gpu}), std::invalid_argument);
}

TEST(task_info, a_priority_or_a_wish_is_for_the_placement_lane) {
  EXPECT_EQ(lane_of({.priority = 1}), task_lane::placement);
  EXPECT_EQ(lane_of({.priority = -1}), task_lane::placement);
  EXPECT_EQ(lane_of({.scheduling = narke::scheduling::spread()}), task_lane::placement);
  EXPECT_EQ(lane_of({.max_retries = 3, .timeout = std::chrono::seconds{1}}), task_lane::fast);
}

TEST(task_info, has_rules_only_when_the_options_say_something) {
  EXPECT_EQ(task_info_ref{task_options{.name = "x"}}.get()->rules(), nullptr);
  EXPECT_EQ(task_info_ref{task_options{.retry_exceptions = true}}.get()->rules(), nullptr);
  EXPECT_NE(task_info_ref{task_options{.max_retries = -1}}.get()->rules(), nullptr);
  EXPECT_NE(task_info_ref{task_options{.max_pending = 1}}.get()->rules(), nullptr);
}

TEST(task_info, lives_as_long_as_a_handle_or_a_task_has_it) {
  task_info_ref one{{.name = "shared"}};
  const task_info* info = one.get();
  task_info_ref two = one;
  one = {};
  EXPECT_EQ(two.get(), info);
  EXPECT_EQ(info->name(), "shared");
  task_info_ref three = std::move(two);
  EXPECT_EQ(two.get(), nullptr);
  EXPECT_EQ(three.get()->name(), "shared");
}

TEST(task_info, remembers_for_which_runtime_it_was_found_feasible) {
  const task_info_ref info{task_options{}};
  EXPECT_EQ(info.get()->feasible_in(), 0U);
  info.get()->set_feasible_in(3);
  EXPECT_EQ(info.get()->feasible_in(), 3U);
}

TEST(task_info, its_name_in_the_trace_outlives_it) {
  const char* kept = nullptr;
  {
    const task_info_ref info{{.name = "traced"}};
    kept = info.get()->trace_name();
    EXPECT_EQ(kept, info.get()->trace_name());
  }
  EXPECT_STREQ(kept, "traced");
}

}  // namespace
