// Coroutine tasks under load: what suspends and what ends a wait meet at all distances.
#include <atomic>
#include <string>
#include <thread>
#include <vector>

#include <stress/stress_fixture.hpp>
#include <support/stress_rounds.hpp>

using narke::co_task;
using narke::object_ref;
using narke_test::dice;
using narke_test::scaled;
using narke_test::spin_for;
using narke_test::tally;

namespace {

class co_task_stress : public narke_test::on_cpus_test {};
NARKE_ON_1_2_4_CPUS(co_task_stress);

// Counts the coroutines whose locals live.
class alive {
 public:
  explicit alive(tally count) : count_{std::move(count)} { count_.add(1); }
  alive(const alive&) = delete;
  alive& operator=(const alive&) = delete;
  ~alive() { count_.add(-1); }

 private:
  tally count_;
};

co_task<long> fib(int n) {
  if (n < 2) co_return n;
  auto one = narke::task(fib).remote(n - 1);
  const long other = co_await fib(n - 2);
  co_return co_await std::move(one) + other;
}

TEST_P(co_task_stress, recursion) {
  for (int i = 0; i != scaled(3); ++i) EXPECT_EQ(narke::get(narke::task(fib).remote(18)), 2584);
}

// A promise is set while its task is about to suspend, or is cancelled, or both.
TEST_P(co_task_stress, ends_of_a_wait_meet) {
  const tally living;
  auto awaits = narke::task([=](object_ref<int> ref, int spins) -> co_task<int> {
    const alive here{living};
    spin_for(spins);
    const int value = co_await ref;
    spin_for(spins);
    co_return value + co_await ref;
  });
  dice random{1};
  int cancelled = 0;
  for (int i = 0; i != scaled(1'500); ++i) {
    narke::promise<int> promise;
    auto ref = awaits.remote(promise.ref(), random.below(300));
    const int way = random.below(3);
    const int spins = random.below(600);
    bool in_time = false;
    std::jthread other{[&] {
      if (way != 1) promise.set_value(2);
    }};
    spin_for(spins);
    if (way != 0) in_time = narke::cancel(ref);
    if (way == 1 && !in_time) ADD_FAILURE() << "it cannot have ended before";
    try {
      EXPECT_EQ(narke::get(ref), 4);
      EXPECT_FALSE(in_time);
    } catch (const narke::task_cancelled_error&) {
      EXPECT_TRUE(in_time);
      ++cancelled;
    }
  }
  EXPECT_GT(cancelled, 0);
  EXPECT_EQ(living.value(), 0);
}

// A tree of tasks that await each other, on all lanes, of which some are cancelled with all below.
struct tree {
  tally living;
  narke::task_options of_lane(int lane) const {
    if (lane == 0) return {};
    if (lane == 1) return {.num_cpus = 0.5};
    return {.num_cpus = 1, .memory = 1};
  }
  co_task<int> grow(int depth, int seed) const {
    const alive here{living};
    if (depth == 0) co_return 1;
    dice random{seed};
    std::vector<object_ref<int>> children;
    for (int i = 0; i != 3; ++i) {
      const auto its = narke::task([own = *this](int below, int from) -> co_task<int> {
        co_return co_await own.grow(below, from);
      }, of_lane(random.below(3)));
      children.push_back(its.remote(depth - 1, seed * 3 + i + 1));
    }
    if (random.below(8) == 0) narke::cancel(children[1]);
    int sum = 1;
    for (auto& child : children) {
      try {
        sum += co_await child;
      } catch (const narke::task_cancelled_error&) {
        if (narke::stop_requested()) throw;
      }
    }
    co_return sum;
  }
};

TEST_P(co_task_stress, trees_that_are_cancelled_in_part) {
  for (int i = 0; i != scaled(8); ++i) {
    tree one;
    auto ref = narke::task([one](int depth, int seed) -> co_task<int> {
      co_return co_await one.grow(depth, seed);
    }).remote(4, i);
    dice random{i};
    const bool is_cancelled = random.below(2) == 0;
    if (is_cancelled) {
      spin_for(random.below(20'000));
      narke::cancel(ref);
    }
    try {
      EXPECT_GT(narke::get(ref), 0);
    } catch (const narke::task_cancelled_error&) {
      EXPECT_TRUE(is_cancelled);
    }
    EXPECT_TRUE(narke_test::eventually([&] { return one.living.value() == 0; }));
  }
}

// Who looks holds up, for a moment, who goes on.
TEST_P(co_task_stress, that_are_looked_at_go_on) {
  std::atomic<bool> is_over{false};
  std::atomic<int> which{0};
  std::vector<object_ref<int>> refs(64);
  std::vector<narke::promise<int>> promises(64);
  auto awaits = narke::task([](object_ref<int> ref) -> co_task<int> {
    co_return co_await ref + co_await narke::task([] { return 1; }).remote();
  });
  for (int round = 0; round != scaled(20); ++round) {
    for (std::size_t i = 0; i != refs.size(); ++i) {
      promises[i] = narke::promise<int>{};
      refs[i] = awaits.remote(promises[i].ref());
    }
    is_over = false;
    std::jthread looks{[&, copies = refs] {
      while (!is_over) {
        EXPECT_FALSE(narke::explain(copies[static_cast<std::size_t>(which)]).empty());
      }
    }};
    for (std::size_t i = 0; i != refs.size(); ++i) {
      which = static_cast<int>(i);
      promises[i].set_value(round);
      EXPECT_EQ(narke::get(refs[i]), round + 1);
    }
    is_over = true;
  }
}

// Time limits and attempts.
TEST_P(co_task_stress, time_limits_meet_the_end_of_a_wait) {
  const tally living;
  auto awaits = narke::task([=](object_ref<int> ref) -> co_task<int> {
    const alive here{living};
    co_return co_await ref;
  }, {.timeout = std::chrono::milliseconds{1}});
  int late = 0;
  for (int i = 0; i != scaled(150); ++i) {
    narke::promise<int> promise;
    auto ref = awaits.remote(promise.ref());
    std::this_thread::sleep_for(std::chrono::microseconds{800 + i % 5 * 100});
    promise.set_value(1);
    try {
      EXPECT_EQ(narke::get(ref), 1);
    } catch (const narke::task_timeout_error&) {
      ++late;
    }
  }
  EXPECT_GT(late, 0);
  EXPECT_TRUE(narke_test::eventually([&] { return living.value() == 0; }));
}

TEST_P(co_task_stress, shutdown_meets_what_suspends) {
  for (int i = 0; i != scaled(8); ++i) {
    const tally living;
    narke::promise<int> never;
    std::vector<object_ref<long>> refs;
    for (int j = 0; j != 200; ++j) {
      refs.push_back(narke::task([=](object_ref<int> ref, int n) -> co_task<long> {
        const alive here{living};
        long sum = 0;
        if (n % 2 == 0) sum += co_await narke::task(fib).remote(n % 8);
        sum += co_await ref;
        co_return sum;
      }).remote(never.ref(), j));
    }
    spin_for(i * 5'000);
    narke::shutdown();
    for (auto& ref : refs) EXPECT_THROW(narke::get(ref), narke::task_cancelled_error);
    EXPECT_EQ(living.value(), 0);
    start(GetParam());
  }
}

}  // namespace
