// Many threads submitting, getting, waiting and dropping at once.
#include <stress/stress_fixture.hpp>

#include <memory>
#include <numeric>
#include <string>
#include <thread>

#include <support/values.hpp>

using narke_test::dice;
using narke_test::high_water;
using narke_test::scaled;
using narke_test::tally;
using narke_test::tracked;

namespace {

class task_stress : public narke_test::on_cpus_test {};
NARKE_ON_1_2_4_CPUS(task_stress);

TEST_P(task_stress, many_threads_submit_and_get) {
  std::vector<std::jthread> threads;
  for (int t = 0; t < 4; ++t) {
    threads.emplace_back([t] {
      for (int round = 0; round < scaled(20); ++round) {
        std::vector<narke::object_ref<int>> refs;
        for (int i = 0; i < 100; ++i) {
          refs.push_back(narke::task([](int x) { return x + 1; }).remote(t * 1000 + i));
        }
        const auto all = narke::get(refs);
        for (int i = 0; i < 100; ++i) ASSERT_EQ(all[i], t * 1000 + i + 1);
      }
    });
  }
}

TEST_P(task_stress, a_million_queued_tasks_all_run) {
  const int count = scaled(100000);
  const tally ran;
  {
    narke_test::busy_cpus busy{GetParam()};
    for (int i = 0; i < count; ++i) narke::task([ran] { ran.add(); }).remote();
    EXPECT_EQ(ran.value(), 0);
  }
  ran.wait_for(count);
}

TEST_P(task_stress, a_million_queued_refs_are_gathered) {
  const int count = scaled(50000);
  std::vector<narke::object_ref<int>> refs;
  {
    narke_test::busy_cpus busy{GetParam()};
    for (int i = 0; i < count; ++i) refs.push_back(narke::task([](int x) { return x; }).remote(i));
  }
  const auto all = narke::get(refs);
  for (int i = 0; i < count; ++i) ASSERT_EQ(all[i], i);
}

TEST_P(task_stress, a_chain_is_published_and_released_without_recursion) {
  auto add = narke::task([](int x) { return x + 1; });
  const int length = scaled(100000);
  auto ref = [&] {
    narke_test::busy_cpus busy{GetParam()};
    auto last = add.remote(0);
    for (int i = 1; i < length; ++i) last = add.remote(last);
    return last;
  }();
  EXPECT_EQ(narke::get(ref), length);
}

TEST_P(task_stress, a_dropped_chain_runs_to_its_end) {
  const tally ran;
  const int length = scaled(20000);
  {
    auto add = narke::task([ran](int x) {
      ran.add();
      return x + 1;
    });
    auto last = add.remote(0);
    for (int i = 1; i < length; ++i) last = add.remote(std::move(last));
  }
  ran.wait_for(length);
}

int tree(int depth) {
  if (depth == 0) return 1;
  auto left = narke::task(tree).remote(depth - 1);
  auto right = narke::task(tree).remote(depth - 1);
  return narke::get(left) + narke::get(right);
}

TEST_P(task_stress, nested_gets_from_many_threads) {
  std::vector<std::jthread> threads;
  for (int t = 0; t < 3; ++t) {
    threads.emplace_back([] {
      for (int i = 0; i < scaled(3); ++i) EXPECT_EQ(narke::get(narke::task(tree).remote(7)), 128);
    });
  }
}

TEST_P(task_stress, refs_are_dropped_at_random) {
  const auto seen = narke_test::new_traffic();
  {
    std::vector<std::jthread> threads;
    for (int t = 0; t < 3; ++t) {
      threads.emplace_back([seen, t] {
        dice random{t};
        std::vector<narke::object_ref<tracked>> refs(16);
        for (int i = 0; i < scaled(1000); ++i) {
          auto& slot = refs[random.below(16)];
          auto& other = refs[random.below(16)];
          switch (random.below(5)) {
            case 0: slot = narke::put(tracked{seen, i}); break;
            case 1: slot = narke::task([seen, i] { return tracked{seen, i}; }).remote(); break;
            case 2: slot = {}; break;
            case 3: slot = other; break;
            case 4:
              if (other) slot = narke::task([](tracked x) { return x; }).remote(std::move(other));
          }
        }
      });
    }
  }
  EXPECT_TRUE(narke_test::eventually([&] { return seen->alive == 0; }));
}

TEST_P(task_stress, wait_and_as_completed_under_load) {
  std::vector<std::jthread> threads;
  for (int t = 0; t < 2; ++t) {
    threads.emplace_back([] {
      std::vector<narke::object_ref<int>> pending;
      for (int i = 0; i < scaled(300); ++i) {
        pending.push_back(narke::task([](int x) { return x; }).remote(i));
      }
      long sum = 0;
      for (auto& ref : narke::as_completed(pending)) sum += narke::get(ref);
      const auto n = static_cast<long>(pending.size());
      EXPECT_EQ(sum, n * (n - 1) / 2);
      while (!pending.empty()) {
        auto [ready, rest] =
            narke::wait(std::move(pending), {.timeout = std::chrono::microseconds{50}});
        for (auto& ref : ready) sum -= narke::get(ref);
        pending = std::move(rest);
      }
      EXPECT_EQ(sum, 0);
    });
  }
}

TEST_P(task_stress, many_wait_for_one_and_one_for_many) {
  for (int round = 0; round < scaled(20); ++round) {
    auto source = narke::task([](int x) { return x; }).remote(round);
    std::vector<narke::object_ref<int>> fan;
    for (int i = 0; i < 100; ++i) {
      fan.push_back(narke::task([](int x, int y) { return x + y; }).remote(source, i));
    }
    auto sum = narke::task([](const std::vector<int>& all) {
      return std::accumulate(all.begin(), all.end(), 0);
    }).remote(fan);
    ASSERT_EQ(narke::get(sum), 100 * round + 4950);
  }
}

TEST_P(task_stress, cancel_races_with_everything) {
  const tally ran;
  int cancelled = 0;
  std::vector<narke::object_ref<int>> refs;
  const int count = scaled(3000);
  dice random{1};
  for (int i = 0; i < count; ++i) {
    refs.push_back(narke::task([ran](int x) {
                     ran.add();
                     return x;
                   }).remote(i));
    cancelled += narke::cancel(refs[random.below(i + 1)]) ? 1 : 0;
  }
  int values = 0;
  for (auto& ref : refs) {
    try {
      values += narke::get(ref) >= 0;
    } catch (const narke::task_cancelled_error&) {
    }
  }
  // One that was cancelled while it ran has run, and has no value.
  EXPECT_LE(values, ran.value());
  EXPECT_LE(count - values, cancelled);
}

class placement_stress : public narke_test::runtime_test {};

TEST_F(placement_stress, both_lanes_together_never_exceed_the_cpus) {
  narke::init({.num_cpus = 4, .resources = {{"license", 2}}});
  const auto halves = std::make_shared<high_water>();
  const auto licenses = std::make_shared<high_water>();
  std::vector<narke::object_ref<void>> refs;
  dice random{7};
  const auto task = [=](int cpu_halves, int license_halves) {
    halves->enter(cpu_halves);
    licenses->enter(license_halves);
    std::this_thread::yield();
    licenses->leave(license_halves);
    halves->leave(cpu_halves);
  };
  for (int i = 0; i < scaled(3000); ++i) {
    const int kind = random.below(6);
    const int cpu = kind < 3 ? 2 : random.below(9);
    const int license = kind == 5 ? 1 + random.below(4) : 0;
    refs.push_back(narke::task(task, {.num_cpus = cpu / 2.0,
                                      .resources = {{"license", license / 2.0}}})
                       .remote(cpu, license));
  }
  narke::wait(refs, {.num_returns = refs.size()});
  EXPECT_LE(halves->most(), 8);
  EXPECT_LE(licenses->most(), 4);
  narke::get(refs);
}

TEST_F(placement_stress, blocked_tasks_may_exceed_the_cpus_only_by_their_number) {
  start(2);
  const auto running = std::make_shared<high_water>();
  std::vector<narke::object_ref<int>> refs;
  const auto leaf = [=](int x) {
    running->enter();
    std::this_thread::yield();
    running->leave();
    return x;
  };
  const auto parent = [=](int x) {
    auto child = narke::task(leaf, {.num_cpus = x % 3 == 0 ? 0.5 : 1.0}).remote(x);
    return narke::get(child);
  };
  for (int i = 0; i < scaled(500); ++i) refs.push_back(narke::task(parent).remote(i));
  for (int i = 0; i < scaled(500); ++i) ASSERT_EQ(narke::get(refs[i]), i);
  EXPECT_LE(running->most(), 4);
}

}  // namespace
