// What SECURITY.md says of a running program: its sockets, its files, and what its log shows.
#include <support/runtime_fixture.hpp>

#include <fcntl.h>
#include <sys/socket.h>
#include <sys/stat.h>

#include <algorithm>
#include <cstdlib>
#include <filesystem>
#include <string>
#include <vector>

namespace {

class security : public narke_test::two_cpus_test {};

int add_one(int x) { return x + 1; }

std::vector<int> open_files() {
  std::vector<int> files;
  for (const auto& entry : std::filesystem::directory_iterator{"/proc/self/fd"}) {
    files.push_back(std::atoi(entry.path().filename().c_str()));
  }
  // What the listing itself had open is closed again, and its number free.
  std::erase_if(files, [](int file) { return ::fcntl(file, F_GETFD) == -1; });
  return files;
}

bool is_socket(int file) {
  struct stat status {};
  return ::fstat(file, &status) == 0 && S_ISSOCK(status.st_mode);
}

TEST_F(security, sockets_are_unnamed_pairs_and_only_those_to_worker_processes) {
  const auto had = open_files();
  const auto is_new = [&](int file) {
    return std::find(had.begin(), had.end(), file) == had.end();
  };
  auto stream = narke::task([]() -> narke::generator<int> { co_yield 1; }).remote();
  EXPECT_EQ(narke::get(*stream.next()), 1);
  EXPECT_NE(narke::report({.tasks = true}), "");
  for (const int file : open_files()) EXPECT_FALSE(is_new(file) && is_socket(file)) << file;
  EXPECT_EQ(
      narke::get(narke::task(add_one, {.isolation = narke::isolation::process}).remote(1)), 2);
  int sockets = 0;
  for (const int file : open_files()) {
    if (!is_new(file) || !is_socket(file)) continue;
    ++sockets;
    for (const auto ask : {&::getsockname, &::getpeername}) {
      sockaddr_storage name{};
      socklen_t length = sizeof name;
      ASSERT_EQ(ask(file, reinterpret_cast<sockaddr*>(&name), &length), 0);
      EXPECT_EQ(name.ss_family, AF_UNIX);
      EXPECT_EQ(length, sizeof(sa_family_t)) << "it has a name";
    }
  }
  EXPECT_EQ(sockets, 1) << "one worker, one pair";
}

// What narke makes outside the files that it is asked for has no name, so that nobody else can
// open it.
TEST_F(security, what_is_shared_with_workers_has_no_name) {
  const auto size = [](const std::vector<double>& all) { return all.size(); };
  const std::vector<double> large(1 << 18, 1.0);
  auto there = narke::task(size, {.isolation = narke::isolation::process}).remote(large);
  EXPECT_EQ(narke::get(there), large.size());
  for (const int file : open_files()) {
    std::error_code gone;
    const auto target =
        std::filesystem::read_symlink("/proc/self/fd/" + std::to_string(file), gone).string();
    EXPECT_NE(target.rfind("/dev/shm/", 0), 0U) << target;
  }
}

TEST_F(security, the_log_shows_names_without_control_characters) {
  const std::string name = "a\x1b]0;title\x07\r\nforged: line\x7f\xc2\x9b" "2J";
  testing::internal::CaptureStderr();
  auto named = narke::task([](int x) { return x; }, {.name = name});
  // Reason for a word of the advisor's, which shutdown logs with the name in it.
  for (int i = 0; i != 20'000; ++i) narke::get(named.remote(i));
  narke::shutdown();
  const std::string said = testing::internal::GetCapturedStderr();
  ASSERT_NE(said.find("forged: line"), std::string::npos) << "the name is not in the log";
  EXPECT_NE(said.find("a?]0;title???forged: line??2J"), std::string::npos) << said;
  const auto is_control = [](char c) { return (c >= 0 && c < 0x20 && c != '\n') || c == 0x7f; };
  EXPECT_TRUE(std::none_of(said.begin(), said.end(), is_control)) << said;
  EXPECT_EQ(said.find("\nforged"), std::string::npos) << "a line of its own";
}

}  // namespace
