// A runtime that comes and goes leaves nothing: no memory, no thread, no file; with nothing to do,
// with work of every kind in flight, and from static destructors.
#include <conformance/gpu_fixture.hpp>
#include <faults/refused_memory.hpp>
#include <stress/stress_fixture.hpp>
#include <support/fresh_process.hpp>

#include <chrono>
#include <string>
#include <thread>
#include <vector>

using namespace std::chrono_literals;
using narke_test::in_fresh_process;
using narke_test::scaled;

namespace {

class life : public narke_test::runtime_test {};

int add_one(int x) { return x + 1; }

narke::generator<int> count_for_ever() {
  for (int i = 0;; ++i) co_yield i;
}

struct counter {
  int add(int n) { return value += n; }
  int wait_for(int) {
    while (!narke::stop_requested()) std::this_thread::yield();
    return value;
  }
  int value = 0;
};

/// Work of every kind, done.
void use_everything() {
  auto first = narke::task(add_one, {.name = "first"}).remote(1);
  auto placed = narke::task(add_one, {.resources = {{"license", 1}}}).remote(first);
  auto limited = narke::task(add_one, {.max_retries = 1, .timeout = 1h}).remote(placed);
  auto a = narke::actor<counter>({.name = "counter"}).remote();
  auto x = narke::put(narke::array<float>{narke_test::counted(10)});
  auto y = narke::task(narke_test::plus_one, {.num_gpus = 0.5}).remote(x);
  EXPECT_EQ(narke::get(a.task(&counter::add).remote(limited)), 4);
  EXPECT_EQ(narke::get(y).to_vector()[0], 1.0F);
  auto stream = narke::task(count_for_ever, {.stream_buffer = 4}).remote();
  EXPECT_EQ(narke::get(*stream.next()), 0);
  const narke::placement_group group{{{.num_cpus = 1}}};
  narke::get(group.ready());
}

/// Work of every kind, none of which would end by itself, or has begun for sure.
std::vector<narke::object_ref<void>> leave_everything(narke::promise<int>& open) {
  std::vector<narke::object_ref<void>> kept;
  auto a = narke::actor<counter>({.lifetime = narke::actor_lifetime::detached}).remote();
  const auto obey = [](int) {
    while (!narke::stop_requested()) std::this_thread::yield();
    return 1;
  };
  const auto waits = [](narke::object_ref<int> other) { return narke::get(other); };
  for (int i = 0; i != 3; ++i) {
    auto running = narke::task(obey).remote(i);
    kept.emplace_back(running);
    kept.emplace_back(narke::task(add_one).remote(running));
    kept.emplace_back(narke::task(add_one).remote(open.ref()));
    kept.emplace_back(narke::task(waits).remote(running));
    kept.emplace_back(narke::task(obey, {.resources = {{"license", 1}}}).remote(i));
    kept.emplace_back(narke::task(obey, {.max_retries = -1, .timeout = 1h}).remote(i));
    kept.emplace_back(a.task(&counter::wait_for).remote(i));
    auto stream = narke::task(count_for_ever, {.stream_buffer = 2}).remote();
    kept.emplace_back(stream.completed());
    kept.emplace_back(stream.next_ready());
  }
  return kept;
}

const narke::runtime_options with_all{
    .num_cpus = 2,
    .resources = {{"license", 1}},
    .emulated_gpus = {.count = 1, .memory_bytes = 16 * narke_test::mebibyte}};

/// Runs `round` a few times, and then often, and compares what the process has.
template <class Round>
void expect_nothing_left(int rounds, Round round) {
  for (int i = 0; i != 5; ++i) round();
  const int files = narke_test::own_entries("fd");
  const long blocks = narke_test::live_blocks();
  for (int i = 0; i != rounds; ++i) round();
  EXPECT_EQ(narke_test::own_entries("fd"), files);
  // What was begun anew by another thread each time has room for a few records more.
  EXPECT_LE(narke_test::live_blocks(), blocks + 50) << "in " << rounds << " rounds";
}

TEST_F(life, rounds_leave_no_memory_and_no_file) {
  expect_nothing_left(scaled(100), [] {
    narke::init(with_all);
    use_everything();
    narke_test::expect_nothing_held();
    narke::shutdown();
  });
}

TEST_F(life, shutdown_with_everything_in_flight_leaves_nothing_and_settles_every_ref) {
  expect_nothing_left(scaled(50), [] {
    narke::init(with_all);
    narke::promise<int> open;
    const auto kept = leave_everything(open);
    narke::shutdown();
    for (const auto& ref : kept) EXPECT_TRUE(narke::is_ready(ref));
  });
}

TEST_F(life, rounds_with_worker_processes_leave_no_process) {
  expect_nothing_left(scaled(3), [] {
    narke::init({.num_cpus = 2});
    EXPECT_EQ(narke::get(narke::task(add_one, {.isolation = narke::isolation::process}).remote(1)),
              2);
    narke::shutdown();
  });
  const std::string task = "/proc/self/task/" + std::to_string(::getpid()) + "/children";
  if (std::FILE* children = std::fopen(task.c_str(), "r")) {
    EXPECT_EQ(std::fgetc(children), EOF) << "a worker process is left";
    std::fclose(children);
  }
}

/// Ends a runtime, or uses it, in its destructor.
template <class AtEnd>
struct at_end {
  explicit at_end(AtEnd does) : does_{std::move(does)} {}
  at_end(const at_end&) = delete;
  at_end& operator=(const at_end&) = delete;
  ~at_end() { does_(); }
  AtEnd does_;
};

// The runtime's own end at exit comes in the order of static objects: after those that were made
// since the first init, before those that were there.
TEST_F(life, a_static_object_made_after_init_may_work_and_shut_down) {
  in_fresh_process([] {
    narke::init({.num_cpus = 2});
    static const at_end last{[] {
      if (narke::get(narke::task(add_one).remote(1)) != 2) std::_Exit(2);
      narke::task([] {
        while (!narke::stop_requested()) std::this_thread::yield();
      }).remote();
      narke::shutdown();
      if (narke::is_initialized()) std::_Exit(3);
    }};
  });
}

TEST_F(life, a_static_object_made_before_init_finds_an_error_and_no_runtime) {
  in_fresh_process([] {
    static const at_end first{[] {
      if (narke::is_initialized()) std::_Exit(2);
      narke::shutdown();
      try {
        narke::task(add_one).remote(1);
        std::_Exit(3);
      } catch (const narke::error&) {
      }
    }};
    narke::init({.num_cpus = 2});
    narke::task([] {
      while (!narke::stop_requested()) std::this_thread::yield();
    }).remote();
  });
}

TEST_F(life, shutdown_from_a_task_is_refused_and_the_runtime_goes_on) {
  start(2);
  const auto end = [](int) {
    EXPECT_THROW(narke::shutdown(), narke::error);
    EXPECT_THROW(static_cast<void>(narke::shutdown(1ms)), narke::error);
    return 1;
  };
  EXPECT_EQ(narke::get(narke::task(end).remote(1)), 1);
  EXPECT_EQ(narke::get(narke::task(end, {.num_cpus = 0.5}).remote(1)), 1);
  EXPECT_EQ(narke::get(narke::task(add_one).remote(1)), 2);
}

}  // namespace
