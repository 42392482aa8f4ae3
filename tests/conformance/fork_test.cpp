// Children of fork: each call throws fork_error, nothing waits, and the child ends.
#include <support/runtime_fixture.hpp>
#include <support/sanitizers.hpp>
#include <support/values.hpp>

#include <sys/wait.h>
#include <unistd.h>

#include <chrono>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <functional>
#include <iterator>
#include <optional>
#include <string>
#include <utility>
#include <vector>

using namespace std::chrono_literals;
using narke_test::gate;
using narke_test::has_address_sanitizer;
using narke_test::tally;

namespace {

bool is_child = false;

}  // namespace

// What the threads of the parent had on their stacks is no leak of the child's.
extern "C" [[gnu::visibility("default")]] int __lsan_is_turned_off();
extern "C" int __lsan_is_turned_off() { return is_child ? 1 : 0; }

namespace {

/// Whether all other threads of this process sleep, as the kernel has it.
bool others_sleep() {
  for (const auto& entry : std::filesystem::directory_iterator{"/proc/self/task"}) {
    std::ifstream file{entry.path() / "stat"};
    const std::string text{std::istreambuf_iterator<char>{file}, {}};
    const auto name_end = text.rfind(')');
    const bool is_this = entry.path().filename() == std::to_string(gettid());
    if (!is_this && name_end != std::string::npos && text.at(name_end + 2) != 'S') return false;
  }
  return true;
}

/// AddressSanitizer's allocator, unlike that of the C library, does not mind forks: a thread that
/// has one of its locks at this moment leaves it locked in the child, which then hangs as soon as
/// it needs memory (seen in SizeClassAllocator64::GetFromAllocator, below exit). So no thread is to
/// be in it.
void wait_for_a_quiet_moment() {
  if (has_address_sanitizer) {
    narke_test::eventually([] { return others_sleep() && others_sleep(); });
  }
}

/// Runs `body` in a child and returns how that ended: its exit code, or minus the signal.
int in_child(const std::function<int()>& body, bool by_exit = false) {
  wait_for_a_quiet_moment();
  const pid_t child = fork();
  if (child == 0) {
    is_child = true;
    alarm(60);  // a child that hangs is a failure, not a hang
    const int code = body();
    if (by_exit) {
      std::exit(code);
    }
    _exit(code);
  }
  int status = 0;
  EXPECT_EQ(waitpid(child, &status, 0), child);
  return WIFEXITED(status) ? WEXITSTATUS(status) : -WTERMSIG(status);
}

/// How many of the calls do not throw fork_error; each is named on stderr.
struct refused_calls {
  template <class Call>
  void expect(const char* name, Call&& call) {
    try {
      call();
      std::fprintf(stderr, "%s threw nothing\n", name);
    } catch (const narke::fork_error& caught) {
      if (std::string{caught.what()}.find("fork") != std::string::npos) return;
      std::fprintf(stderr, "%s: %s\n", name, caught.what());
    } catch (const std::exception& other) {
      std::fprintf(stderr, "%s threw %s\n", name, other.what());
    }
    ++wrong;
  }
  int wrong = 0;
};

struct plain {
  int call() { return 1; }
};

narke::generator<int> two_numbers() {
  co_yield 1;
  co_yield 2;
}

class forking : public narke_test::two_cpus_test {};

TEST_F(forking, refuses_every_call_in_the_child_and_the_parent_goes_on) {
  gate hold;
  auto ready = narke::put(1);
  auto pending = narke::task([wait = hold.waiter()] {
    wait();
    return 2;
  }).remote();
  auto actor = narke::actor<plain>({.name = "named"}).remote();
  EXPECT_EQ(narke::get(actor.task(&plain::call).remote()), 1);
  auto stream = narke::task(two_numbers).remote();
  EXPECT_EQ(narke::get(*stream.next()), 1);
  const int wrong = in_child([&] {
    refused_calls calls;
    calls.expect("init", [] { narke::init(); });
    calls.expect("shutdown", [] { narke::shutdown(); });
    calls.expect("shutdown(1s)", [] { narke::shutdown(1s); });
    calls.expect("task", [] { narke::task([] {}).remote(); });
    calls.expect("put", [] { narke::put(1); });
    calls.expect("get of a ready ref", [&] { narke::get(ready); });
    calls.expect("get", [&] { narke::get(pending); });
    calls.expect("get of a list", [&] { narke::get(std::vector{pending, ready}); });
    calls.expect("timed get", [&] { narke::get(pending, 1ms); });
    calls.expect("wait", [&] { narke::wait(std::vector{pending}); });
    calls.expect("as_completed", [&] { narke::as_completed(std::vector{pending}); });
    calls.expect("cancel", [&] { narke::cancel(pending); });
    calls.expect("actor", [] { narke::actor<plain>().remote(); });
    calls.expect("call", [&] { actor.task(&plain::call).remote(); });
    calls.expect("get_actor", [] { narke::get_actor<plain>("named"); });
    calls.expect("kill", [&] { narke::kill(actor); });
    calls.expect("next", [&] { stream.next(); });
    calls.expect("next_ready", [&] { static_cast<void>(stream.next_ready()); });
    calls.expect("nodes", [] { narke::nodes(); });
    calls.expect("gpus", [] { narke::gpus(); });
    calls.expect("get_gpu_ids", [] { narke::get_gpu_ids(); });
    calls.expect("cluster_resources", [] { narke::cluster_resources(); });
    calls.expect("available_resources", [] { narke::available_resources(); });
    calls.expect("report", [] { narke::report(); });
    calls.expect("timeline", [] { narke::timeline("never-written.json"); });
    calls.expect("stop_token", [] { narke::stop_token(); });
    if (narke::is_initialized()) ++calls.wrong;
    // Letting go waits for nobody.
    actor = {};
    ready = {};
    pending = {};
    stream = {};
    return calls.wrong;
  });
  EXPECT_EQ(wrong, 0);
  hold.open();
  EXPECT_EQ(narke::get(pending), 2);
  EXPECT_EQ(narke::get(actor.task(&plain::call).remote()), 1);
  EXPECT_EQ(narke::get(*stream.next()), 2);
}

TEST_F(forking, lets_the_child_exit_with_its_static_objects) {
  static narke::object_ref<std::string> kept;
  static narke::actor_handle<plain> actor;
  kept = narke::put(std::string(1'000, 'x'));
  actor = narke::actor<plain>().remote();
  narke::get(actor.task(&plain::call).remote());
  EXPECT_EQ(in_child([] { return 7; }, true), 7);
  kept = {};
  actor = {};
}

TEST_F(forking, ends_a_session_in_the_child_quietly) {
  narke::shutdown();
  auto* session = new narke::session{{.num_cpus = 1}};
  EXPECT_EQ(in_child([&] {
              delete session;
              return 3;
            }),
            3);
  delete session;
}

// A promise that is broken in the child is published there: to threads that only the parent has,
// and that may have had their locks as it forked.
TEST_F(forking, lets_the_child_break_promises_that_threads_of_the_parent_wait_for) {
  if (has_address_sanitizer) GTEST_SKIP() << "its allocator would: see wait_for_a_quiet_moment";
  std::optional<narke::promise<int>> promise{std::in_place};
  const auto ref = promise->ref();
  const std::vector both{narke::put(1), ref};
  const tally rounds;
  std::atomic<bool> done{false};
  std::vector<std::jthread> threads;
  for (int t = 0; t != 3; ++t) {
    threads.emplace_back([&] {
      while (!done) {
        EXPECT_THROW(narke::get(ref, 20us), narke::get_timeout_error);
        EXPECT_THROW(narke::get(both, 20us), narke::get_timeout_error);
        rounds.add();
      }
    });
  }
  rounds.wait_for(3);
  for (int i = 0; i != 60; ++i) {
    EXPECT_EQ(in_child([&] {
                promise.reset();
                return 4;
              }),
              4);
  }
  done = true;
  threads.clear();
  promise->set_value(5);
  EXPECT_EQ(narke::get(ref), 5);
}

TEST_F(forking, while_every_thread_is_busy_hangs_nobody) {
  if (has_address_sanitizer) GTEST_SKIP() << "its allocator would: see wait_for_a_quiet_moment";
  const tally rounds;
  auto actor = narke::actor<plain>().remote();
  std::atomic<bool> done{false};
  std::vector<std::jthread> threads;
  for (int t = 0; t != 2; ++t) {
    threads.emplace_back([&] {
      while (!done) {
        narke::get(actor.task(&plain::call).remote());
        narke::get(narke::task([](int x) { return x; }, {.num_cpus = 0.5}).remote(1));
        rounds.add();
      }
    });
  }
  rounds.wait_for(1);
  for (int i = 0; i != 20; ++i) {
    EXPECT_EQ(in_child([&] {
                refused_calls calls;
                calls.expect("task", [] { narke::task([] {}).remote(); });
                calls.expect("call", [&] { actor.task(&plain::call).remote(); });
                const auto copy = actor;
                return calls.wrong;
              }),
              0);
  }
  done = true;
}

TEST_F(forking, inside_a_task_the_child_may_end_by_itself) {
  const auto forks = [] {
    return in_child([] {
      refused_calls calls;
      calls.expect("put", [] { narke::put(1); });
      return calls.wrong;
    });
  };
  EXPECT_EQ(narke::get(narke::task(forks).remote()), 0);
}

TEST_F(forking, inside_a_task_that_returns_in_the_child_ends_the_child) {
  const auto forks = []() -> int {
    wait_for_a_quiet_moment();
    const pid_t child = fork();
    if (child == 0) {
      is_child = true;
      alarm(60);
      return -1;
    }
    int status = 0;
    waitpid(child, &status, 0);
    return WIFEXITED(status) ? WEXITSTATUS(status) : 1'000 + WTERMSIG(status);
  };
  auto forked = narke::task(forks).remote();
  narke::wait(std::vector{forked});
  EXPECT_EQ(narke::get(forked), EXIT_FAILURE);
}

TEST_F(forking, while_no_runtime_is_there_leaves_the_child_free) {
  narke::shutdown();
  EXPECT_EQ(in_child([] {
              try {
                narke::put(1);
              } catch (const narke::fork_error&) {
                return 1;
              } catch (const narke::error&) {
                return 0;  // it was shut down, and may be started again
              }
              return 2;
            }),
            0);
}

}  // namespace
