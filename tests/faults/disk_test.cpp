// A full or broken disk under what the library writes: the error names the file, nothing half
// written is left, and what was there before stays.
#include <faults/disk_faults.hpp>
#include <stress/stress_fixture.hpp>
#include <support/scoped_environment.hpp>

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <string>

using narke_test::break_disk;
using narke_test::disk_call;
using narke_test::mend_disk;

namespace {

class disk : public narke_test::runtime_test {
 protected:
  void SetUp() override {
    runtime_test::SetUp();
    std::filesystem::create_directory(folder_);
    start(2);
    // Enough events for several writes of a trace.
    for (int i = 0; i != 3'000; ++i) narke::get(narke::task([](int x) { return x; }).remote(i));
    std::ofstream{file_} << "before";
  }
  void TearDown() override {
    mend_disk();
    runtime_test::TearDown();
    std::filesystem::remove_all(folder_);
  }

  std::string text() const {
    std::ifstream in{file_};
    return {std::istreambuf_iterator<char>{in}, {}};
  }
  long files() const {
    using entries = std::filesystem::directory_iterator;
    return std::distance(entries{folder_}, entries{});
  }
  /// `write()` fails with an error that names the file and the reason, and leaves what was there.
  template <class Write>
  void expect_error_and_nothing_left(int error, Write write) {
    try {
      write();
      ADD_FAILURE() << "it was written";
    } catch (const narke::error& caught) {
      mend_disk();
      const std::string what = caught.what();
      EXPECT_NE(what.find(file_), std::string::npos) << what;
      EXPECT_NE(what.find(std::strerror(error)), std::string::npos) << what;
      EXPECT_NE(what.find("make room"), std::string::npos) << what;
    }
    EXPECT_EQ(text(), "before");
    EXPECT_EQ(files(), 1) << "a part of it is left";
  }

  const std::filesystem::path folder_ =
      std::filesystem::temp_directory_path() / ("narke_disk_" + std::to_string(::getpid()));
  const std::string file_ = folder_ / "trace.json";
};

TEST_F(disk, that_is_full_or_broken_at_any_write_of_a_timeline_leaves_the_file_before) {
  break_disk(disk_call::write, ENOSPC, 1'000'000);
  narke::timeline(file_);
  const int writes = narke_test::disk_calls();
  ASSERT_GT(writes, 2) << "the trace is too small for the test";
  std::ofstream{file_} << "before";
  for (const int error : {ENOSPC, EIO, EDQUOT}) {
    for (int nth = 1; nth <= writes && nth <= 4; ++nth) {
      break_disk(disk_call::write, error, nth);
      expect_error_and_nothing_left(error, [&] { narke::timeline(file_); });
    }
  }
}

TEST_F(disk, that_cannot_rename_leaves_the_file_before) {
  break_disk(disk_call::rename, EDQUOT, 1);
  expect_error_and_nothing_left(EDQUOT, [&] { narke::timeline(file_); });
}

TEST_F(disk, that_takes_half_of_a_write_gets_the_other_half) {
  const auto open_braces = [](const std::string& all) {
    return std::count(all.begin(), all.end(), '{') - std::count(all.begin(), all.end(), '}');
  };
  for (int nth = 1; nth != 4; ++nth) {
    break_disk(disk_call::write, 0, nth);
    narke::timeline(file_);
    mend_disk();
    const std::string all = text();
    EXPECT_GT(all.size(), 100'000U);
    EXPECT_EQ(all.front(), '{');
    EXPECT_EQ(open_braces(all), 0);
    EXPECT_EQ(open_braces(all.substr(0, all.rfind('}'))), 1) << "its end is missing";
    EXPECT_EQ(files(), 1);
  }
}

TEST_F(disk, that_is_full_when_the_report_is_written_at_shutdown_ends_the_runtime_all_the_same) {
  narke::shutdown();
  const narke_test::scoped_environment report{"NARKE_REPORT", file_};
  start(1);
  break_disk(disk_call::write, ENOSPC, 1);
  testing::internal::CaptureStderr();
  narke::shutdown();
  mend_disk();
  const std::string said = testing::internal::GetCapturedStderr();
  EXPECT_FALSE(narke::is_initialized());
  EXPECT_EQ(text(), "before");
  EXPECT_EQ(files(), 1);
  EXPECT_NE(said.find(file_), std::string::npos) << said;
}

}  // namespace
