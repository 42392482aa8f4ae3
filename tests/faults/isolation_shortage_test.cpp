// Tasks with isolation::process where the system refuses what their processes need, and where those
// say what they should not: the task is told, and the next one runs.
#include <support/fresh_process.hpp>
#include <support/runtime_fixture.hpp>
#include <support/sanitizers.hpp>
#include <support/values.hpp>
#include <support/worker_processes.hpp>

#include <gmock/gmock.h>

#include <sys/resource.h>
#include <unistd.h>

#include <csignal>
#include <cstdlib>
#include <set>
#include <string>
#include <vector>

namespace {

using narke_test::children;
using narke_test::eventually;
using narke_test::in_fresh_process;
using narke_test::message_of;
using narke_test::own_process;
using testing::HasSubstr;

const narke::task_options isolated{.name = "apart", .isolation = narke::isolation::process};

/// Sets one of this process's limits for a scope.
class scoped_limit {
 public:
  scoped_limit(__rlimit_resource what, rlim_t most) : what_{what} {
    EXPECT_EQ(::getrlimit(what_, &before_), 0);
    const rlimit now{most, before_.rlim_max};
    EXPECT_EQ(::setrlimit(what_, &now), 0);
  }
  scoped_limit(const scoped_limit&) = delete;
  scoped_limit& operator=(const scoped_limit&) = delete;
  ~scoped_limit() { EXPECT_EQ(::setrlimit(what_, &before_), 0); }

