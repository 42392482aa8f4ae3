// Actors with isolation::process: their state in a process of its own, and what its end means.
#include <narke/narke.hpp>

#include <conformance/actor_values.hpp>
#include <support/runtime_fixture.hpp>
#include <support/stress_rounds.hpp>
#include <support/values.hpp>
#include <support/worker_processes.hpp>

#include <sys/wait.h>
#include <unistd.h>

#include <atomic>
#include <chrono>
#include <csignal>
#include <cstdlib>
#include <memory>
#include <numeric>
#include <optional>
#include <random>
#include <span>
#include <stdexcept>
#include <string>
#include <string_view>
#include <thread>
#include <tuple>
#include <utility>
#include <vector>

using namespace std::chrono_literals;
using narke_test::children;
using narke_test::eventually;
using narke_test::gate;
using narke_test::is_running;
using narke_test::message_of;
using narke_test::own_process;
using narke_test::shared_counts;
using narke_test::tally;

namespace {

constexpr auto apart = narke::isolation::process;

class isolation_actors : public narke_test::two_cpus_test {
 protected:
  void TearDown() override {
    two_cpus_test::TearDown();
    EXPECT_TRUE(children().empty()) << "a worker outlives shutdown";
    EXPECT_EQ(::waitpid(-1, nullptr, WNOHANG), -1) << "a worker was not reaped";
  }
};

class counter {
 public:
  explicit counter(int start) : value_{start} {}
  // Counts its end.
  counter(int start, std::string counts) : value_{start}, counts_{std::move(counts)} {}
  counter(const counter&) = delete;
  counter& operator=(const counter&) = delete;
  ~counter() {
    if (!counts_.empty()) shared_counts::add_one(counts_, 0);
  }

  int add(int n) { return value_ += n; }
  int value() const noexcept { return value_; }
  int process() { return own_process(); }
  void crash() { std::abort(); }
  void quit(int code) { ::_exit(code); }
  int crash_before(const std::string& path, int n) {
    if (shared_counts::add_one(path, 0) < n) ::_exit(9);
    return narke::this_task::attempt();
  }
  void run_for_ever(const std::string& path) {
    shared_counts::add_one(path, 0);
    for (;;) ::pause();
  }
  int until_stopped(const std::string& path) {
    shared_counts::add_one(path, 0);
    while (!narke::stop_requested()) std::this_thread::sleep_for(1ms);
    return 5;
  }
  void throws() { throw std::out_of_range{"far"}; }
  int fail_before(const std::string& path, int n) {
    if (shared_counts::add_one(path, 0) < n) narke::this_actor::fail("not yet");
    return narke::this_task::attempt();
  }
  int fail_but_return(int result) {
    try {
      narke::this_actor::fail("swallowed");
    } catch (const narke::error&) {
    }
    return result;
  }
  void end() { narke::this_actor::end(); }
  std::string name() { return narke::this_actor::name(); }
  int restarts() { return narke::this_actor::restarts(); }
  void self() { static_cast<void>(narke::this_actor::handle<counter>()); }

