// Which calls start a runtime by themselves. Each test runs in a process that never had one.
#include <narke/narke.hpp>

#include <gtest/gtest.h>

#include <thread>
#include <vector>

#include <support/fresh_process.hpp>
#include <support/watchdog.hpp>

using narke_test::in_fresh_process;

namespace {

struct empty_actor {};

TEST(auto_init, remote_starts_the_runtime) {
  in_fresh_process([] {
    EXPECT_EQ(narke::get(narke::task([] { return 1; }).remote()), 1);
    EXPECT_TRUE(narke::is_initialized());
    narke::shutdown();
  });
}

TEST(auto_init, put_starts_the_runtime) {
  in_fresh_process([] {
    EXPECT_EQ(narke::get(narke::put(2)), 2);
    EXPECT_TRUE(narke::is_initialized());
    narke::shutdown();
  });
}

TEST(auto_init, an_actor_starts_the_runtime) {
  in_fresh_process([] {
    const auto actor = narke::actor<empty_actor>().remote();
    EXPECT_TRUE(narke::is_initialized());
    narke::shutdown();
  });
}

TEST(auto_init, get_actor_starts_the_runtime) {
  in_fresh_process([] {
    EXPECT_THROW(narke::get_actor<empty_actor>("nobody"), narke::actor_not_found);
    EXPECT_TRUE(narke::is_initialized());
  });
}

TEST(auto_init, get_gpu_ids_starts_the_runtime) {
  in_fresh_process([] {
    narke::get_gpu_ids();
    EXPECT_TRUE(narke::is_initialized());
  });
}

TEST(auto_init, nodes_starts_the_runtime) {
  in_fresh_process([] {
    EXPECT_EQ(narke::nodes().size(), 1U);
    EXPECT_TRUE(narke::is_initialized());
  });
}

TEST(auto_init, cluster_resources_starts_the_runtime) {
  in_fresh_process([] {
    EXPECT_GE(narke::cluster_resources().at("CPU"), 1.0);
    EXPECT_TRUE(narke::is_initialized());
  });
}

TEST(auto_init, available_resources_starts_the_runtime) {
  in_fresh_process([] {
    EXPECT_GE(narke::available_resources().at("CPU"), 1.0);
    EXPECT_TRUE(narke::is_initialized());
  });
}

TEST(auto_init, get_and_wait_start_nothing) {
  in_fresh_process([] {
    EXPECT_THROW(narke::get(narke::object_ref<int>{}), std::invalid_argument);
    EXPECT_TRUE(narke::get(std::vector<narke::object_ref<int>>{}).empty());
    EXPECT_TRUE(narke::wait(std::vector<narke::object_ref<int>>{}).ready.empty());
    EXPECT_FALSE(narke::is_initialized());
  });
}

TEST(auto_init, happens_once_when_many_threads_need_it) {
  in_fresh_process([] {
    std::vector<std::jthread> threads;
    for (int i = 0; i < 8; ++i) {
      threads.emplace_back(
          [i] { EXPECT_EQ(narke::get(narke::task([](int x) { return x; }).remote(i)), i); });
    }
    threads.clear();
    EXPECT_THROW(narke::init(), narke::already_initialized);
  });
}

TEST(auto_init, explicit_init_afterwards_throws) {
  in_fresh_process([] {
    narke::put(1);
    EXPECT_THROW(narke::init({.num_cpus = 1}), narke::already_initialized);
  });
}

TEST(auto_init, not_after_an_explicit_shutdown) {
  in_fresh_process([] {
    narke::put(1);
    narke::shutdown();
    EXPECT_THROW(narke::put(1), narke::error);
    EXPECT_FALSE(narke::is_initialized());
  });
}

TEST(process_end, without_shutdown_is_clean) {
  in_fresh_process([] {
    narke::init({.num_cpus = 2});
    EXPECT_EQ(narke::get(narke::task([] { return 1; }).remote()), 1);
  });
}

TEST(process_end, with_work_in_flight_is_clean) {
  in_fresh_process([] {
    narke::init({.num_cpus = 2});
    for (int i = 0; i < 1000; ++i) narke::task([](int x) { return x; }).remote(i);
    auto kept = narke::actor<empty_actor>({.name = "kept"}).remote();
  });
}

TEST(process_end, refs_in_static_storage_are_harmless) {
  in_fresh_process([] {
    narke::init({.num_cpus = 1});
    static auto value = narke::put(std::vector<int>(1000, 1));
    static auto result = narke::task([](const std::vector<int>& v) { return v; }).remote(value);
    static auto actor = narke::actor<empty_actor>().remote();
    EXPECT_EQ(narke::get(result).size(), 1000U);
  });
}

}  // namespace