 private:
  __rlimit_resource what_;
  rlimit before_{};
};

int first_free_descriptor() {
  const int file = ::dup(STDERR_FILENO);
  ::close(file);
  return file;
}

// One descriptor more each time, until there are enough: every step of a start fails once.
TEST(isolation_shortage, of_descriptors_is_told_at_every_step_and_leaves_none_open) {
  if (narke_test::needs_descriptors) GTEST_SKIP() << "the sanitizer needs a free descriptor";
  in_fresh_process([] {
    narke::init({.num_cpus = 1});
    auto ask = narke::task(own_process, isolated);
    const int first = first_free_descriptor();
    std::set<std::string> told;
    bool is_started = false;
    for (int more = 0; more != 20 && !is_started; ++more) {
      try {
        const scoped_limit few{RLIMIT_NOFILE, static_cast<rlim_t>(first + more)};
        narke::get(ask.remote());
        is_started = true;
      } catch (const narke::error& refused) {
        told.insert(refused.what());
        EXPECT_THAT(refused.what(), HasSubstr("isolation::process"));
        EXPECT_TRUE(children().empty());
      }
    }
    EXPECT_TRUE(is_started);
    EXPECT_THAT(told, testing::Contains(HasSubstr("no thread to keep worker processes")));
    EXPECT_THAT(told, testing::Contains(HasSubstr("no pair of sockets")));
    EXPECT_THAT(told, testing::Contains(HasSubstr("no more descriptors")));
    EXPECT_THAT(told, testing::Contains(HasSubstr("There is no worker process to be had")));
    EXPECT_NE(narke::get(ask.remote()), 0);
    narke::shutdown();
    EXPECT_EQ(first_free_descriptor(), first);
  });
}

TEST(isolation_shortage, of_shared_memory_is_told_to_the_task) {
  in_fresh_process([] {
    ::signal(SIGXFSZ, SIG_IGN);
    narke::init({.num_cpus = 1});
    auto size_of = narke::task([](const std::vector<char>& all) { return all.size(); }, isolated);
    {
      const scoped_limit tiny{RLIMIT_FSIZE, 8};
      EXPECT_THAT(
          message_of<narke::error>([&] { narke::get(size_of.remote(std::vector<char>(1))); }),
          HasSubstr("no shared memory"));
    }
    EXPECT_EQ(narke::get(size_of.remote(std::vector<char>(1))), 1U);
    const std::vector<char> large(std::size_t{4} << 20, 'x');
    {
      const scoped_limit small{RLIMIT_FSIZE, 4096};
      EXPECT_THAT(message_of<std::system_error>([&] { narke::get(size_of.remote(large)); }),
                  HasSubstr("no room for an argument or result in shared memory"));
    }
    EXPECT_EQ(narke::get(size_of.remote(large)), large.size());
    narke::shutdown();
  });
}

class isolation_answers : public narke_test::runtime_test {
 protected:
  void SetUp() override {
    runtime_test::SetUp();
    start(1);
  }
  /// What comes of a worker that sends `bytes` in place of its answer, and is gone.
  template <typename Error>
  static std::string after_sending(const std::string& bytes) {
    auto babble = narke::task(
        [](const std::string& what) -> int {
          constexpr int socket_to_parent = 3;
          if (::write(socket_to_parent, what.data(), what.size()) < 0) std::abort();
          ::_exit(0);
        },
        isolated);
    const std::string told = message_of<Error>([&] { narke::get(babble.remote(bytes)); });
    EXPECT_NE(narke::get(narke::task(own_process, isolated).remote()), 0) << "the next one runs";
    return told;
  }
  /// A message by hand: its head, and what follows.
  static std::string message(std::uint32_t kind, const std::string& body) {
    struct {
      std::uint32_t mark = 0x316b726e;
      std::uint32_t kind = 0;
      std::uint64_t body_bytes = 0;
      std::uint64_t descriptors = 0;
    } head;
    head.kind = kind;
    head.body_bytes = body.size();
    return std::string{reinterpret_cast<const char*>(&head), sizeof head} + body;
  }
  /// A text as a message has it.
  static std::string text_block(const std::string& text) {
    const std::uint64_t head[2] = {text.size(), 0};
    return std::string{reinterpret_cast<const char*>(head), sizeof head} + text;
  }
};

TEST_F(isolation_answers, that_are_none_are_told_as_a_crash) {
  using crashed = narke::worker_crashed_error;
  EXPECT_THAT(after_sending<crashed>("this is what somebody printed into a wrong descriptor"),
              HasSubstr("sent what cannot be read: it does not begin as one"));
  EXPECT_THAT(after_sending<crashed>(message(1, "")), HasSubstr("it is no answer to a call"));
  EXPECT_THAT(after_sending<crashed>(message(4, std::string(7, 'x'))),
              HasSubstr("the result has more bytes than its type"));
  EXPECT_THAT(after_sending<crashed>(message(5, text_block("no") + "way")),
              HasSubstr("3 bytes are left of it"));
  EXPECT_THAT(after_sending<crashed>(message(4, "xx")), HasSubstr("it ends after 2 bytes"));
}

TEST_F(isolation_answers, of_a_call_that_could_not_be_made_say_why) {
  const std::string why = "the function is not in this program";
  EXPECT_THAT(after_sending<narke::error>(message(5, text_block(why))),
              HasSubstr("'apart': isolation::process: " + why));
}

TEST_F(isolation_answers, that_were_cut_are_told_as_a_crash) {
  EXPECT_THAT(after_sending<narke::worker_crashed_error>(message(4, "1234").substr(0, 26)),
              HasSubstr("exit code 0"));
}

TEST(isolation_idle, a_worker_that_dies_idle_is_reaped_and_named_in_the_log) {
  GTEST_FLAG_SET(death_test_style, "threadsafe");
  const auto body = [] {
    narke::init({.num_cpus = 1});
    const int worker = narke::get(narke::task(own_process, isolated).remote());
    ::kill(worker, SIGUSR1);
    const bool is_reaped = eventually([] { return children().empty(); });
    narke::shutdown();
    std::exit(is_reaped ? 0 : 1);
  };
  EXPECT_EXIT(body(), testing::ExitedWithCode(0), "the idle worker process .* ended by .*SIGUSR1");
}

TEST(isolation_idle, a_worker_that_keeps_much_memory_is_not_used_for_ever) {
  in_fresh_process([] {
    narke::init({.num_cpus = 1});
    auto keep = narke::task(
        [](std::size_t bytes) {
          static std::vector<char> kept;
          kept.resize(bytes, 'x');
          return own_process();
        },
        isolated);
    std::set<int> lean;
    std::set<int> fat;
    for (int i = 0; i != 40; ++i) lean.insert(narke::get(keep.remote(std::size_t{1} << 10)));
    for (int i = 0; i != 40; ++i) fat.insert(narke::get(keep.remote(std::size_t{100} << 20)));
    EXPECT_EQ(lean.size(), 1U);
    EXPECT_GE(fat.size(), 3U);
    narke::shutdown();
  });
}

}  // namespace