 private:
  int value_;
  std::string counts_;
};

/// What an actor was lost by, as the call says it.
template <class T>
std::string crash_of(const narke::object_ref<T>& ref) {
  return narke_test::cause_of<narke::worker_crashed_error>(ref);
}

TEST_F(isolation_actors, keep_their_state_in_a_process_of_their_own) {
  auto a = narke::actor<counter>({.isolation = apart}).remote(10);
  auto b = narke::actor<counter>({.isolation = apart}).remote(100);
  EXPECT_EQ(narke::get(a.task(&counter::add).remote(1)), 11);
  EXPECT_EQ(narke::get(b.task(&counter::add).remote(1)), 101);
  EXPECT_EQ(narke::get(a.task(&counter::add).remote(1)), 12);
  EXPECT_EQ(narke::get(a.task(&counter::value).remote()), 12);
  const int there = narke::get(a.task(&counter::process).remote());
  EXPECT_NE(there, own_process());
  EXPECT_NE(there, narke::get(b.task(&counter::process).remote()));
  EXPECT_EQ(there, narke::get(a.task(&counter::process).remote()));
  EXPECT_NE(there, narke::get(narke::task(own_process, {.isolation = apart}).remote()));
}

TEST_F(isolation_actors, run_their_calls_in_order) {
  auto a = narke::actor<counter>({.isolation = apart}).remote(0);
  std::vector<narke::object_ref<int>> refs;
  for (int i = 0; i != 200; ++i) {
    refs.push_back(i % 10 == 5
                       ? a.task(&counter::add).remote(narke::task([] { return 1; }).remote())
                       : a.task(&counter::add).remote(1));
  }
  const std::vector<int> all = narke::get(refs);
  for (int i = 0; i != 200; ++i) EXPECT_EQ(all[static_cast<std::size_t>(i)], i + 1);
}

// Pointers to members of every kind, with values of every form.
struct shape {
  virtual ~shape() = default;
  virtual std::string kind() const { return "shape"; }
  int plain() { return 1; }
};
struct named {
  std::string name = "unnamed";
  virtual ~named() = default;
  virtual std::string label() { return name; }
  std::string rename(std::string_view to) { return std::exchange(name, std::string{to}); }
};
class square : public shape, public named {
 public:
  square() = default;
  explicit square(const std::vector<int>& sides, std::string text, std::vector<int> gathered)
      : sides_{sides} {
    name = std::move(text);
    sides_.insert(sides_.end(), gathered.begin(), gathered.end());
  }
  std::string kind() const override { return "square"; }
  std::string label() override { return "square " + name; }
  int sum() const { return std::accumulate(sides_.begin(), sides_.end(), 0); }
  const std::vector<int>& sides() const noexcept { return sides_; }
  double total(std::span<const double> more) {
    return std::accumulate(more.begin(), more.end(), 0.0);
  }
  std::tuple<int, std::string> both(int number) { return {number, name}; }
  narke::array<int> bumped(narke::array_builder<int> values) {
    for (int& each : values) ++each;
    return values;
  }
  int twice(int x) { return 2 * x; }
  std::string twice(const std::string& x) { return x + x; }

