// init, shutdown, session and is_initialized.
#include <support/runtime_fixture.hpp>
#include <support/values.hpp>

#include <atomic>
#include <thread>
#include <vector>

using namespace std::chrono_literals;
using narke_test::gate;
using narke_test::tally;

namespace {

class lifecycle : public narke_test::runtime_test {};

int one() { return 1; }

TEST_F(lifecycle, init_without_options_gives_at_least_one_cpu) {
  narke::init();
  EXPECT_TRUE(narke::is_initialized());
  EXPECT_GE(narke::cluster_resources().at("CPU"), 1.0);
  EXPECT_EQ(narke::get(narke::task(one).remote()), 1);
}

TEST_F(lifecycle, init_twice_throws_and_the_first_runtime_goes_on) {
  narke::init({.num_cpus = 2});
  EXPECT_THROW(narke::init(), narke::already_initialized);
  EXPECT_THROW(narke::init({.num_cpus = 3}), narke::already_initialized);
  EXPECT_EQ(narke::cluster_resources().at("CPU"), 2.0);
  EXPECT_EQ(narke::get(narke::task(one).remote()), 1);
}

TEST_F(lifecycle, init_after_shutdown_works_a_hundred_times) {
  for (int round = 0; round < 100; ++round) {
    narke::init({.num_cpus = 1 + round % 3});
    ASSERT_EQ(narke::get(narke::task([](int x) { return x + 1; }).remote(round)), round + 1);
    ASSERT_EQ(narke::cluster_resources().at("CPU"), 1 + round % 3);
    narke::shutdown();
    ASSERT_FALSE(narke::is_initialized());
  }
}

TEST_F(lifecycle, a_hundred_rounds_leave_no_file_open) {
  const auto round = [] {
    narke::init({.num_cpus = 2, .emulated_gpus = {.count = 1, .memory_bytes = 1 << 20}});
    narke::get(narke::task(one).remote());
    narke::shutdown();
  };
  round();
  const int before = narke_test::own_entries("fd");
  for (int i = 0; i < 20; ++i) round();
  EXPECT_EQ(narke_test::own_entries("fd"), before);
}

TEST_F(lifecycle, shutdown_twice_is_safe) {
  start(1);
  narke::shutdown();
  narke::shutdown();
  EXPECT_TRUE(narke::shutdown(1s));
  EXPECT_FALSE(narke::is_initialized());
}

TEST_F(lifecycle, init_that_fails_leaves_no_runtime) {
  EXPECT_THROW(narke::init({.num_cpus = -1}), std::invalid_argument);
  EXPECT_FALSE(narke::is_initialized());
  start(1);
  EXPECT_EQ(narke::get(narke::task(one).remote()), 1);
}

TEST_F(lifecycle, a_session_lasts_for_its_scope) {
  const narke::runtime_options options{.num_cpus = 2};
  {
    const narke::session session{options};
    EXPECT_TRUE(narke::is_initialized());
    EXPECT_EQ(narke::get(narke::task(one).remote()), 1);
    EXPECT_THROW(narke::session{options}, narke::already_initialized);
    EXPECT_TRUE(narke::is_initialized());
  }
  EXPECT_FALSE(narke::is_initialized());
  const narke::session second{{.num_cpus = 1}};
  EXPECT_EQ(narke::cluster_resources().at("CPU"), 1.0);
}

TEST_F(lifecycle, a_session_may_be_shut_down_by_hand) {
  const narke::session session{{.num_cpus = 1}};
  narke::shutdown();
  EXPECT_FALSE(narke::is_initialized());
}

TEST_F(lifecycle, one_of_many_concurrent_inits_wins) {
  std::atomic<int> won = 0;
  std::atomic<int> refused = 0;
  std::vector<std::jthread> threads;
  for (int i = 0; i < 8; ++i) {
    threads.emplace_back([&] {
      try {
        narke::init({.num_cpus = 1});
        ++won;
      } catch (const narke::already_initialized&) {
        ++refused;
      }
    });
  }
  threads.clear();
  EXPECT_EQ(won, 1);
  EXPECT_EQ(refused, 7);
}

TEST_F(lifecycle, many_threads_may_shut_down_at_once) {
  start(2);
  std::vector<narke::object_ref<int>> refs;
  for (int i = 0; i < 100; ++i) refs.push_back(narke::task(one).remote());
  std::vector<std::jthread> threads;
  for (int i = 0; i < 4; ++i) {
    threads.emplace_back([] {
      narke::shutdown();
      EXPECT_FALSE(narke::is_initialized());
    });
  }
}

TEST_F(lifecycle, shutdown_inside_a_task_throws_and_the_runtime_goes_on) {
  start(1);
  const auto attempt = [] { narke::shutdown(); };
  EXPECT_THROW(narke::get(narke::task(attempt).remote()), narke::error);
  const auto timed = [] { return narke::shutdown(1ms); };
  EXPECT_THROW(narke::get(narke::task(timed).remote()), narke::error);
  EXPECT_TRUE(narke::is_initialized());
  EXPECT_EQ(narke::get(narke::task(one).remote()), 1);
}

struct suicidal {
  void end_everything() { narke::shutdown(); }
};

TEST_F(lifecycle, shutdown_inside_an_actor_method_throws) {
  start(1);
  auto actor = narke::actor<suicidal>().remote();
  EXPECT_THROW(narke::get(actor.task(&suicidal::end_everything).remote()), narke::error);
}

TEST_F(lifecycle, init_inside_a_task_throws_already_initialized) {
  start(1);
  EXPECT_THROW(narke::get(narke::task([] { narke::init(); }).remote()),
               narke::already_initialized);
}

TEST_F(lifecycle, after_shutdown_nothing_starts_a_runtime_but_init) {
  start(1);
  auto ready = narke::put(3);
  narke::shutdown();
  EXPECT_THROW(narke::task(one).remote(), narke::error);
  EXPECT_THROW(narke::put(1), narke::error);
  EXPECT_THROW(narke::actor<suicidal>().remote(), narke::error);
  EXPECT_THROW(narke::get_actor<suicidal>("nobody"), narke::error);
  EXPECT_THROW(narke::nodes(), narke::error);
  EXPECT_THROW(narke::cluster_resources(), narke::error);
  EXPECT_THROW(narke::available_resources(), narke::error);
  EXPECT_THROW(narke::get_gpu_ids(), narke::error);
  EXPECT_EQ(narke::get(ready), 3);
  EXPECT_FALSE(narke::is_initialized());
}

TEST_F(lifecycle, making_a_task_without_calling_it_starts_nothing) {
  auto task = narke::task(one);
  EXPECT_FALSE(narke::is_initialized());
  start(1);
  EXPECT_EQ(narke::get(task.remote()), 1);
  narke::shutdown();
  start(1);
  EXPECT_EQ(narke::get(task.remote()), 1);
}

}  // namespace
