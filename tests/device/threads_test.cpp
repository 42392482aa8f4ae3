// The engine with its own threads: several that submit, read and drop at once, and what it asks of
// the driver while nothing happens.
#include <atomic>
#include <chrono>
#include <memory>
#include <mutex>
#include <random>
#include <thread>

#include "engine_fixture.hpp"
#include "support/stress_rounds.hpp"

namespace narke_test {
namespace {

using std::chrono::milliseconds;
using std::chrono::steady_clock;

scene_options with_threads(int devices, std::uint64_t memory_bytes = 4 * mib) {
  scene_options options = small_scene(devices, memory_bytes);
  options.engine.has_threads = true;
  options.driver.clock = narke::internal::emulated_clock::free_running;
  return options;
}

// Waits until `count` of the works that were given to `counts` are complete.
class completions {
 public:
  test_work& counts(test_work& work) {
    work.when_completed = [this] {
      done_.fetch_add(1);
      done_.notify_all();
    };
    return work;
  }
  void wait_for(int count) {
    for (int seen = done_.load(); seen < count; seen = done_.load()) {
      done_.wait(seen);
    }
  }

 private:
  std::atomic<int> done_{0};
};

TEST(threads, only_markers_outstanding_are_looked_at_each_millisecond) {
  engine_scene scene{with_threads(1)};
  completions all;
  std::atomic<bool> is_open{false};
  scene.submit(all.counts(scene.make(1, {}, [&](gpu_context& gpu, test_work&) {
    gpu.emulate([&is_open] { is_open.wait(false); });
  })));
  const auto queries = [&] { return scene.calls("event_query"); };
  while (queries() < 5) {
    std::this_thread::yield();
  }
  const std::uint64_t before = queries();
  const auto begin = steady_clock::now();
  while (queries() < before + 60) {
    std::this_thread::sleep_for(milliseconds{1});
  }
  const auto took = steady_clock::now() - begin;
  // Sleeping longer than it asked for makes them fewer; nothing makes them more.
  EXPECT_GE(took, milliseconds{59});
  is_open = true;
  is_open.notify_all();
  all.wait_for(1);
}

TEST(threads, idle_engine_makes_no_calls) {
  engine_scene scene{with_threads(2)};
  completions all;
  scene.submit(all.counts(scene.make(1, {}, mixing(16, 0), {0})));
  scene.submit(all.counts(scene.make(1, {}, mixing(16, 0), {1})));
  all.wait_for(2);
  std::uint64_t before = 0;
  do {  // what ends the last work may still be under way
    before = scene.driver.calls_total();
    std::this_thread::sleep_for(milliseconds{5});
  } while (scene.driver.calls_total() != before);
  std::this_thread::sleep_for(milliseconds{50});
  EXPECT_EQ(scene.driver.calls_total(), before);
}

TEST(threads, body_that_waits_delays_no_other_stream) {
  engine_scene scene{with_threads(1)};
  completions all;
  std::atomic<bool> is_open{false};
  test_work& waits = all.counts(scene.make(1, {}, [&](gpu_context& gpu, test_work&) {
    gpu.emulate([&is_open] { is_open.wait(false); });
    gpu.synchronize();
  }));
  scene.submit(waits);
  completions others;
  for (int i = 0; i != 20; ++i) {
    scene.submit(others.counts(scene.make(2, {}, mixing(16, 0))));
  }
  others.wait_for(20);
  is_open = true;
  is_open.notify_all();
  all.wait_for(1);
}

struct pool {
  struct known {
    words handle;
    std::vector<word> expected;
  };
  std::mutex mutex;
  std::vector<known> arrays;

  known take(std::size_t which) {
    const std::lock_guard lock{mutex};
    return arrays[which % arrays.size()];
  }
  void put(known made, std::size_t which) {
    const std::lock_guard lock{mutex};
    if (arrays.size() < 12) {
      arrays.push_back(std::move(made));
    } else {
      arrays[which % arrays.size()] = std::move(made);
    }
  }
};

// A body that found no memory has enqueued something, too: else it is waited for in vain.
test_work::body_type mixing_after_a_mark(std::size_t count, word salt) {
  return [mix = mixing(count, salt)](gpu_context& gpu, test_work& work) {
    gpu.emulate([] {});
    mix(gpu, work);
  };
}

void submit_and_check(engine_scene& scene, std::mutex& making, pool& shared, int thread,
                      int devices) {
  std::mt19937_64 random{static_cast<std::uint64_t>(thread) + 1};
  const int rounds = stress_rounds(60);
  for (int i = 0; i != rounds; ++i) {
    const pool::known a = shared.take(random());
    const pool::known b = shared.take(random());
    const std::size_t count = 64 + random() % (24 * kib);
    const word salt = random();
    test_work* work = nullptr;
    {
      const std::lock_guard lock{making};
      work = &scene.make(1 + random() % 5, {a.handle, b.handle}, mixing_after_a_mark(count, salt),
                         {static_cast<int>(random() % static_cast<std::uint64_t>(devices))});
    }
    const auto progress = std::make_shared<std::atomic<int>>(0);
    work->when_ordered = [progress] {
      progress->store(1);
      progress->notify_all();
    };
    work->when_completed = [progress] {
      progress->store(2);
      progress->notify_all();
    };
    scene.submit(*work);
    progress->wait(0);
    pool::known made{work->results.at(0), mixed_on_host({a.expected, b.expected}, count, salt)};
    work->results.clear();
    if (random() % 3 == 0) {
      EXPECT_EQ(values_of(made.handle), made.expected);
    }
    shared.put(std::move(made), random());
    if (random() % 2 == 0) {
      scene.engine.want(*work);
    }
    progress->wait(1);
    EXPECT_EQ(message_of(work->error), "");
  }
}

class many_threads : public testing::TestWithParam<int> {};

TEST_P(many_threads, submit_read_and_drop_at_once) {
  const int devices = GetParam();
  scene_options options = with_threads(devices);
  options.engine.reserve_bytes = 3 * mib;
  options.engine.slab_bytes = 256 * kib;
  options.engine.chunk_bytes = 32 * kib;
  options.driver.perturb = true;
  options.driver.perturb_delay_us_max = 50;
  engine_scene scene{options};
  std::mutex making;
  pool shared;
  for (word i = 0; i != 4; ++i) {
    shared.arrays.push_back({words{counting(16 * kib, i)}, counting(16 * kib, i)});
  }
  on_threads(3, [&](int thread) { submit_and_check(scene, making, shared, thread, devices); });
  for (const pool::known& each : shared.arrays) {
    EXPECT_EQ(values_of(each.handle), each.expected);
  }
}

INSTANTIATE_TEST_SUITE_P(devices, many_threads, testing::Values(1, 2));

}  // namespace
}  // namespace narke_test