 private:
  std::vector<int> sides_;
};

TEST_F(isolation_actors, take_pointers_to_members_of_every_kind) {
  auto a = narke::actor<square>({.isolation = apart}).remote();
  EXPECT_EQ(narke::get(a.task(&shape::kind).remote()), "square") << "virtual";
  EXPECT_EQ(narke::get(a.task(&square::kind).remote()), "square");
  EXPECT_EQ(narke::get(a.task(&shape::plain).remote()), 1) << "of a base";
  EXPECT_EQ(narke::get(a.task(&named::rename).remote("one")), "unnamed") << "of a second base";
  EXPECT_EQ(narke::get(a.task(&named::label).remote()), "square one") << "virtual, of the second";
  std::string (square::*inherited)(std::string_view) = &named::rename;
  EXPECT_EQ(narke::get(a.task(inherited).remote(narke::put(std::string{"two"}))), "one");
  EXPECT_EQ(narke::get(a.task(static_cast<int (square::*)(int)>(&square::twice)).remote(21)), 42);
  auto text = a.task(static_cast<std::string (square::*)(const std::string&)>(&square::twice));
  EXPECT_EQ(narke::get(text.remote("ab")), "abab");
}

TEST_F(isolation_actors, take_and_give_values_of_every_form) {
  std::vector<narke::object_ref<int>> parts{narke::put(3), narke::task([] { return 4; }).remote()};
  auto a = narke::actor<square>({.isolation = apart})
               .remote(narke::put(std::vector<int>{1, 2}), "text", parts);
  EXPECT_EQ(narke::get(a.task(&square::sum).remote()), 10);
  EXPECT_EQ(narke::get(a.task(&square::sides).remote()), (std::vector{1, 2, 3, 4}));
  auto [number, name] = a.task(&square::both).num_returns<2>().remote(7);
  EXPECT_EQ(narke::get(number), 7);
  EXPECT_EQ(narke::get(name), "text");
  EXPECT_EQ(narke::get(a.task(&square::total).remote(narke::put(std::vector<double>(10, 0.5)))), 5);
  const auto given = narke::put(narke::array<int>{std::vector<int>(200'000, 1)});
  const auto made = a.task(&square::bumped).remote(given);
  EXPECT_EQ(narke::get(made).host()[199'999], 2);
  EXPECT_EQ(narke::get(given).host()[0], 1);
}

TEST_F(isolation_actors, live_on_after_a_method_that_throws) {
  auto a = narke::actor<counter>({.isolation = apart}).remote(3);
  EXPECT_EQ(message_of<std::out_of_range>([&] { narke::get(a.task(&counter::throws).remote()); }),
            "far");
  EXPECT_EQ(narke::get(a.task(&counter::value).remote()), 3);
}

TEST_F(isolation_actors, whose_constructor_throws_are_dead_with_that_cause) {
  struct unborn {
    explicit unborn(const std::string& path) {
      shared_counts::add_one(path, 0);
      throw std::out_of_range{"no"};
    }
    int call() { return 1; }
  };
  shared_counts counts{1};
  auto a = narke::actor<unborn>({.max_restarts = -1, .isolation = apart}).remote(counts.path());
  try {
    narke::get(a.task(&unborn::call).remote());
    ADD_FAILURE() << "it is not dead";
  } catch (const narke::actor_died_error& died) {
    EXPECT_THROW(std::rethrow_exception(died.cause()), std::out_of_range);
  }
  EXPECT_EQ(counts[0], 1) << "a constructor that throws is not called again";
  EXPECT_TRUE(eventually([] { return children().empty(); }));
}

TEST_F(isolation_actors, that_crash_are_lost_with_worker_crashed_error) {
  auto a = narke::actor<counter>({.name = "brittle", .isolation = apart}).remote(0);
  auto lost = a.task(&counter::crash).remote();
  auto behind = a.task(&counter::add).remote(1);
  EXPECT_NE(crash_of(lost).find("SIGABRT"), std::string::npos) << crash_of(lost);
  EXPECT_NE(crash_of(behind).find("SIGABRT"), std::string::npos) << crash_of(behind);
  EXPECT_NE(crash_of(a.task(&counter::value).remote()).find("SIGABRT"), std::string::npos);
  EXPECT_NE(message_of<narke::actor_died_error>([&] { narke::get(lost); }).find("'brittle'"),
            std::string::npos);
  EXPECT_THROW(narke::get_actor<counter>("brittle"), narke::actor_not_found);
}

TEST_F(isolation_actors, that_crash_are_made_again_in_another_process) {
  auto a = narke::actor<counter>({.max_restarts = 2, .isolation = apart}).remote(10);
  EXPECT_EQ(narke::get(a.task(&counter::add).remote(5)), 15);
  const int before = narke::get(a.task(&counter::process).remote());
  for (int round = 1; round != 3; ++round) {
    auto lost = a.task(&counter::quit).remote(3);
    auto behind = a.task(&counter::add).remote(1);
    EXPECT_NE(crash_of(lost).find("exit code 3"), std::string::npos) << crash_of(lost);
    EXPECT_EQ(narke::get(behind), 11) << "calls that wait stay";
    EXPECT_NE(narke::get(a.task(&counter::process).remote()), before);
    EXPECT_EQ(narke::get(a.task(&counter::restarts).remote()), round);
  }
  EXPECT_NE(crash_of(a.task(&counter::quit).remote(4)), "not dead");
  EXPECT_NE(crash_of(a.task(&counter::value).remote()).find("exit code 4"), std::string::npos);
}

TEST_F(isolation_actors, give_calls_again_by_max_task_retries) {
  shared_counts counts{1};
  auto a = narke::actor<counter>({.max_restarts = -1, .max_task_retries = 3, .isolation = apart})
               .remote(0);
  EXPECT_EQ(narke::get(a.task(&counter::crash_before).remote(counts.path(), 3)), 2);
  EXPECT_EQ(counts[0], 3);
  counts[0] = 0;
  EXPECT_NE(crash_of(a.task(&counter::crash_before).remote(counts.path(), 99)), "not dead");
  EXPECT_EQ(counts[0], 4);
  counts[0] = 0;
  auto once = a.task(&counter::crash_before).options({.max_task_retries = 0});
  EXPECT_NE(crash_of(once.remote(counts.path(), 99)), "not dead");
  EXPECT_EQ(counts[0], 1);
  EXPECT_EQ(narke::get(a.task(&counter::value).remote()), 0);
}

// A call that has not begun is not lost: it needs no retry.
TEST_F(isolation_actors, that_die_idle_are_made_again_before_the_next_call) {
  auto a = narke::actor<counter>({.max_restarts = -1, .isolation = apart}).remote(1);
  for (int i = 0; i != 10; ++i) {
    const int there = narke::get(a.task(&counter::process).remote());
    ::kill(there, SIGKILL);
    EXPECT_NE(narke::get(a.task(&counter::process).remote()), there);
  }
  EXPECT_EQ(narke::get(a.task(&counter::restarts).remote()), 10);
}

TEST_F(isolation_actors, that_die_idle_are_made_again_without_a_call) {
  auto a = narke::actor<counter>({.name = "idle", .max_restarts = 1, .isolation = apart}).remote(1);
  const int there = narke::get(a.task(&counter::process).remote());
  ::kill(there, SIGKILL);
  EXPECT_TRUE(eventually([&] {
    const auto all = children();
    return all.size() == 1 && all[0] != there;
  }));
  ::kill(narke::get(a.task(&counter::process).remote()), SIGKILL);
  EXPECT_TRUE(eventually([] {
    try {
      static_cast<void>(narke::get_actor<counter>("idle"));
      return false;
    } catch (const narke::actor_not_found&) {
      return true;
    }
  })) << "no restart is left";
  EXPECT_NE(crash_of(a.task(&counter::value).remote()).find("worker process"), std::string::npos);
}

TEST_F(isolation_actors, that_are_killed_end_at_once_and_without_destructor) {
  shared_counts counts{1};
  shared_counts ends{1};
  auto a = narke::actor<counter>({.max_restarts = -1, .isolation = apart}).remote(0, ends.path());
  auto running = a.task(&counter::run_for_ever).remote(counts.path());
  auto behind = a.task(&counter::value).remote();
  ASSERT_TRUE(eventually([&] { return counts[0] == 1; }));
  narke::kill(a);
  EXPECT_EQ(crash_of(running), "none");
  EXPECT_EQ(crash_of(behind), "none");
  EXPECT_TRUE(eventually([] { return children().empty(); })) << "its process goes on";
  EXPECT_EQ(counts[0], 1);
  EXPECT_EQ(ends[0], 0);
}

TEST_F(isolation_actors, that_are_killed_in_their_constructor_end_at_once) {
  struct slow {
    explicit slow(const std::string& path) {
      shared_counts::add_one(path, 0);
      for (;;) ::pause();
    }
    int call() { return 1; }
  };
  shared_counts counts{1};
  auto a = narke::actor<slow>({.isolation = apart}).remote(counts.path());
  auto call = a.task(&slow::call).remote();
  ASSERT_TRUE(eventually([&] { return counts[0] == 1; }));
  narke::kill(a);
  EXPECT_EQ(crash_of(call), "none");
  EXPECT_TRUE(eventually([] { return children().empty(); }));
}

// However early: before there is a process, while it starts, or once it is there.
TEST_F(isolation_actors, may_be_killed_at_any_moment) {
  for (int i = 0; i != 20; ++i) {
    auto a = narke::actor<counter>({.max_restarts = -1, .isolation = apart}).remote(0);
    auto call = a.task(&counter::add).remote(1);
    std::this_thread::sleep_for(std::chrono::microseconds{i * 500});
    narke::kill(a);
    try {
      EXPECT_EQ(narke::get(call), 1);
    } catch (const narke::actor_died_error&) {
    }
  }
  EXPECT_TRUE(eventually([] { return children().empty(); }));
}

TEST_F(isolation_actors, lose_their_process_to_a_cancel_by_force) {
  shared_counts counts{1};
  auto a = narke::actor<counter>({.max_restarts = 1, .max_task_retries = -1, .isolation = apart})
               .remote(7);
  auto running = a.task(&counter::run_for_ever).remote(counts.path());
  ASSERT_TRUE(eventually([&] { return counts[0] == 1; }));
  EXPECT_TRUE(narke::cancel(running, {.force = true}));
  EXPECT_THROW(narke::get(running), narke::task_cancelled_error);
  EXPECT_EQ(narke::get(a.task(&counter::restarts).remote()), 1);
  EXPECT_EQ(counts[0], 1) << "what was cancelled is not given again";
  auto again = a.task(&counter::run_for_ever).remote(counts.path());
  ASSERT_TRUE(eventually([&] { return counts[0] == 2; }));
  EXPECT_TRUE(narke::cancel(again, {.force = true}));
  EXPECT_THROW(narke::get(again), narke::task_cancelled_error);
  EXPECT_NE(crash_of(a.task(&counter::value).remote()), "not dead");
}

TEST_F(isolation_actors, are_asked_to_stop_by_cancel) {
  shared_counts counts{1};
  auto a = narke::actor<counter>({.isolation = apart}).remote(7);
  auto running = a.task(&counter::until_stopped).remote(counts.path());
  ASSERT_TRUE(eventually([&] { return counts[0] == 1; }));
  EXPECT_TRUE(narke::cancel(running));
  EXPECT_THROW(narke::get(running), narke::task_cancelled_error);
  EXPECT_EQ(narke::get(a.task(&counter::value).remote()), 7) << "it lives on";
}

TEST_F(isolation_actors, are_destroyed_there_with_their_last_handle) {
  shared_counts ends{1};
  narke::object_ref<int> last;
  {
    auto a = narke::actor<counter>({.isolation = apart}).remote(1, ends.path());
    last = a.task(&counter::add).remote(1);
  }
  EXPECT_EQ(narke::get(last), 2);
  EXPECT_TRUE(eventually([&] { return ends[0] == 1; }));
  EXPECT_TRUE(eventually([] { return children().empty(); }));
}

TEST_F(isolation_actors, are_destroyed_there_by_shutdown) {
  shared_counts ends{1};
  auto a = narke::actor<counter>({.lifetime = narke::actor_lifetime::detached, .isolation = apart})
               .remote(1, ends.path());
  EXPECT_EQ(narke::get(a.task(&counter::add).remote(1)), 2);
  narke::shutdown();
  EXPECT_EQ(ends[0], 1);
  EXPECT_TRUE(children().empty());
  EXPECT_THROW(a.task(&counter::value).remote(), narke::error);
}

TEST_F(isolation_actors, know_their_name_and_lose_or_end_themselves) {
  shared_counts counts{1};
  auto a = narke::actor<counter>(
               {.name = "there", .max_restarts = -1, .max_task_retries = 1, .isolation = apart})
               .remote(5);
  EXPECT_EQ(narke::get(a.task(&counter::name).remote()), "there");
  EXPECT_EQ(narke::get(a.task(&counter::add).remote(1)), 6);
  EXPECT_EQ(narke::get(a.task(&counter::fail_before).remote(counts.path(), 2)), 1);
  EXPECT_EQ(narke::get(a.task(&counter::add).remote(1)), 6) << "a new state";
  EXPECT_EQ(narke::get(a.task(&counter::fail_but_return).remote(9)), 9);
  EXPECT_EQ(narke::get(a.task(&counter::restarts).remote()), 2);
  const std::string told =
      message_of<narke::error>([&] { narke::get(a.task(&counter::self).remote()); });
  EXPECT_NE(told.find("process of its own"), std::string::npos) << told;
  counts[0] = 0;
  try {
    narke::get(a.task(&counter::fail_before).remote(counts.path(), 99));
    ADD_FAILURE() << "it was not lost";
  } catch (const narke::actor_died_error& died) {
    EXPECT_EQ(message_of<narke::error>([&] { std::rethrow_exception(died.cause()); }), "not yet");
  }
  EXPECT_EQ(crash_of(a.task(&counter::end).remote()), "none");
  EXPECT_EQ(crash_of(a.task(&counter::value).remote()), "none");
}

TEST_F(isolation_actors, keep_their_resources_until_their_process_is_gone) {
  narke::shutdown();
  narke::init({.num_cpus = 2, .resources = {{"license", 1}}});
  auto a = narke::actor<counter>(
               {.resources = {{"license", 1}}, .max_restarts = 1, .isolation = apart})
               .remote(0);
  const int there = narke::get(a.task(&counter::process).remote());
  EXPECT_EQ(narke_test::available("license"), 0.0);
  EXPECT_NE(crash_of(a.task(&counter::crash).remote()), "not dead");
  const int again = narke::get(a.task(&counter::process).remote());
  EXPECT_NE(there, again);
  EXPECT_EQ(narke_test::available("license"), 0.0);
  a = {};
  EXPECT_TRUE(eventually([] { return narke_test::available("license") == 1.0; }));
  EXPECT_FALSE(is_running(again));
}

// What it has kept since it was made counts.
TEST_F(isolation_actors, that_grow_beyond_their_memory_are_lost) {
  class hoard {
   public:
    std::size_t keep(std::size_t bytes) {
      kept_.emplace_back(bytes, 'x');
      return kept_.size();
    }
    void keep_and_wait(std::size_t bytes) {
      kept_.emplace_back(bytes, 'x');
      for (;;) ::pause();  // until the limit is seen
    }

   private:
    std::vector<std::vector<char>> kept_;
  };
  auto a =
      narke::actor<hoard>({.memory = 100 << 20, .max_restarts = 1, .isolation = apart}).remote();
  // Sanitizers take several times as much.
  constexpr std::size_t few = std::size_t{15} << 20;
  constexpr std::size_t many = std::size_t{95} << 20;
  EXPECT_EQ(narke::get(a.task(&hoard::keep).remote(few)), 1U);
  const std::string told = crash_of(a.task(&hoard::keep_and_wait).remote(many));
  EXPECT_NE(told.find("limit of memory"), std::string::npos) << told;
  EXPECT_EQ(narke::get(a.task(&hoard::keep).remote(few)), 1U);
}

TEST_F(isolation_actors, refuse_what_cannot_be_there) {
  EXPECT_THROW(narke::actor<counter>({.max_concurrency = 2, .isolation = apart}),
               std::invalid_argument);
  EXPECT_THROW(narke::actor<counter>({.isolation = apart, .concurrency_groups = {{"io", 2}}}),
               std::invalid_argument);
  struct odd {
    odd() = default;
    explicit odd(std::shared_ptr<int>) {}
    int read(const int* p) { return *p; }
    narke_test::move_only make() { return narke_test::move_only{1}; }
    void work(narke::gpu_context&) {}
    narke::generator<int> stream() { co_yield 1; }
    int fine() { return 3; }
  };
  EXPECT_NE(message_of<std::invalid_argument>([] {
              narke::actor<odd>({.isolation = apart}).remote(std::make_shared<int>(3));
            }).find("shared_ptr"),
            std::string::npos);
  auto a = narke::actor<odd>({.isolation = apart}).remote();
  EXPECT_NE(message_of<std::invalid_argument>([&] {
              a.task(&odd::read).remote(nullptr);
            }).find("int const*"),
            std::string::npos);
  EXPECT_NE(message_of<std::invalid_argument>([&] {
              a.task(&odd::make).remote();
            }).find("narke_test::move_only"),
            std::string::npos);
  EXPECT_THROW(a.task(&odd::work).remote(), std::invalid_argument);
  EXPECT_THROW(a.task(&odd::stream).remote(), std::invalid_argument);
  EXPECT_EQ(narke::get(a.task(&odd::fine).remote()), 3);
}

TEST_F(isolation_actors, die_with_their_parent) {
  shared_counts counts{2};
  auto be_parent = narke::task(
      [](const std::string& path) {
        narke::init({.num_cpus = 2});
        auto a = narke::actor<counter>({.isolation = apart}).remote(0);
        shared_counts::set(path, 0, narke::get(a.task(&counter::process).remote()));
        shared_counts::set(path, 1, own_process());
        for (;;) ::pause();
      },
      {.isolation = apart});
  auto ref = be_parent.remote(counts.path());
  ASSERT_TRUE(eventually([&] { return counts[1] != 0; }));
  EXPECT_TRUE(is_running(counts[0]));
  ::kill(counts[1], SIGKILL);
  EXPECT_THROW(narke::get(ref), narke::worker_crashed_error);
  EXPECT_TRUE(eventually([&] { return !is_running(counts[0]); }));
}

class isolation_actor_gpus : public narke_test::runtime_test {};

TEST_F(isolation_actor_gpus, are_exactly_those_of_the_actor) {
  class looks {
   public:
    std::string visible() {
      const char* value = std::getenv("CUDA_VISIBLE_DEVICES");
      return value != nullptr ? value : "(unset)";
    }
    std::vector<int> ids() { return narke::get_gpu_ids(); }
    void crash() { std::abort(); }
  };
  narke::init({.num_cpus = 2, .emulated_gpus = {.count = 3, .memory_bytes = 1 << 20}});
  std::vector<std::string> uuids;
  for (const narke::gpu& each : narke::gpus()) uuids.push_back(each.uuid);
  auto one = narke::actor<looks>({.num_gpus = 1, .isolation = apart}).remote();
  EXPECT_EQ(narke::get(one.task(&looks::visible).remote()), uuids[0]);
  auto two = narke::actor<looks>({.num_gpus = 2, .max_restarts = 1, .isolation = apart}).remote();
  for (int round = 0; round != 2; ++round) {
    EXPECT_EQ(narke::get(two.task(&looks::visible).remote()), uuids[1] + "," + uuids[2]);
    EXPECT_EQ(narke::get(two.task(&looks::ids).remote()), (std::vector<int>{0, 1}));
    if (round == 0) {
      EXPECT_NE(crash_of(two.task(&looks::crash).remote()), "not dead");
    }
  }
  auto none = narke::actor<looks>({.isolation = apart}).remote();
  EXPECT_EQ(narke::get(none.task(&looks::visible).remote()), "");
}

// Processes are killed all the time. With retries without end every call is done at least once, and
// those of a submitter in their order.
TEST_F(isolation_actors, lose_no_call_when_their_processes_are_killed) {
  class ledger {
   public:
    int note(const std::string& path, int call) {
      const int times = shared_counts::add_one(path, static_cast<std::size_t>(call));
      std::this_thread::sleep_for(200us);
      last_ = std::max(last_, call);
      return last_ == call ? times : -1;
    }

   private:
    int last_ = -1;  // of this state
  };
  const int calls = narke_test::stress_rounds(200);
  shared_counts counts{static_cast<std::size_t>(calls)};
  auto a = narke::actor<ledger>({.max_restarts = -1, .max_task_retries = -1, .isolation = apart})
               .remote();
  std::atomic<bool> done{false};
  std::thread killer{[&] {
    std::minstd_rand random{1};
    for (int kills = 0; !done && kills != 60; ++kills) {
      const auto living = children();
      if (!living.empty()) ::kill(living[random() % living.size()], SIGKILL);
      std::this_thread::sleep_for(std::chrono::milliseconds{11});
    }
  }};
  std::vector<narke::object_ref<int>> refs;
  for (int i = 0; i != calls; ++i) refs.push_back(a.task(&ledger::note).remote(counts.path(), i));
  for (int i = 0; i != calls; ++i) {
    EXPECT_GE(narke::get(refs[static_cast<std::size_t>(i)]), 1) << "call " << i << " out of order";
    EXPECT_GE(counts[static_cast<std::size_t>(i)], 1);
  }
  done = true;
  killer.join();
}

}  // namespace
