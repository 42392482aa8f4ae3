// Runs a test's body in a process that has never had a runtime: the test program starts itself
// again for it. The body's EXPECTs count, and so does its way out: an exit code other than 0 or a
// signal is a failure.
#pragma once

#include <gtest/gtest.h>

#include <cstdlib>

namespace narke_test {

template <typename Body>
void in_fresh_process(Body&& body) {
  GTEST_FLAG_SET(death_test_style, "threadsafe");
  EXPECT_EXIT(
      {
        body();
        std::exit(testing::Test::HasFailure() ? 1 : 0);
      },
      testing::ExitedWithCode(0), "");
}

}  // namespace narke_test
