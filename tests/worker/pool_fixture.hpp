// The workers and the placement lane alone, without the engine above them. Each test ends by
// asserting that every task is done and every permit back.
#pragma once

#include <gtest/gtest.h>

#include <atomic>
#include <memory>
#include <vector>

#include <narke/get.hpp>
#include <narke/task.hpp>

#include <support/gate.hpp>
#include <support/hooked_task.hpp>
#include <support/stress_rounds.hpp>
#include <support/watchdog.hpp>

#include "worker/execute.hpp"
#include "worker/lifecycle.hpp"
#include "worker/placement_lane.hpp"
#include "worker/thread_state.hpp"
#include "worker/worker_pool.hpp"

namespace narke_test {

/// The most of something at one time.
class level {
 public:
  void enter(int amount = 1) {
    const int now = now_ += amount;
    for (int seen = most_; seen < now && !most_.compare_exchange_weak(seen, now);) {
    }
  }
  void leave(int amount = 1) { now_ -= amount; }
  [[nodiscard]] int most() const { return most_; }

 private:
  std::atomic<int> now_{0};
  std::atomic<int> most_{0};
};

class pool_test : public testing::Test {
 protected:
  static narke::internal::worker_pool& pool() { return narke::internal::worker_pool::instance(); }
  static narke::internal::placement_lane& lane() {
    return narke::internal::placement_lane::instance();
  }

  void start(int cpus, int threads_max = narke::internal::worker_pool::threads_max_default) {
    cpus_ = cpus;
    narke::internal::resource_totals totals;
    totals.cpus = cpus;
    totals.memory_bytes = 1'000;
    totals.custom["license"] = narke::internal::quantity::from_whole(2);
    lane().configure(totals);
    pool().start(cpus, threads_max);
    narke::internal::current_phase = narke::internal::runtime_phase::running;
  }

  // Everything that was submitted is done, and all that it held is back.
  void expect_idle() {
    EXPECT_TRUE(eventually([] {
      const auto totals = narke::internal::count_tasks();
      return totals.finished == totals.submitted;
    })) << "a task was lost";
    const auto all_back = [this] {
      const auto counts = pool().idle().read();
      return counts.permits == cpus_ && counts.searching == 0 && counts.waking == 0 &&
             counts.parked == pool().thread_count();
    };
    EXPECT_TRUE(eventually(all_back))
        << "permits " << pool().idle().read().permits << ", searching "
        << pool().idle().read().searching << ", parked " << pool().idle().read().parked << " of "
        << pool().thread_count();
    EXPECT_FALSE(pool().has_work());
    EXPECT_FALSE(lane().wants_permits());
    EXPECT_EQ(lane().usage().pending, 0U);
    EXPECT_EQ(lane().usage().running, 0U);
    EXPECT_EQ(lane().usage().cpus_in_use, 0.0);
  }

  void stop() {
    narke::internal::current_phase = narke::internal::runtime_phase::stopped;
    pool().stop();
    pool().drop_all();
    lane().drop_pending();
  }

  void TearDown() override {
    if (narke::internal::current_phase == narke::internal::runtime_phase::running) {
      expect_idle();
      stop();
    }
    EXPECT_EQ(pool().thread_count(), 0);
  }

 private:
  int cpus_ = 0;
};

/// Keeps CPUs of the fast lane busy until its end, or release().
class busy_workers {
 public:
  explicit busy_workers(int count) {
    for (int i = 0; i != count; ++i) {
      refs_.push_back(narke::task([wait = gate_.waiter(), started = started_] {
                        started.add();
                        wait();
                      }).remote());
    }
    started_.wait_for(count);
  }
  ~busy_workers() { release(); }
  busy_workers(const busy_workers&) = delete;
  busy_workers& operator=(const busy_workers&) = delete;
  void release() { gate_.open(); }

 private:
  gate gate_;
  tally started_;
  std::vector<narke::object_ref<void>> refs_;
};

}  // namespace narke_test
