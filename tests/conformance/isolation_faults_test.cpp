// What happens to tasks with isolation::process, and to their processes, when things go wrong.
#include <narke/narke.hpp>

#include <support/gate.hpp>
#include <support/runtime_fixture.hpp>
#include <support/scoped_environment.hpp>
#include <support/worker_processes.hpp>
#include <support/stress_rounds.hpp>
#include <support/values.hpp>

#include <fcntl.h>
#include <sys/wait.h>
#include <unistd.h>

#include <atomic>
#include <csignal>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <random>
#include <thread>

namespace {

using narke_test::children;
using narke_test::eventually;
using narke_test::is_running;
using narke_test::message_of;
using narke_test::own_process;
using narke_test::shared_counts;

const narke::task_options isolated{.name = "apart", .isolation = narke::isolation::process};

class isolation_faults : public narke_test::two_cpus_test {
 protected:
  void TearDown() override {
    two_cpus_test::TearDown();
    EXPECT_TRUE(children().empty()) << "a worker outlives shutdown";
    EXPECT_EQ(::waitpid(-1, nullptr, WNOHANG), -1) << "a worker was not reaped";
  }
};

TEST_F(isolation_faults, a_signal_is_worker_crashed_error_and_names_it) {
  auto die = narke::task([](int signal) { ::kill(::getpid(), signal); }, isolated);
  const std::string killed =
      message_of<narke::worker_crashed_error>([&] { narke::get(die.remote(SIGKILL)); });
  EXPECT_NE(killed.find("SIGKILL"), std::string::npos) << killed;
  EXPECT_NE(killed.find("'apart'"), std::string::npos) << killed;
  EXPECT_NE(killed.find("attempt 0"), std::string::npos) << killed;
  EXPECT_NE(message_of<narke::worker_crashed_error>([&] {
              narke::get(die.remote(SIGUSR1));
            }).find("SIGUSR1"),
            std::string::npos);
}

TEST_F(isolation_faults, a_wild_pointer_and_an_abort_end_only_the_worker) {
  auto wild = narke::task([](std::uintptr_t address) { return *reinterpret_cast<int*>(address); },
                          isolated);
  EXPECT_THROW(narke::get(wild.remote(std::uintptr_t{16})), narke::worker_crashed_error);
  auto give_up = narke::task([] { std::abort(); }, isolated);
  EXPECT_NE(message_of<narke::worker_crashed_error>([&] {
              narke::get(give_up.remote());
            }).find("SIGABRT"),
            std::string::npos);
  auto terminate = narke::task([] { std::terminate(); }, isolated);
  EXPECT_THROW(narke::get(terminate.remote()), narke::worker_crashed_error);
  EXPECT_NE(narke::get(narke::task(own_process, isolated).remote()), 0);
}

TEST_F(isolation_faults, an_exit_is_worker_crashed_error_with_its_code) {
  auto quit = narke::task([](int code) { ::_exit(code); }, isolated);
  EXPECT_NE(message_of<narke::worker_crashed_error>([&] {
              narke::get(quit.remote(3));
            }).find("exit code 3"),
            std::string::npos);
  EXPECT_THROW(narke::get(quit.remote(0)), narke::worker_crashed_error);
}

TEST_F(isolation_faults, what_depends_on_a_crashed_task_fails_with_it) {
  auto die = narke::task([]() -> int { ::_exit(1); }, isolated);
  auto next = narke::task([](int x) { return x; });
  EXPECT_THROW(narke::get(next.remote(die.remote())), narke::worker_crashed_error);
}

TEST_F(isolation_faults, a_worker_that_dies_idle_costs_nobody_anything) {
  auto ask = narke::task(own_process, isolated);
  for (int i = 0; i < 10; ++i) {
    const int there = narke::get(ask.remote());
    ::kill(there, SIGKILL);
    EXPECT_NE(narke::get(ask.remote()), there);
  }
  EXPECT_TRUE(eventually([] { return children().size() == 1; })) << "the dead are not reaped";
}

TEST_F(isolation_faults, a_limit_of_memory_ends_what_grows_beyond) {
  narke::task_options small = isolated;
  small.memory = 32 << 20;
  auto grow = narke::task(
      [](std::size_t bytes) {
        std::vector<char> all(bytes, 'x');
        if (bytes > (std::size_t{64} << 20)) {
          for (;;) ::pause();  // until the limit is seen
        }
        return all.size();
      },
      small);
  EXPECT_EQ(narke::get(grow.remote(std::size_t{1} << 20)), std::size_t{1} << 20);
  const std::string told = message_of<narke::worker_crashed_error>(
      [&] { narke::get(grow.remote(std::size_t{200} << 20)); });
  EXPECT_NE(told.find("limit of memory"), std::string::npos) << told;
  EXPECT_NE(told.find(std::to_string(32 << 20)), std::string::npos) << told;
}

TEST_F(isolation_faults, cancel_by_force_kills) {
  shared_counts counts{1};
  auto forever = narke::task(
      [](const std::string& path) {
        shared_counts::add_one(path, 0);
        for (;;) ::pause();
      },
      isolated);
  auto ref = forever.remote(counts.path());
  ASSERT_TRUE(eventually([&] { return counts[0] == 1; }));
  EXPECT_TRUE(narke::cancel(ref, {.force = true}));
  EXPECT_THROW(narke::get(ref), narke::task_cancelled_error);
  EXPECT_FALSE(narke::cancel(ref, {.force = true}));
}

// Runs until it is asked to stop.
int until_stopped(const std::string& path) {
  shared_counts::add_one(path, 0);
  while (!narke::stop_requested()) {
    std::this_thread::sleep_for(std::chrono::milliseconds{1});
  }
  return 5;
}

TEST_F(isolation_faults, cancel_asks_the_worker_to_stop) {
  shared_counts counts{1};
  auto ref = narke::task(until_stopped, isolated).remote(counts.path());
  ASSERT_TRUE(eventually([&] { return counts[0] == 1; }));
  EXPECT_TRUE(narke::cancel(ref));
  EXPECT_THROW(narke::get(ref), narke::task_cancelled_error);
  EXPECT_FALSE(narke::get(narke::task([] { return narke::stop_requested(); }, isolated).remote()));
}

TEST_F(isolation_faults, cancel_reaches_what_a_task_has_submitted) {
  shared_counts counts{1};
  auto parent = narke::task([](const std::string& path) {
                  return narke::get(narke::task(until_stopped, isolated).remote(path));
                }).remote(counts.path());
  ASSERT_TRUE(eventually([&] { return counts[0] == 1; }));
  EXPECT_TRUE(narke::cancel(parent));
  EXPECT_THROW(narke::get(parent), narke::task_cancelled_error);
}

TEST_F(isolation_faults, cancel_by_force_of_what_waits_starts_no_process) {
  narke_test::gate hold;
  auto first = narke::task([wait = hold.waiter()] {
                 wait();
                 return std::string{};
               }).remote();
  auto ref = narke::task(until_stopped, isolated).remote(first);
  EXPECT_TRUE(narke::cancel(ref, {.force = true}));
  EXPECT_THROW(narke::get(ref), narke::task_cancelled_error);
  hold.open();
  EXPECT_TRUE(children().empty());
}

TEST_F(isolation_faults, what_a_task_started_dies_with_its_worker) {
  shared_counts counts{1};
  auto start_and_die = narke::task(
      [](const std::string& path) {
        if (::fork() == 0) {
          shared_counts::add_one(path, 0);
          for (;;) ::pause();
        }
        shared_counts::wait_for_one(path, 0);
        ::kill(::getpid(), SIGKILL);
      },
      isolated);
  EXPECT_THROW(narke::get(start_and_die.remote(counts.path())), narke::worker_crashed_error);
  EXPECT_EQ(counts[0], 1);
}

TEST_F(isolation_faults, shutdown_asks_what_runs_there_to_stop) {
  shared_counts counts{1};
  auto ref = narke::task(until_stopped, isolated).remote(counts.path());
  ASSERT_TRUE(eventually([&] { return counts[0] == 1; }));
  narke::shutdown();
  EXPECT_EQ(narke::get(ref), 5);
}

// Workers are killed all the time. Without retries a body runs at most once, and every task ends:
// with its result, or with worker_crashed_error.
TEST_F(isolation_faults, killing_workers_loses_nothing_and_runs_nothing_twice) {
  const int tasks = narke_test::stress_rounds(300);
  shared_counts counts{static_cast<std::size_t>(tasks)};
  auto count = narke::task(
      [](const std::string& path, std::size_t i) {
        shared_counts::add_one(path, i);
        std::this_thread::sleep_for(std::chrono::microseconds{200});
        return i;
      },
      isolated);
  std::atomic<bool> done{false};
  std::thread killer{[&] {
    std::minstd_rand random{1};
    // So many, that not every worker is killed before it is there, however slow a start is.
    for (int kills = 0; !done && kills != 400; ++kills) {
      const auto living = children();
      if (!living.empty()) ::kill(living[random() % living.size()], SIGKILL);
      std::this_thread::sleep_for(std::chrono::milliseconds{7});
    }
  }};
  std::vector<narke::object_ref<std::size_t>> refs;
  for (int i = 0; i < tasks; ++i) {
    refs.push_back(count.remote(counts.path(), static_cast<std::size_t>(i)));
  }
  int finished = 0;
  int crashed = 0;
  for (std::size_t i = 0; i != refs.size(); ++i) {
    try {
      EXPECT_EQ(narke::get(refs[i]), i);
      EXPECT_EQ(counts[i], 1);
      ++finished;
    } catch (const narke::worker_crashed_error&) {
      EXPECT_LE(counts[i], 1);
      ++crashed;
    }
  }
  done = true;
  killer.join();
  EXPECT_EQ(finished + crashed, tasks);
}

TEST_F(isolation_faults, a_worker_inherits_nothing_but_output) {
  const int leaked = ::open("/dev/null", O_RDONLY);  // without close-on-exec
  auto look = narke::task(
      [] {
        std::vector<std::string> open;
        for (const auto& each : std::filesystem::directory_iterator{"/proc/self/fd"}) {
          std::error_code gone;
          const auto target = std::filesystem::read_symlink(each.path(), gone);
          open.push_back(each.path().filename().string() + " " + target.string());
        }
        return open;
      },
      isolated);
  std::vector<std::string> strangers;
  for (const std::string& each : narke::get(look.remote())) {
    const int number = std::stoi(each);
    const bool is_listing = each.find("/proc/") != std::string::npos;
    if (number > 4 && !is_listing) strangers.push_back(each);
  }
  EXPECT_TRUE(strangers.empty()) << strangers.front();
  ::close(leaked);
}

TEST_F(isolation_faults, signals_are_as_in_a_fresh_program) {
  struct sigaction before {};
  struct sigaction ignored {};
  ignored.sa_handler = SIG_IGN;
  ::sigaction(SIGUSR2, &ignored, &before);
  auto look = narke::task(
      [] {
        struct sigaction now {};
        ::sigaction(SIGUSR2, nullptr, &now);
        sigset_t blocked;
        ::sigprocmask(SIG_SETMASK, nullptr, &blocked);
        return std::pair{now.sa_handler == SIG_DFL, ::sigismember(&blocked, SIGUSR1) == 0};
      },
      isolated);
  EXPECT_EQ(narke::get(look.remote()), (std::pair{true, true}));
  ::sigaction(SIGUSR2, &before, nullptr);
}

std::string variable(const std::string& name) {
  const char* value = std::getenv(name.c_str());
  return value != nullptr ? value : "(unset)";
}

TEST_F(isolation_faults, a_worker_without_gpus_sees_none) {
  auto look = narke::task(variable, isolated);
  EXPECT_EQ(narke::get(look.remote("CUDA_VISIBLE_DEVICES")), "");
  EXPECT_EQ(narke::get(look.remote("CUDA_DEVICE_ORDER")), "PCI_BUS_ID");
  EXPECT_EQ(narke::get(look.remote("NARKE_WORKER_OF")), "(unset)");
}

class isolation_gpus : public narke_test::runtime_test {};

TEST_F(isolation_gpus, a_worker_sees_exactly_the_gpus_of_its_task) {
  narke::init({.num_cpus = 2, .emulated_gpus = {.count = 3, .memory_bytes = 1 << 20}});
  std::vector<std::string> uuids;
  for (const narke::gpu& each : narke::gpus()) uuids.push_back(each.uuid);
  narke::task_options options = isolated;
  options.num_gpus = 2;
  EXPECT_EQ(narke::get(narke::task(variable, options).remote("CUDA_VISIBLE_DEVICES")),
            uuids[0] + "," + uuids[1]);
  EXPECT_EQ(narke::get(narke::task([] { return narke::get_gpu_ids(); }, options).remote()),
            (std::vector<int>{0, 1}));
  options.num_gpus = 0.5;
  EXPECT_EQ(narke::get(narke::task(variable, options).remote("CUDA_VISIBLE_DEVICES")), uuids[0]);
  EXPECT_EQ(narke::get(narke::task(variable, isolated).remote("CUDA_VISIBLE_DEVICES")), "");
}

// A worker that has workers of its own, one idle and one busy, is killed without warning.
TEST_F(isolation_faults, workers_die_with_their_parent) {
  shared_counts counts{3};
  auto be_parent = narke::task(
      [](const std::string& path) {
        narke::init({.num_cpus = 2});
        auto busy = narke::task(
            [](const std::string& where) {
              shared_counts::set(where, 0, own_process());
              for (;;) ::pause();
            },
            isolated);
        auto forever = busy.remote(path);
        shared_counts::wait_for_one(path, 0);
        shared_counts::set(path, 1, narke::get(narke::task(own_process, isolated).remote()));
        shared_counts::set(path, 2, own_process());
        for (;;) ::pause();
      },
      isolated);
  auto ref = be_parent.remote(counts.path());
  ASSERT_TRUE(eventually([&] { return counts[2] != 0; }));
  EXPECT_NE(counts[0], counts[1]);
  EXPECT_TRUE(is_running(counts[0]));
  EXPECT_TRUE(is_running(counts[1]));
  ::kill(counts[2], SIGKILL);
  EXPECT_THROW(narke::get(ref), narke::worker_crashed_error);
  EXPECT_TRUE(eventually([&] { return !is_running(counts[0]) && !is_running(counts[1]); }));
}

TEST(isolation_start, a_program_that_is_told_to_be_a_worker_by_a_stranger_refuses) {
  const std::string program = std::filesystem::read_symlink("/proc/self/exe").string();
  const int status = std::system(("NARKE_WORKER_OF=1 '" + program + "' --help 2>&1").c_str());
  ASSERT_TRUE(WIFEXITED(status));
  EXPECT_EQ(WEXITSTATUS(status), 126);
}

}  // namespace
