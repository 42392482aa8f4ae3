// The fixture of every test that needs a runtime: starts it on request and ends by asserting that
// nothing is held (available = all resources), that it shuts down, and that its threads are gone.
#pragma once

#include <narke/narke.hpp>

#include <gtest/gtest.h>
#include <unistd.h>

#include <cstdlib>
#include <filesystem>
#include <iterator>
#include <map>
#include <string>
#include <vector>

#include <support/gate.hpp>
#include <support/watchdog.hpp>

namespace narke_test {

/// The number of entries in a folder of /proc/self.
inline int own_entries(const char* folder) {
  const std::filesystem::directory_iterator entries{std::string{"/proc/self/"} + folder};
  return static_cast<int>(std::distance(begin(entries), end(entries)));
}

inline int thread_count() { return own_entries("task"); }

/// CUDA's driver, and what tests use of it, has threads of its own until the process ends.
inline bool driver_keeps_threads() {
  return std::getenv("NARKE_TEST_GPUS") != nullptr || ::access("/dev/nvidiactl", F_OK) == 0;
}

/// What `cluster_resources` says, without what the machine has none of.
inline std::map<std::string, double> all_resources() {
  auto all = narke::cluster_resources();
  std::erase_if(all, [](const auto& entry) { return entry.second == 0.0; });
  return all;
}

/// How much of a resource is free at this moment.
inline double available(const std::string& name) {
  const auto free = narke::available_resources();
  const auto found = free.find(name);
  return found == free.end() ? 0.0 : found->second;
}

inline void expect_nothing_held() {
  // One reading: an actor whose constructor nobody waited for may still come and go.
  auto free = narke::available_resources();
  eventually([&] {
    free = narke::available_resources();
    return free == all_resources();
  });
  EXPECT_EQ(free, all_resources()) << "something is held";
}

class runtime_test : public testing::Test {
 protected:
  void SetUp() override {
    // ThreadSanitizer has a thread of its own from the first thread on.
    std::thread{[] {}}.join();
    threads_before_ = thread_count();
  }

  void TearDown() override {
    if (narke::is_initialized()) {
      expect_nothing_held();
      narke::shutdown();
    }
    EXPECT_FALSE(narke::is_initialized());
    if (driver_keeps_threads()) return;
    eventually([this] { return thread_count() <= threads_before_; });
    EXPECT_LE(thread_count(), threads_before_) << "threads outlive shutdown";
  }

  static void start(int num_cpus) { narke::init({.num_cpus = num_cpus}); }

 private:
  int threads_before_ = 0;
};

/// The same with a runtime of 2 CPUs from the start.
class two_cpus_test : public runtime_test {
 protected:
  void SetUp() override {
    runtime_test::SetUp();
    start(2);
  }
};

/// For suites that must hold whatever the number of CPUs: run with each parameter as `num_cpus`.
class on_cpus_test : public runtime_test, public testing::WithParamInterface<int> {
 protected:
  void SetUp() override {
    runtime_test::SetUp();
    start(GetParam());
  }
};

/// Keeps every CPU busy from its making until `release()` or its end: what is submitted stays
/// queued.
class busy_cpus {
 public:
  explicit busy_cpus(int num_cpus) {
    for (int i = 0; i < num_cpus; ++i) {
      refs_.push_back(narke::task([wait = hold_.waiter(), started = started_] {
                        started.add();
                        wait();
                      }).remote());
    }
    started_.wait_for(num_cpus);
  }
  ~busy_cpus() { release(); }
  busy_cpus(const busy_cpus&) = delete;
  busy_cpus& operator=(const busy_cpus&) = delete;

  /// Lets the CPUs go and waits until they are free.
  void release() {
    hold_.open();
    for (auto& ref : refs_) narke::get(ref);
  }

 private:
  gate hold_;
  tally started_;
  std::vector<narke::object_ref<void>> refs_;
};

}  // namespace narke_test

#define NARKE_ON_1_2_4_CPUS(suite)                                          \
  INSTANTIATE_TEST_SUITE_P(num_cpus, suite, testing::Values(1, 2, 4),       \
                           [](const auto& cpus) { return std::to_string(cpus.param); })
