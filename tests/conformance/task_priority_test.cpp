// priority, scheduling, and limits on unfinished tasks.
#include <support/runtime_fixture.hpp>
#include <support/values.hpp>

#include <algorithm>
#include <atomic>
#include <memory>
#include <mutex>

using narke_test::busy_cpus;
using narke_test::gate;
using narke_test::tally;
using namespace std::chrono_literals;

namespace {

class task_priority : public narke_test::runtime_test {
 protected:
  void SetUp() override {
    runtime_test::SetUp();
    start(1);
  }
  // A task that writes its name down when it runs.
  narke::object_ref<void> note(const char* name, int priority) {
    return narke::task([this, name] {
      const std::lock_guard lock{mutex_};
      order_.push_back(name);
    }, {.priority = priority}).remote();
  }

  std::mutex mutex_;
  std::vector<std::string> order_;
};

TEST_F(task_priority, the_higher_goes_first) {
  std::vector<narke::object_ref<void>> refs;
  busy_cpus busy{1};
  refs.push_back(note("low", 1));
  refs.push_back(note("high", 1'000'000'000));
  refs.push_back(note("middle", 5));
  refs.push_back(note("middle too", 5));
  busy.release();
  narke::get(refs);
  EXPECT_EQ(order_, (std::vector<std::string>{"high", "middle", "middle too", "low"}));
}

TEST_F(task_priority, above_zero_goes_before_the_fast_lane_and_below_it_after) {
  std::vector<narke::object_ref<void>> refs;
  busy_cpus busy{1};
  refs.push_back(note("below", -1));
  for (int i = 0; i != 20; ++i) refs.push_back(note("plain", 0));
  refs.push_back(note("above", 1));
  busy.release();
  narke::wait(refs, {.num_returns = refs.size()});
  EXPECT_EQ(order_.front(), "above");
  EXPECT_EQ(order_.back(), "below");
}

TEST_F(task_priority, a_number_that_is_not_whole_or_too_large_is_refused) {
  EXPECT_THROW(narke::task([] {}, {.priority = 0.5}), std::invalid_argument);
  EXPECT_THROW(narke::task([] {}, {.priority = 1e10}), std::invalid_argument);
}

// Where.

class task_scheduling : public narke_test::runtime_test {
 protected:
  void SetUp() override {
    runtime_test::SetUp();
    narke::init({.num_cpus = 2, .emulated_gpus = {.count = 3, .memory_bytes = 1 << 20}});
  }
  static std::vector<int> ids_with(narke::scheduling wish, double num_gpus) {
    return narke::get(narke::task([] { return narke::get_gpu_ids(); },
                                  {.num_gpus = num_gpus, .scheduling = wish}).remote());
  }
};

TEST_F(task_scheduling, on_the_gpu_that_was_asked_for) {
  for (int id = 0; id != 3; ++id) {
    EXPECT_EQ(ids_with(narke::scheduling::gpu(id), 0.5), std::vector{id});
    EXPECT_EQ(ids_with(narke::scheduling::gpu(id), 1), std::vector{id});
  }
}

TEST_F(task_scheduling, spread_takes_the_emptiest_gpu) {
  gate hold;
  const tally started;
  std::vector<narke::object_ref<int>> refs;
  for (int i = 0; i != 3; ++i) {
    refs.push_back(narke::task([=, wait = hold.waiter()] {
      started.add();
      wait();
      return narke::get_gpu_ids().at(0);
    }, {.num_cpus = 0, .num_gpus = 0.25, .scheduling = narke::scheduling::spread()}).remote());
  }
  started.wait_for(3);
  hold.open();
  auto ids = narke::get(refs);
  std::sort(ids.begin(), ids.end());
  EXPECT_EQ(ids, (std::vector{0, 1, 2}));
}

TEST_F(task_scheduling, of_cpu_tasks) {
  const auto spread = narke::scheduling::spread();
  EXPECT_EQ(narke::get(narke::task([] { return 1; }, {.scheduling = spread}).remote()), 1);
}

TEST_F(task_scheduling, what_is_not_there_is_infeasible) {
  const auto on_gpu = narke::task([] {}, {.num_gpus = 1, .scheduling = narke::scheduling::gpu(7)});
  EXPECT_THROW(on_gpu.remote(), narke::infeasible_request);
  const auto on_node = narke::task([] {}, {.scheduling = narke::scheduling::numa_node(4711)});
  EXPECT_THROW(on_node.remote(), narke::infeasible_request);
  EXPECT_THROW(narke::task([] {}, {.scheduling = narke::scheduling::gpu(0)}),
               std::invalid_argument);
}

// How many.

class pending_limit : public narke_test::two_cpus_test {};

TEST_F(pending_limit, fails_when_asked_to) {
  gate hold;
  const auto task = narke::task([wait = hold.waiter()] { wait(); },
                                {.max_pending = 2, .when_full = narke::when_full::fail});
  std::vector<narke::object_ref<void>> refs{task.remote(), task.remote()};
  EXPECT_THROW(task.remote(), narke::pending_limit_error);
  const auto copy = task;
  EXPECT_THROW(copy.remote(), narke::pending_limit_error) << "a copy shares the count";
  hold.open();
  narke::get(refs);
  EXPECT_NO_THROW(narke::get(task.remote()));
}

TEST_F(pending_limit, waits_for_room) {
  const auto most = std::make_shared<std::atomic<int>>(0);
  std::atomic<int> pending{0};
  const auto task = narke::task([=, &pending] {
    int seen = most->load();
    while (seen < pending.load() && !most->compare_exchange_weak(seen, pending.load())) {
    }
    --pending;
  }, {.max_pending = 3});
  std::vector<narke::object_ref<void>> refs;
  for (int i = 0; i != 500; ++i) {
    refs.push_back(task.remote());
    ++pending;
  }
  narke::get(refs);
  EXPECT_LE(most->load(), 4) << "three, and the one that was counted a moment early";
}

TEST_F(pending_limit, who_waits_for_room_in_a_task_gives_its_cpu_back) {
  const auto inner = narke::task([] { return 1; }, {.max_pending = 1});
  std::vector<narke::object_ref<int>> outer;
  for (int i = 0; i != 4; ++i) {
    outer.push_back(narke::task([=] {
      int sum = 0;
      for (int k = 0; k != 20; ++k) sum += narke::get(inner.remote());
      return sum;
    }).remote());
  }
  EXPECT_EQ(narke::get(outer), std::vector(4, 20));
}

TEST_F(pending_limit, cancelled_and_failed_tasks_make_room) {
  busy_cpus busy{2};
  const auto task = narke::task([] { throw 1; },
                                {.max_pending = 1, .when_full = narke::when_full::fail});
  auto first = task.remote();
  EXPECT_TRUE(narke::cancel(first));
  auto second = task.remote();
  busy.release();
  EXPECT_THROW(narke::get(second), int);
  EXPECT_THROW(narke::get(task.remote()), int);
}

TEST_F(pending_limit, bad_numbers_are_refused) {
  EXPECT_THROW(narke::task([] {}, {.max_pending = 0}), std::invalid_argument);
  EXPECT_THROW(narke::task([] {}, {.max_pending = -2}), std::invalid_argument);
}

TEST_F(pending_limit, shutdown_wakes_who_waits_for_room) {
  gate hold;
  const tally begun;
  const auto task = narke::task([wait = hold.waiter(), begun] {
    begun.add();
    wait();
  }, {.max_pending = 1});
  auto ref = task.remote();
  begun.wait_for(1);
  std::jthread submitter{[&] {
    EXPECT_THROW(
        {
          begun.add();
          task.remote();
        },
        narke::task_cancelled_error);
  }};
  begun.wait_for(2);
  EXPECT_FALSE(narke::shutdown(1ms));
  submitter.join();
  hold.open();
  narke::shutdown();
}

}  // namespace
