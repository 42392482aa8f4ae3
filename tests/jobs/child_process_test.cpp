#include "jobs/child_process.hpp"

#include <array>
#include <cerrno>
#include <csignal>
#include <string>
#include <vector>

#include <fcntl.h>
#include <sys/wait.h>
#include <unistd.h>

#include <fmt/format.h>
#include <gtest/gtest.h>

#include "jobs/process_tree.hpp"

namespace narke::internal {
namespace {

// A child whose output can be read.
class child {
 public:
  explicit child(std::vector<std::string> arguments, std::vector<std::string> environment = {}) {
    EXPECT_EQ(::pipe2(ends_.data(), O_CLOEXEC), 0);
    const int nothing = ::open("/dev/null", O_RDWR | O_CLOEXEC);
    child_request request{.arguments = std::move(arguments),
                          .environment = std::move(environment),
                          .input = nothing,
                          .output = ends_[1],
                          .errors = nothing};
    sigemptyset(&request.signal_mask);
    start = start_child(request);
    ::close(ends_[1]);
    ::close(nothing);
  }
  ~child() { ::close(ends_[0]); }
  child(const child&) = delete;
  child& operator=(const child&) = delete;

  std::string output() {
    std::string text;
    std::array<char, 256> buffer{};
    ssize_t bytes = 0;
    while ((bytes = ::read(ends_[0], buffer.data(), buffer.size())) > 0) {
      text.append(buffer.data(), static_cast<std::size_t>(bytes));
    }
    return text;
  }
  int wait() const {
    int status = 0;
    EXPECT_EQ(::waitpid(start.pid, &status, 0), start.pid);
    return status;
  }

  child_start start;

 private:
  std::array<int, 2> ends_{-1, -1};
};

TEST(child_process, has_its_arguments_environment_and_streams) {
  child shell{{"/bin/sh", "-c", "echo \"$1 $X\"; exit 7", "sh", "an argument"}, {"X=a value"}};
  EXPECT_EQ(shell.output(), "an argument a value\n");
  const int status = shell.wait();
  EXPECT_TRUE(WIFEXITED(status));
  EXPECT_EQ(WEXITSTATUS(status), 7);
}

TEST(child_process, is_looked_for_in_the_path) {
  child program{{"true"}};
  EXPECT_EQ(program.start.error_number, 0);
  EXPECT_EQ(program.wait(), 0);
}

TEST(child_process, that_is_not_there_is_an_error_number_and_no_child) {
  EXPECT_EQ(child{{"/no/such/program"}}.start.error_number, ENOENT);
  EXPECT_EQ(child{{"/dev/null"}}.start.error_number, EACCES);
  const std::string large(200'000, 'x');
  EXPECT_EQ((child{{"/bin/true", large}}.start.error_number), E2BIG);
  EXPECT_EQ(::waitpid(-1, nullptr, WNOHANG), -1);
  EXPECT_EQ(errno, ECHILD);
}

TEST(child_process, leads_a_group_of_its_own) {
  child shell{{"/bin/sh", "-c", "ps -o pgid= -p $$ 2>/dev/null || cut -d' ' -f5 /proc/$$/stat"},
              {"PATH=/usr/bin:/bin"}};
  EXPECT_EQ(std::stoi(shell.output()), shell.start.pid);
  EXPECT_EQ(shell.wait(), 0);
}

TEST(child_process, has_no_signal_ignored_or_held_back_and_no_open_file) {
  struct sigaction ignore {};
  ignore.sa_handler = SIG_IGN;
  struct sigaction before {};
  ::sigaction(SIGPIPE, &ignore, &before);
  sigset_t blocked;
  sigset_t mask;
  sigemptyset(&blocked);
  sigaddset(&blocked, SIGCHLD);
  sigaddset(&blocked, SIGTERM);
  ::sigprocmask(SIG_BLOCK, &blocked, &mask);
  const int open_here = ::open("/dev/null", O_RDONLY | O_CLOEXEC);
  child shell{
      {"/bin/sh", "-c", "grep -E '^Sig(Blk|Ign)' /proc/self/status; ls /proc/self/fd | wc -l"},
      {"PATH=/usr/bin:/bin"}};
  ::close(open_here);
  ::sigprocmask(SIG_SETMASK, &mask, nullptr);
  ::sigaction(SIGPIPE, &before, nullptr);
  const std::string output = shell.output();
  EXPECT_NE(output.find("SigBlk:\t0000000000000000"), std::string::npos) << output;
  EXPECT_NE(output.find("SigIgn:\t0000000000000000"), std::string::npos) << output;
  EXPECT_EQ(shell.wait(), 0);
}

TEST(child_process, dies_with_the_thread_that_started_it) {
  // The middle process starts a child and is killed; the child's end of the pipe then closes.
  std::array<int, 2> ends{-1, -1};
  ASSERT_EQ(::pipe2(ends.data(), O_CLOEXEC), 0);
  const pid_t middle = ::fork();
  if (middle == 0) {
    child_request request{.arguments = {"/bin/sh", "-c", "echo started; exec sleep 1000"},
                          .environment = {"PATH=/usr/bin:/bin"},
                          .input = ::open("/dev/null", O_RDONLY | O_CLOEXEC),
                          .output = ends[1],
                          .errors = ends[1]};
    sigemptyset(&request.signal_mask);
    (void)start_child(request);
    while (true) ::pause();
  }
  ::close(ends[1]);
  std::array<char, 16> buffer{};
  EXPECT_EQ(::read(ends[0], buffer.data(), buffer.size()), 8);
  ASSERT_EQ(::kill(middle, SIGKILL), 0);
  EXPECT_EQ(::waitpid(middle, nullptr, 0), middle);
  EXPECT_EQ(::read(ends[0], buffer.data(), buffer.size()), 0) << "nobody holds the other end";
  ::close(ends[0]);
}

TEST(process_tree, finds_and_kills_what_others_left_behind) {
  const pid_t tester = ::fork();
  if (tester == 0) {
    adopt_orphans();
    // Leaves a process in a session of its own and ends; the process is then ours.
    child leaver{{"/bin/sh", "-c", "setsid sleep 1000 & echo $!"},
                 {"PATH=/usr/bin:/bin", "MARK=a", "OTHER=b"}};
    leaver.wait();
    const auto children = children_of_this_process();
    bool good = children.size() == 1 && was_started_with(children[0], {"MARK=a", "OTHER=b"}) &&
                !was_started_with(children[0], {"MARK=a", "OTHER=c"}) &&
                !was_started_with(children[0], {"ARK=a"});
    kill_all_descendants();
    good = good && ::waitpid(-1, nullptr, WNOHANG) == -1 && errno == ECHILD;
    ::_exit(good ? 0 : 1);
  }
  int status = -1;
  ASSERT_EQ(::waitpid(tester, &status, 0), tester);
  EXPECT_EQ(status, 0);
}

TEST(process_tree, spares_what_it_is_told_to) {
  child spared{{"sleep", "1000"}};
  kill_all_descendants({spared.start.pid});
  EXPECT_EQ(::kill(spared.start.pid, 0), 0);
  ::kill(spared.start.pid, SIGKILL);
  EXPECT_TRUE(WIFSIGNALED(spared.wait()));
}

}  // namespace
}  // namespace narke::internal
