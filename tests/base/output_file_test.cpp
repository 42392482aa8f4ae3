#include "base/output_file.hpp"

#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <string>
#include <thread>

#include <fcntl.h>
#include <gtest/gtest.h>
#include <sys/stat.h>
#include <unistd.h>

#include <narke/errors.hpp>

namespace narke::internal {
namespace {

namespace fs = std::filesystem;

class output_file_test : public ::testing::Test {
 protected:
  output_file_test() {
    std::string pattern = (fs::temp_directory_path() / "narke-output-XXXXXX").string();
    directory = ::mkdtemp(pattern.data());
  }
  ~output_file_test() override { fs::remove_all(directory); }

  [[nodiscard]] std::string path(const std::string& name) const {
    return (directory / name).string();
  }
  static std::string text_of(const std::string& file) {
    std::ifstream stream{file};
    return {std::istreambuf_iterator<char>{stream}, {}};
  }
  [[nodiscard]] std::ptrdiff_t files_there() const {
    return std::distance(fs::directory_iterator{directory}, fs::directory_iterator{});
  }

  fs::path directory;
};

TEST_F(output_file_test, the_text_is_there_after_commit_and_not_before) {
  output_file file{path("a")};
  file.write(std::string(100'000, 'x'));
  EXPECT_FALSE(fs::exists(path("a")));
  file.commit();
  EXPECT_EQ(text_of(path("a")), std::string(100'000, 'x'));
  EXPECT_EQ(files_there(), 1);
}

TEST_F(output_file_test, without_commit_nothing_is_left_and_the_file_before_stays) {
  write_file(path("a"), "before");
  {
    output_file file{path("a")};
    file.write(std::string(100'000, 'x'));
  }
  EXPECT_EQ(text_of(path("a")), "before");
  EXPECT_EQ(files_there(), 1);
}

TEST_F(output_file_test, a_new_file_has_the_permissions_that_the_umask_leaves) {
  const mode_t before = ::umask(027);
  write_file(path("a"), "text");
  ::umask(before);
  struct stat status {};
  ASSERT_EQ(::stat(path("a").c_str(), &status), 0);
  EXPECT_EQ(status.st_mode & 0777U, 0640U);
}

TEST_F(output_file_test, writing_through_a_link_keeps_the_link) {
  write_file(path("target"), "before");
  fs::create_symlink(path("target"), path("link"));
  write_file(path("link"), "after");
  EXPECT_TRUE(fs::is_symlink(path("link")));
  EXPECT_EQ(text_of(path("target")), "after");
}

TEST_F(output_file_test, the_longest_name_that_a_directory_takes_works) {
  write_file(path(std::string(255, 'n')), "text");
  EXPECT_EQ(text_of(path(std::string(255, 'n'))), "text");
  EXPECT_THROW(write_file(path(std::string(256, 'n')), "text"), error);
  EXPECT_EQ(files_there(), 1);
}

TEST_F(output_file_test, a_device_is_written_to_and_not_replaced) {
  write_file("/dev/null", "text");
  EXPECT_TRUE(fs::is_character_file("/dev/null"));
  EXPECT_THROW(write_file("/dev/full", "text"), error);
}

TEST_F(output_file_test, a_pipe_that_nobody_reads_is_an_error_and_no_signal) {
  ASSERT_EQ(::mkfifo(path("pipe").c_str(), 0600), 0);
  const int reader = ::open(path("pipe").c_str(), O_RDONLY | O_NONBLOCK);
  ASSERT_GE(reader, 0);
  output_file file{path("pipe")};
  ::close(reader);
  file.write("text");
  EXPECT_THROW(file.commit(), error);
}

TEST_F(output_file_test, directories_empty_names_and_names_with_a_nul_are_refused_by_name) {
  EXPECT_THROW(write_file(directory.string(), "text"), error);
  EXPECT_THROW(write_file("", "text"), error);
  EXPECT_THROW(write_file(path(std::string("a\0b", 3)), "text"), error);
  try {
    write_file(path("missing/a"), "text");
    FAIL() << "no error";
  } catch (const error& caught) {
    EXPECT_NE(std::string{caught.what()}.find("missing/a"), std::string::npos);
    EXPECT_NE(std::string{caught.what()}.find("No such file"), std::string::npos);
  }
  EXPECT_EQ(files_there(), 0);
}

TEST_F(output_file_test, two_writers_of_one_file_do_not_mix) {
  output_file first{path("a")};
  output_file second{path("a")};
  first.write("first");
  second.write("second");
  first.commit();
  second.commit();
  EXPECT_EQ(text_of(path("a")), "second");
  EXPECT_EQ(files_there(), 1);
}

}  // namespace
}  // namespace narke::internal
