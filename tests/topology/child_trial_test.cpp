#include "topology/child_trial.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <unistd.h>

#include <csignal>
#include <cstdio>
#include <stdexcept>

namespace {

using namespace narke::internal;
using testing::HasSubstr;

constexpr int long_enough_ms = 60'000;

TEST(child_trial, attempt_that_returns_has_passed_and_left_no_trace_here) {
  int changed = 0;
  const trial_result result = try_in_child([&] { changed = 1; }, long_enough_ms);
  EXPECT_EQ(result.outcome, trial_outcome::passed);
  EXPECT_EQ(changed, 0);
}

TEST(child_trial, attempt_that_throws_is_refused_in_its_own_words) {
  const trial_result result =
      try_in_child([] { throw std::runtime_error("seven is not eight"); }, long_enough_ms);
  EXPECT_EQ(result.outcome, trial_outcome::refused);
  EXPECT_EQ(result.text, "seven is not eight");
}

TEST(child_trial, attempt_that_throws_anything_else_is_refused_too) {
  const trial_result result = try_in_child([] { throw 7; }, long_enough_ms);
  EXPECT_EQ(result.outcome, trial_outcome::refused);
  EXPECT_EQ(result.text, "unknown failure");
}

TEST(child_trial, attempt_that_crashes_is_told_from_one_that_throws) {
  for (const int signal : {SIGSEGV, SIGABRT, SIGKILL}) {
    const trial_result result = try_in_child([&] { ::raise(signal); }, long_enough_ms);
    EXPECT_EQ(result.outcome, trial_outcome::crashed) << signal;
  }
  EXPECT_EQ(try_in_child([] { ::_exit(0); }, long_enough_ms).outcome, trial_outcome::crashed);
}

TEST(child_trial, what_the_attempt_prints_as_an_error_is_caught) {
  const trial_result result =
      try_in_child([] { std::fputs("a complaint\n", stderr); }, long_enough_ms);
  EXPECT_EQ(result.outcome, trial_outcome::passed);
  EXPECT_EQ(result.complaint, "a complaint\n");
}

TEST(child_trial, attempt_that_never_ends_is_ended) {
  const trial_result result = try_in_child(
      [] {
        while (true) ::pause();
      },
      50);
  EXPECT_EQ(result.outcome, trial_outcome::timed_out);
}

TEST(child_trial, attempt_that_prints_without_end_is_ended) {
  const trial_result result = try_in_child(
      [] {
        while (true) std::fputs("again and again\n", stderr);
      },
      long_enough_ms);
  EXPECT_EQ(result.outcome, trial_outcome::timed_out);
}

TEST(child_trial, host_that_ignores_its_children_gets_the_same_verdict) {
  const auto before = std::signal(SIGCHLD, SIG_IGN);
  const trial_result passed = try_in_child([] {}, long_enough_ms);
  const trial_result crashed = try_in_child([] { ::raise(SIGSEGV); }, long_enough_ms);
  std::signal(SIGCHLD, before);
  EXPECT_EQ(passed.outcome, trial_outcome::passed);
  EXPECT_EQ(crashed.outcome, trial_outcome::crashed);
}

}  // namespace
