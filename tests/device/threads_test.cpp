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

// Works of one callable whose bodies are known to take long: another thread submits meanwhile.
class slow_works {
 public:
  explicit slow_works(engine_scene& scene) : scene_{scene} {
    // The median of the first ones decides.
    completions first;
    for (int i = 0; i != 5; ++i) {
      test_work& work = first.counts(make(1, [](gpu_context& gpu, test_work&) {
        std::this_thread::sleep_for(milliseconds{1});  // five times the limit, and more
        gpu.emulate([] {});
      }));
      scene.submit(work);
      scene.engine.want(work);
    }
    first.wait_for(5);
    EXPECT_EQ(scene.engine.facts().bodies_on_spare_threads, 0U);
  }
  test_work& make(std::uint64_t share, test_work::body_type body) {
    static const char key = 0;
    test_work& work = scene_.make(share, {}, std::move(body));
    work.key = &key;
    return work;
  }

 private:
  engine_scene& scene_;
};

TEST(threads, bodies_that_take_long_keep_no_other_from_being_submitted) {
  engine_scene scene{with_threads(1)};
  slow_works slow{scene};
  // This body ends only after works that were submitted behind it, to another stream.
  completions others;
  completions last;
  scene.submit(last.counts(slow.make(1, [&others](gpu_context& gpu, test_work&) {
    others.wait_for(20);
    gpu.emulate([] {});
  })));
  for (int i = 0; i != 20; ++i) {
    scene.submit(others.counts(scene.make(2, {}, mixing(16, 0))));
  }
  last.wait_for(1);
  // Those of the other stream may take as long, on a busy machine.
  EXPECT_GE(scene.engine.facts().bodies_on_spare_threads, 1U);
}

// The event covers what the body has enqueued so far, which may be all that it will: then whoever
// waits for its end, too, need not, but only the driver knows.
TEST(threads, an_event_in_the_middle_of_a_body_may_make_a_wait_redundant) {
  scene_options options = with_threads(1);
  options.engine.marker_age_ns = UINT64_MAX;  // only who waits for it has an event recorded
  engine_scene scene{options};
  slow_works slow{scene};
  std::atomic<bool> has_enqueued{false};
  std::atomic<bool> is_open{false};
  test_work& before = scene.make(1, {}, mixing(16, 0));
  test_work& within = slow.make(1, [&](gpu_context& gpu, test_work& work) {
    mixing(16, 1)(gpu, work);
    has_enqueued = true;
    has_enqueued.notify_all();
    is_open.wait(false);
  });
  completions both;
  scene.submit(both.counts(before));
  scene.submit(both.counts(within));
  has_enqueued.wait(false);
  EXPECT_EQ(values_of(before.results.at(0)), mixed_on_host({}, 16, 0));
  is_open = true;
  is_open.notify_all();
  EXPECT_EQ(values_of(within.results.at(0)), mixed_on_host({}, 16, 1));
  both.wait_for(2);
  EXPECT_EQ(scene.driver.redundant_waits(), 1U);
  EXPECT_EQ(scene.engine.facts().order.outruns, 1U);
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

// As above, while some call or some piece of device work fails, by seed.
void submit_and_expect_types(engine_scene& scene, std::mutex& making, int thread,
                             std::uint64_t seed) {
  std::mt19937_64 random{seed * 31 + static_cast<std::uint64_t>(thread)};
  pool::known before{words{counting(4 * kib)}, counting(4 * kib)};
  for (int i = 0; i != 12; ++i) {
    const std::size_t count = 64 + random() % (8 * kib);
    const word salt = random();
    test_work* work = nullptr;
    {
      const std::lock_guard lock{making};
      work = &scene.make(1 + random() % 4, {before.handle}, mixing_after_a_mark(count, salt),
                         {static_cast<int>(random() % 2)});
    }
    const auto is_done = std::make_shared<std::atomic<bool>>(false);
    work->when_completed = [is_done] {
      is_done->store(true);
      is_done->notify_all();
    };
    scene.submit(*work);
    if (random() % 2 == 0) {
      scene.engine.want(*work);
    }
    is_done->wait(false);
    for (const std::exception_ptr& why : {work->error, work->thrown}) {
      EXPECT_TRUE(why == nullptr || is_a<narke::error>(why)) << message_of(why);
    }
    if (work->error == nullptr && work->thrown == nullptr) {
      before = {work->results.at(0), mixed_on_host({before.expected}, count, salt)};
    }
    work->results.clear();
    try {
      EXPECT_EQ(values_of(before.handle), before.expected) << "seed " << seed;
    } catch (const narke::error&) {  // it was on the device that is lost
      before = {words{counting(4 * kib)}, counting(4 * kib)};
    }
  }
}

TEST(threads, faults_while_several_threads_submit_end_in_right_values_or_typed_errors) {
  constexpr const char* entries[] = {
      "event_query",       "event_record", "stream_wait_event", "memcpy_htod_async",
      "memcpy_dtoh_async", "emulate",      "memcpy_peer_async", "mem_alloc_from_pool_async"};
  constexpr cu_result codes[] = {cu_result::invalid_value, cu_result::illegal_address,
                                 cu_result::unknown, cu_result::out_of_memory};
  const auto rounds = static_cast<std::uint64_t>(stress_rounds(8));
  for (std::uint64_t seed = 1; seed <= rounds; ++seed) {
    scene_options options = with_threads(2);
    options.engine.chunk_bytes = 16 * kib;
    options.driver.detect_races = false;  // a device that is lost is waited for no more
    options.driver.perturb = true;
    options.driver.perturb_delay_us_max = 50;
    options.driver.seed = seed;
    options.expects_violations = true;
    if (seed % 3 == 0) {
      options.driver.faults = {
          {.nth = 1 + seed % 17, .code = cu_result::illegal_address, .when_executed = true}};
    } else {
      options.driver.faults = {
          {.entry = entries[seed % 8], .nth = 2 + seed % 11, .code = codes[seed / 2 % 4]}};
    }
    engine_scene scene{options};
    std::mutex making;
    on_threads(2, [&](int thread) { submit_and_expect_types(scene, making, thread, seed); });
    scene.finish();
    EXPECT_EQ(scene.found(true), "") << "seed " << seed;
  }
}

INSTANTIATE_TEST_SUITE_P(devices, many_threads, testing::Values(1, 2));

}  // namespace
}  // namespace narke_test
