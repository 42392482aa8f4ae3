// Runtimes that come and go with work in flight.
#include <stress/stress_fixture.hpp>

#include <memory>
#include <thread>

#include <support/values.hpp>

using namespace std::chrono_literals;
using narke_test::dice;
using narke_test::scaled;
using narke_test::tally;

namespace {

class lifecycle_stress : public narke_test::runtime_test {};

int descend(int depth) {
  return depth == 0 ? 0 : 1 + narke::get(narke::task(descend).remote(depth - 1));
}

struct sleeper {
  int next() { return ++count; }
  int nest(int depth) { return narke::get(narke::task(descend).remote(depth)); }
  int count = 0;
};

/// Submits work of every kind and keeps some of the refs.
std::vector<narke::object_ref<void>> start_work(int seed) {
  dice random{seed};
  std::vector<narke::object_ref<void>> kept;
  auto previous = narke::put(0);
  auto actor = narke::actor<sleeper>().remote();
  for (int i = 0; i < 200; ++i) {
    switch (random.below(6)) {
      case 0: kept.emplace_back(narke::task([](int x) { return x; }).remote(i)); break;
      case 1: kept.emplace_back(narke::task([] {}, {.num_cpus = 0.5}).remote()); break;
      case 2: previous = narke::task([](int x) { return x + 1; }).remote(previous); break;
      case 3: narke::task(descend).remote(5); break;
      case 4: kept.emplace_back(actor.task(&sleeper::next).remote()); break;
      case 5: kept.emplace_back(actor.task(&sleeper::nest).remote(2)); break;
    }
  }
  kept.emplace_back(previous);
  return kept;
}

// Every ref must have an end: a value, or an exception that says why not.
void expect_all_settled(const std::vector<narke::object_ref<void>>& refs) {
  for (const auto& ref : refs) {
    EXPECT_TRUE(narke::is_ready(ref));
    try {
      narke::get(ref, 0s);
    } catch (const narke::task_cancelled_error&) {
    } catch (const narke::actor_died_error&) {
    }
  }
}

TEST_F(lifecycle_stress, shutdown_with_work_in_flight_settles_every_ref) {
  for (int round = 0; round < scaled(30); ++round) {
    narke::init({.num_cpus = 1 + round % 4});
    const auto refs = start_work(round);
    narke::shutdown();
    expect_all_settled(refs);
  }
}

TEST_F(lifecycle_stress, shutdown_while_threads_submit_and_wait) {
  for (int round = 0; round < scaled(20); ++round) {
    narke::init({.num_cpus = 2});
    const tally working;
    std::vector<std::jthread> threads;
    for (int t = 0; t < 3; ++t) {
      threads.emplace_back([=] {
        working.add();
        try {
          for (;;) {
            auto ref = narke::task([](int x) { return x; }).remote(t);
            EXPECT_EQ(narke::get(ref), t);
          }
        } catch (const narke::error&) {
          // Shut down.
        }
      });
    }
    working.wait_for(3);
    narke::shutdown();
  }
}

// Wakes that were under way when one runtime ended must not become CPUs of the next.
TEST_F(lifecycle_stress, each_runtime_has_its_own_cpus_and_no_more) {
  for (int round = 0; round < scaled(100); ++round) {
    const int cpus = 1 + round % 4;
    narke::init({.num_cpus = cpus});
    const auto running = std::make_shared<narke_test::high_water>();
    const auto run = [=] {
      running->enter();
      std::this_thread::yield();
      running->leave();
    };
    for (int i = 0; i < 20; ++i) {
      auto beside = narke::task(run).remote();
      narke::get(narke::task(run).remote());
      narke::get(narke::task([] { return 1; }, {.num_cpus = cpus}).remote());
      narke::get(beside);
    }
    ASSERT_LE(running->most(), cpus) << "in round " << round;
    for (int i = 0; i < 20; ++i) narke::task(run).remote();
    narke::shutdown();
  }
}

TEST_F(lifecycle_stress, refs_are_dropped_while_the_runtime_ends) {
  const auto seen = narke_test::new_traffic();
  for (int round = 0; round < scaled(30); ++round) {
    narke::init({.num_cpus = 2});
    std::vector<narke::object_ref<narke_test::tracked>> refs;
    for (int i = 0; i < 200; ++i) {
      refs.push_back(narke::task([seen, i] { return narke_test::tracked{seen, i}; }).remote());
    }
    std::jthread dropper{[refs = std::move(refs)]() mutable { refs.clear(); }};
    narke::shutdown();
  }
  EXPECT_EQ(seen->alive, 0);
}

TEST_F(lifecycle_stress, timed_shutdowns_add_up_to_one) {
  for (int round = 0; round < scaled(20); ++round) {
    narke::init({.num_cpus = 2});
    const auto refs = start_work(round);
    while (!narke::shutdown(100us)) {
    }
    EXPECT_FALSE(narke::is_initialized());
    expect_all_settled(refs);
  }
}

}  // namespace
