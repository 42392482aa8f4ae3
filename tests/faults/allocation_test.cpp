// The n-th allocation fails: of tasks, objects, waiting, actors and what else runs on CPUs.
#include <faults/allocation_fixture.hpp>

#include <array>
#include <atomic>
#include <chrono>
#include <filesystem>
#include <numeric>
#include <ranges>
#include <string>
#include <thread>
#include <vector>

using namespace std::chrono_literals;
using narke_test::kept_refs;

namespace {

class allocation_faults : public narke_test::allocation_faults {
 protected:
  void SetUp() override {
    narke_test::allocation_faults::SetUp();
    narke::init({.num_cpus = 2, .resources = {{"license", 2}}});
  }
};

int add_one(int x) { return x + 1; }

struct counter {
  explicit counter(int start) : value{start} {}
  int add(int n) { return value += n; }
  int fail() { narke::this_actor::fail("on purpose"); }
  std::atomic<int> value;  // two methods may run at once
};

TEST_F(allocation_faults, of_submit_and_get) {
  refuse_each("submit and get", [](kept_refs& keep) {
    auto first = keep(narke::task(add_one).remote(1));
    auto second = keep(narke::task(add_one, {.name = "second"}).remote(first));
    EXPECT_EQ(narke::get(second), 3);
  });
}

TEST_F(allocation_faults, of_a_chain_that_fails) {
  refuse_each("a chain that fails", [](kept_refs& keep) {
    auto failing = keep(narke::task([](int x) -> int {
                          throw std::out_of_range{std::to_string(x)};
                        }).remote(1));
    for (int i = 0; i != 8; ++i) failing = keep(narke::task(add_one).remote(failing));
    try {
      narke::get(failing);
    } catch (const std::out_of_range&) {
    }
  });
}

TEST_F(allocation_faults, of_put_and_large_arguments) {
  const std::vector<double> values(20'000, 0.5);
  refuse_each("put and large arguments", [&](kept_refs& keep) {
    const auto sum = [](const std::vector<double>& all) {
      return std::accumulate(all.begin(), all.end(), 0.0);
    };
    auto big = keep(narke::put(values));
    auto total = keep(narke::task(sum).remote(big));
    auto other = keep(narke::task(sum).remote(values));
    EXPECT_EQ(narke::get(total), 10'000);
    EXPECT_EQ(narke::get(other), 10'000);
    std::vector<double> mine = narke::get(std::move(big));
    EXPECT_EQ(mine.size(), values.size());
  });
}

TEST_F(allocation_faults, of_lists_of_refs) {
  refuse_each("lists of refs", [](kept_refs& keep) {
    std::vector<narke::object_ref<int>> refs;
    for (int i = 0; i != 20; ++i) refs.push_back(keep(narke::task(add_one).remote(i)));
    auto [ready, not_ready] = narke::wait(refs, {.num_returns = 5});
    EXPECT_EQ(ready.size(), 5U);
    int sum = 0;
    for (auto& ref : narke::as_completed(refs)) sum += narke::get(ref);
    EXPECT_EQ(sum, 210);
    const auto all = [](const std::vector<int>& each) { return static_cast<int>(each.size()); };
    EXPECT_EQ(narke::get(keep(narke::task(all).remote(refs))), 20);
    auto [a, b] = narke::get(refs[0], refs[1]);
    EXPECT_EQ(a + b, 3);
  });
}

TEST_F(allocation_faults, of_several_results) {
  refuse_each("several results", [](kept_refs& keep) {
    const auto three = [](int x) { return std::tuple{x, std::to_string(x), std::vector{x, x}}; };
    auto [a, b, c] = narke::task(three).num_returns<3>().remote(5);
    keep(a);
    keep(b);
    keep(c);
    EXPECT_EQ(narke::get(a), 5);
    EXPECT_EQ(narke::get(b), "5");
    EXPECT_EQ(narke::get(c).size(), 2U);
  });
}

TEST_F(allocation_faults, of_nested_gets) {
  refuse_each("nested gets", [](kept_refs& keep) {
    const auto nested = [](int x) {
      auto one = narke::task(add_one, {.num_cpus = 0.5}).remote(x);
      auto two = narke::task(add_one).remote(one);
      return narke::get(two);
    };
    auto first = keep(narke::task(nested).remote(1));
    auto second = keep(narke::task(nested).remote(2));
    EXPECT_EQ(narke::get(first) + narke::get(second), 7);
  });
}

TEST_F(allocation_faults, of_the_placement_lane) {
  refuse_each("the placement lane", [](kept_refs& keep) {
    std::vector<narke::object_ref<int>> refs;
    for (int i = 0; i != 4; ++i) {
      refs.push_back(keep(narke::task(add_one, {.num_cpus = 2}).remote(i)));
      refs.push_back(keep(narke::task(add_one, {.resources = {{"license", 1}}}).remote(i)));
      refs.push_back(keep(narke::task(add_one, {.num_cpus = 0.5, .priority = i}).remote(i)));
    }
    int sum = 0;
    for (const int each : narke::get(refs)) sum += each;
    EXPECT_EQ(sum, 30);
  });
}

TEST_F(allocation_faults, of_an_infeasible_request) {
  refuse_each("an infeasible request", [](kept_refs& keep) {
    try {
      keep(narke::task(add_one, {.num_cpus = 99}).remote(1));
      ADD_FAILURE() << "99 CPUs were found";
    } catch (const narke::infeasible_request&) {
    }
  });
}

TEST_F(allocation_faults, of_actors) {
  refuse_each("actors", [](kept_refs& keep) {
    auto a = narke::actor<counter>({.name = "counter"}).remote(10);
    auto first = keep(a.task(&counter::add).remote(1));
    auto second = keep(a.task(&counter::add).remote(first));
    EXPECT_EQ(narke::get(second), 22);
    EXPECT_EQ(narke::get_actor<counter>("counter"), a);
    auto wide = narke::actor<counter>({.num_cpus = 1, .max_concurrency = 2}).remote(0);
    for (int i = 0; i != 8; ++i) keep(wide.task(&counter::add).remote(1));
    narke::get(keep(wide.task(&counter::add).remote(1)));
  });
}

TEST_F(allocation_faults, of_actors_that_die_and_come_again) {
  refuse_each("actors that die and come again", [](kept_refs& keep) {
    auto a = narke::actor<counter>({.max_restarts = 1}).remote(10);
    keep(a.task(&counter::fail).remote());
    auto after = keep(a.task(&counter::add).remote(1));
    for (int i = 0; i != 4; ++i) keep(a.task(&counter::add).remote(i));
    narke::get(after);
    auto late = keep(a.task(&counter::add).remote(keep(narke::task(add_one).remote(1))));
    narke::kill(a);
    keep(a.task(&counter::add).remote(1));
    static_cast<void>(narke::wait(std::vector{late}));
  });
}

TEST_F(allocation_faults, of_map) {
  refuse_each("map", [](kept_refs& keep) {
    auto ref = keep(narke::map([](int x) { return std::to_string(x); }, std::views::iota(0, 50),
                               {.chunk = 3}));
    EXPECT_EQ(narke::get(ref).size(), 50U);
  });
}

narke::generator<std::string> count_to(int n) {
  for (int i = 0; i != n; ++i) co_yield std::to_string(i);
}

TEST_F(allocation_faults, of_streams) {
  refuse_each("streams", [](kept_refs& keep) {
    auto stream = narke::task(count_to, {.stream_buffer = 2}).remote(8);
    keep(stream.completed());
    int taken = 0;
    for (auto& ref : stream) taken += keep(ref) == ref ? 1 : 0;
    EXPECT_LE(taken, 9) << "eight values, or a failure among them";
    auto dropped = narke::task(count_to, {.stream_buffer = 2}).remote(8);
    keep(dropped.next_ready());
  });
}

// Frames that are too large for the slabs of nodes, so that each asks for memory.
narke::co_task<int> with_a_large_frame(narke::object_ref<int> ref) {
  std::array<int, 500> numbers{};
  numbers[499] = co_await ref;
  co_return numbers[499];
}
narke::co_task<int> with_parts(narke::object_ref<int> ref) {
  const int first = co_await with_a_large_frame(ref);
  std::vector<narke::object_ref<int>> refs;
  for (int i = 0; i != 10; ++i) refs.push_back(narke::task(add_one).remote(i));
  int sum = first;
  for (const int each : co_await std::move(refs)) sum += each;
  co_return sum;
}

TEST_F(allocation_faults, of_coroutines) {
  refuse_each("coroutines", [](kept_refs& keep) {
    narke::promise<int> promise;
    auto ref = promise.ref();
    auto plain = keep(narke::task(with_parts).remote(ref));
    auto placed = keep(narke::task(with_parts, {.num_cpus = 0.5}).remote(ref));
    promise.set_value(1);
    EXPECT_EQ(narke::get(plain) + narke::get(placed), 112);
  });
}

TEST_F(allocation_faults, of_cancel) {
  refuse_each("cancel", [](kept_refs& keep) {
    const auto obey = [] {
      std::vector<narke::object_ref<void>> below;
      below.push_back(narke::task([] {}).remote());
      const auto token = narke::stop_token();
      while (!token.stop_requested()) std::this_thread::yield();
    };
    // What is not cancelled because of a refusal would run for ever.
    struct in_any_case {
      narke::object_ref<void> ref;
      ~in_any_case() {
        while (!narke::is_ready(ref)) {
          try {
            narke::cancel(ref);
          } catch (const std::exception&) {
          }
          std::this_thread::yield();
        }
      }
    };
    auto running = keep(narke::task(obey).remote());
    const in_any_case first{running};
    auto placed = keep(narke::task(obey, {.num_cpus = 0.5}).remote());
    const in_any_case second{placed};
    auto waiting = keep(narke::task([](int x) { return x; }).remote(
        keep(narke::task(add_one, {.resources = {{"license", 2}}}).remote(1))));
    narke::cancel(waiting);
    narke::cancel(running);
    narke::cancel(placed);
  });
}

TEST_F(allocation_faults, of_retries_and_timeouts) {
  refuse_each("retries and timeouts", [](kept_refs& keep) {
    const auto fails_twice = [](int x) {
      if (narke::this_task::attempt() < 2) throw std::runtime_error{"again"};
      return std::to_string(x);
    };
    auto third = keep(narke::task(fails_twice, {.max_retries = 2,
                                                .retry_exceptions = true,
                                                .timeout = 10s,
                                                .retry_delay = 0ms})
                          .remote(3));
    auto late = keep(narke::task([] {
                       while (!narke::stop_requested()) std::this_thread::yield();
                     }, {.timeout = 1ms}).remote());
    auto limited = narke::task(add_one, {.max_pending = 1});
    keep(limited.remote(1));
    keep(limited.remote(2));
    static_cast<void>(narke::wait(std::vector<narke::object_ref<void>>{third, late},
                                  {.num_returns = 2}));
  });
}

TEST_F(allocation_faults, of_placement_groups) {
  refuse_each("placement groups", [](kept_refs& keep) {
    const narke::placement_group group{{{.num_cpus = 1}, {.resources = {{"license", 1}}}}};
    keep(group.ready());
    for (int i = 0; i != 3; ++i) {
      keep(narke::task(add_one, {.scheduling = narke::scheduling::bundle(group, 0)}).remote(i));
    }
    auto a = narke::actor<counter>({.scheduling = narke::scheduling::bundle(group, 0)}).remote(0);
    narke::get(keep(a.task(&counter::add).remote(1)));
  });
}

TEST_F(allocation_faults, of_promises) {
  refuse_each("promises", [](kept_refs& keep) {
    narke::promise<std::string> given;
    const narke::promise<std::string> broken;
    keep(given.ref());
    keep(broken.ref());
    auto length = keep(narke::task([](const std::string& s) { return s.size(); })
                           .remote(given.ref()));
    given.set_value("a string that is longer than the short ones");
    EXPECT_EQ(narke::get(length), 43U);
  });
}

TEST_F(allocation_faults, of_report_timeline_and_explain) {
  const auto folder = std::filesystem::temp_directory_path() /
                      ("narke_faults_" + std::to_string(::getpid()));
  std::filesystem::create_directory(folder);
  const std::string file = folder / "trace.json";
  refuse_each("report, timeline and explain", [&](kept_refs& keep) {
    auto ref = keep(narke::task(add_one, {.name = "explained"}).remote(1));
    EXPECT_NE(narke::explain(ref), "");
    EXPECT_NE(narke::report({.tasks = true}), "");
    narke::timeline(file);
    static_cast<void>(narke::advice());
    static_cast<void>(narke::nodes());
  });
  std::filesystem::remove(file);
  EXPECT_TRUE(std::filesystem::is_empty(folder)) << "a half-written file is left";
  std::filesystem::remove_all(folder);
}

TEST_F(allocation_faults, of_threads_outside) {
  refuse_each("threads outside", [](kept_refs& keep) {
    narke::object_ref<int> first;
    narke::object_ref<int> second;
    const auto submit = [](narke::object_ref<int>& to) {
      try {
        to = narke::task(add_one, {.num_cpus = 0.5}).remote(1);
        narke::get(to);
      } catch (const std::bad_alloc&) {
      }
    };
    {
      const std::jthread one{submit, std::ref(first)};
      const std::jthread other{submit, std::ref(second)};
    }
    if (first) keep(first);
    if (second) keep(second);
  });
}

class taker {
 public:
  int take(const std::array<char, 4'096>&) { return 2; }
};

// A submission that was counted and then could not be made makes room again.
TEST_F(allocation_faults, of_what_counts_as_pending) {
  using large = std::array<char, 4'096>;  // no slab has it
  auto one = narke::task([](const large&) { return 1; },
                         {.max_pending = 1, .when_full = narke::when_full::fail});
  auto a = narke::actor<taker>({.max_pending_calls = 1}).remote();
  refuse_each("limits of what is pending", [&](kept_refs& keep) {
    try {
      EXPECT_EQ(narke::get(keep(one.remote(large{}))), 1);
      EXPECT_EQ(narke::get(keep(a.task(&taker::take).remote(large{}))), 2);
    } catch (const narke::pending_limit_error& full) {
      ADD_FAILURE() << full.what();
    } catch (const narke::pending_calls_limit_exceeded& full) {
      ADD_FAILURE() << full.what();
    }
  });
}

}  // namespace
