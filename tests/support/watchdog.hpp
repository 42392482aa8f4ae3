// Turns a hang into a failure: prints which test hung and aborts after 60 s, 180 s with a sanitizer
// (NARKE_TEST_WATCHDOG_S says otherwise). Including this header installs it in the test program;
// the alarm belongs to the process, no thread is needed.
#pragma once

#include <gtest/gtest.h>

#include <csignal>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <unistd.h>

namespace narke_test {

/// Arms an alarm as each test starts and disarms it as the test ends.
class watchdog : public testing::EmptyTestEventListener {
 public:
  static bool install() {
    testing::UnitTest::GetInstance()->listeners().Append(new watchdog);
    return true;
  }

 private:
  void OnTestStart(const testing::TestInfo& info) override {
    std::snprintf(name_, sizeof name_, "\nwatchdog: %s.%s hung\n", info.test_suite_name(),
                  info.name());
    std::signal(SIGALRM, &watchdog::bark);
    alarm(limit_s());
  }

  void OnTestEnd(const testing::TestInfo&) override { alarm(0); }

  static unsigned limit_s() {
    const char* text = std::getenv("NARKE_TEST_WATCHDOG_S");
#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
    constexpr unsigned usual_s = 180;
#else
    constexpr unsigned usual_s = 60;
#endif
    return text ? static_cast<unsigned>(std::atoi(text)) : usual_s;
  }

  // Runs as a signal handler: write and abort only.
  static void bark(int) {
    [[maybe_unused]] const auto written = ::write(STDERR_FILENO, name_, std::strlen(name_));
    std::abort();
  }

  static inline char name_[512] = {};
};

inline const bool watchdog_installed = watchdog::install();

}  // namespace narke_test
