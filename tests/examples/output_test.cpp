#include "demo/output.hpp"

#include <csignal>
#include <filesystem>
#include <string>

#include <sys/resource.h>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "temporary_folder.hpp"

namespace {

using ::testing::AllOf;
using ::testing::HasSubstr;

/// Files of this process can grow to so many bytes and no further, as on a disk that is full.
class file_size_limit {
 public:
  explicit file_size_limit(rlim_t bytes) : handler_{std::signal(SIGXFSZ, SIG_IGN)} {
    ::getrlimit(RLIMIT_FSIZE, &before_);
    const rlimit limit{bytes, before_.rlim_max};
    ::setrlimit(RLIMIT_FSIZE, &limit);
  }
  ~file_size_limit() {
    ::setrlimit(RLIMIT_FSIZE, &before_);
    std::signal(SIGXFSZ, handler_);
  }

 private:
  rlimit before_{};
  void (*handler_)(int);
};

template <typename F>
std::string why_failed(F&& work) {
  try {
    work();
  } catch (const demo::output_error& error) {
    return error.what();
  }
  return "it did not fail";
}

TEST(output, file_holds_the_bytes_and_nothing_else_is_left) {
  const temporary_folder folder;
  demo::write_file(folder.path() / "a.txt", std::string(100'000, 'x'));
  EXPECT_EQ(read_text(folder.path() / "a.txt"), std::string(100'000, 'x'));
  EXPECT_EQ(count_files(folder.path()), 1U);
}

TEST(output, file_that_was_there_is_replaced) {
  const temporary_folder folder;
  folder.add("a.txt", "before");
  demo::write_file(folder.path() / "a.txt", "after");
  EXPECT_EQ(read_text(folder.path() / "a.txt"), "after");
}

TEST(output, full_disk_names_the_file_and_keeps_what_was_there) {
  const temporary_folder folder;
  folder.add("a.txt", "before");
  const file_size_limit limit{1'000};
  EXPECT_THAT(
      why_failed([&] { demo::write_file(folder.path() / "a.txt", std::string(5'000, 'x')); }),
      AllOf(HasSubstr((folder.path() / "a.txt").string()), HasSubstr("too large")));
  EXPECT_EQ(read_text(folder.path() / "a.txt"), "before");
  EXPECT_EQ(count_files(folder.path()), 1U);
}

TEST(output, producer_that_fails_leaves_nothing) {
  const temporary_folder folder;
  EXPECT_THAT(why_failed([&] {
                demo::write_file(folder.path() / "a.txt", [](const std::filesystem::path& partial) {
                  std::ofstream{partial} << "half of it";
                  throw std::runtime_error{"no more events"};
                });
              }),
              AllOf(HasSubstr("a.txt"), HasSubstr("no more events")));
  EXPECT_EQ(count_files(folder.path()), 0U);
}

TEST(output, missing_folder_is_named) {
  EXPECT_THAT(
      why_failed([] { demo::write_file(std::filesystem::path{"/nowhere/at/all/a.txt"}, "x"); }),
      AllOf(HasSubstr("/nowhere/at/all/a.txt"), HasSubstr("No such file")));
}

TEST(output, folder_in_the_place_of_the_file_is_refused) {
  const temporary_folder folder;
  std::filesystem::create_directory(folder.path() / "a.txt");
  EXPECT_THAT(why_failed([&] { demo::write_file(folder.path() / "a.txt", "x"); }),
              HasSubstr("a.txt"));
  EXPECT_EQ(count_files(folder.path()), 1U);
}

TEST(output, preparing_makes_the_folder_and_leaves_it_empty) {
  const temporary_folder folder;
  demo::prepare_folder(folder.path() / "b" / "c");
  EXPECT_EQ(count_files(folder.path() / "b" / "c"), 0U);
  demo::prepare_folder(folder.path() / "b" / "c");
}

TEST(output, preparing_names_what_stands_in_the_way) {
  const temporary_folder folder;
  folder.add("a", "a file");
  EXPECT_THAT(why_failed([&] { demo::prepare_folder(folder.path() / "a"); }), HasSubstr("/a'"));
  EXPECT_THAT(why_failed([&] { demo::prepare_folder(folder.path() / "a" / "b"); }),
              HasSubstr("/a/b'"));
}

TEST(output, preparing_finds_out_that_the_disk_is_full) {
  const temporary_folder folder;
  const file_size_limit limit{0};
  EXPECT_THAT(why_failed([&] { demo::prepare_folder(folder.path()); }),
              HasSubstr(folder.path().string()));
  EXPECT_EQ(count_files(folder.path()), 0U);
}

}  // namespace
