// Streams of results: tasks and methods that yield.
#include <support/runtime_fixture.hpp>
#include <support/values.hpp>

#include <chrono>
#include <memory>
#include <string>
#include <thread>
#include <vector>

using namespace std::chrono_literals;
using narke_test::gate;
using narke_test::tally;
using narke_test::tracked;

namespace {

class stream : public narke_test::on_cpus_test {};
NARKE_ON_1_2_4_CPUS(stream);

narke::generator<int> count_to(int n) {
  for (int i = 1; i <= n; ++i) co_yield i;
}

narke::generator<int> count_noted(const tally& made, int n) {
  for (int i = 1; i <= n; ++i) {
    made.add();
    co_yield i;
  }
}

template <class T>
std::vector<T> taken(narke::object_ref_generator<T>& from) {
  std::vector<T> all;
  for (auto& ref : from) all.push_back(narke::get(ref));
  return all;
}
template <class T>
std::vector<T> taken(narke::object_ref_generator<T>&& from) {
  return taken(from);
}

TEST_P(stream, gives_a_ref_for_each_value_in_order) {
  int expected = 0;
  for (auto ref : narke::task(count_to).remote(200)) {
    EXPECT_TRUE(narke::is_ready(ref));
    EXPECT_EQ(narke::get(ref), ++expected);
  }
  EXPECT_EQ(expected, 200);
}

TEST_P(stream, may_be_empty) {
  auto none = narke::task(count_to).remote(0);
  EXPECT_EQ(none.next(), std::nullopt);
  EXPECT_EQ(none.next(), std::nullopt);
  EXPECT_NO_THROW(narke::get(none.completed()));
}

TEST_P(stream, gives_refs_as_they_come) {
  gate hold;
  const auto body = [wait = hold.waiter()]() -> narke::generator<int> {
    co_yield 1;
    wait();
    co_yield 2;
  };
  auto both = narke::task(body).remote();
  EXPECT_EQ(narke::get(*both.next()), 1);
  EXPECT_THROW(both.next(0ms), narke::get_timeout_error);
  auto more = both.next_ready();
  EXPECT_FALSE(narke::is_ready(more));
  hold.open();
  narke::get(more);
  EXPECT_EQ(narke::get(*both.next(1h)), 2);
  EXPECT_EQ(both.next(), std::nullopt);
}

TEST_P(stream, yields_what_it_takes_to_make_the_value) {
  struct words {
    static narke::generator<std::string> all(const std::vector<std::string>& from) {
      for (const auto& word : from) co_yield word;
      co_yield "literal";
      co_yield std::string(3, 'x');
    }
  };
  auto stored = narke::put(std::vector<std::string>{"a", "b"});
  EXPECT_EQ(taken(narke::task(words::all).remote(stored)),
            (std::vector<std::string>{"a", "b", "literal", "xxx"}));
}

TEST_P(stream, of_values_that_only_move_and_are_not_copied) {
  const auto body = []() -> narke::generator<narke_test::move_only> {
    for (int i = 0; i != 3; ++i) co_yield narke_test::move_only{i};
  };
  int expected = 0;
  for (auto& ref : narke::task(body).remote()) {
    EXPECT_EQ(*narke::get(std::move(ref)).value, expected++);
  }
  EXPECT_EQ(expected, 3);
}

TEST_P(stream, runs_ahead_by_its_buffer_and_no_further) {
  const tally made;
  auto few = narke::task(count_noted, {.stream_buffer = 3}).remote(made, 100);
  made.wait_for(3);
  for (int i = 1; i != 20; ++i) {
    EXPECT_EQ(narke::get(*few.next()), i);
    made.wait_for(3 + i);
    EXPECT_EQ(made.value(), 3 + i) << "it made more than there was room for";
  }
}

TEST_P(stream, that_waits_for_room_lets_its_cpus_go) {
  const tally made;
  std::vector<narke::object_ref_generator<int>> all;
  for (int i = 0; i != 5; ++i) {
    all.push_back(narke::task(count_noted, {.stream_buffer = 1}).remote(made, 10));
  }
  made.wait_for(5);
  EXPECT_EQ(narke::get(narke::task([] { return 7; }).remote()), 7);
  for (auto& each : all) EXPECT_EQ(taken(each).size(), 10U);
}

TEST_P(stream, without_a_bound_runs_to_its_end) {
  const tally made;
  auto all = narke::task(count_noted, {.stream_buffer = -1}).remote(made, 1'000);
  made.wait_for(1'000);
  EXPECT_EQ(taken(all).size(), 1'000U);
}

TEST_P(stream, whose_end_is_waited_for_has_no_bound) {
  auto all = narke::task(count_to, {.stream_buffer = 1}).remote(500);
  narke::get(all.completed());
  EXPECT_EQ(taken(all).size(), 500U);
}

TEST_P(stream, gives_its_error_as_the_last_ref) {
  const auto body = []() -> narke::generator<int> {
    co_yield 1;
    throw narke_test::odd_error{"after one", 5};
  };
  auto fails = narke::task(body).remote();
  EXPECT_EQ(narke::get(*fails.next()), 1);
  auto last = fails.next();
  ASSERT_TRUE(last.has_value());
  EXPECT_EQ(narke_test::odd_code([&] { narke::get(*last); }), 5);
  EXPECT_EQ(fails.next(), std::nullopt);
  EXPECT_EQ(narke_test::odd_code([&] { narke::get(fails.completed()); }), 5);
}

TEST_P(stream, whose_argument_failed_has_that_error_alone) {
  auto bad = narke::task([]() -> int { throw narke_test::odd_error{"no", 6}; }).remote();
  auto fails = narke::task(count_to).remote(bad);
  EXPECT_EQ(narke_test::odd_code([&] { narke::get(*fails.next()); }), 6);
  EXPECT_EQ(fails.next(), std::nullopt);
}

TEST_P(stream, that_goes_ends_its_body_at_the_next_yield) {
  const auto seen = narke_test::new_traffic();
  const tally made;
  const auto endless = [seen, made](int) -> narke::generator<tracked> {
    const tracked local{seen, -1};
    for (int i = 0;; ++i) {
      made.add();
      co_yield tracked{seen, i};
    }
  };
  for (auto ref : narke::task(endless).remote(0)) {
    if (narke::get(ref).value == 10) break;
  }
  EXPECT_TRUE(narke_test::eventually([&] { return seen->alive == 0; }));
  const int after = made.value();
  EXPECT_LE(after, 11 + 64 + 1);
}

TEST_P(stream, refs_are_refs_like_others) {
  auto numbers = narke::task(count_to).remote(10);
  std::vector<narke::object_ref<int>> squares;
  for (auto ref : numbers) {
    squares.push_back(narke::task([](int x) { return x * x; }).remote(std::move(ref)));
  }
  const auto all = narke::get(squares);
  EXPECT_EQ(all.back(), 100);
  EXPECT_EQ(all.size(), 10U);
}

TEST_P(stream, next_ready_is_for_wait_beside_other_refs) {
  gate hold;
  const auto body = [wait = hold.waiter()]() -> narke::generator<int> {
    wait();
    co_yield 1;
  };
  auto slow = narke::task(body, {.num_cpus = 0}).remote();
  auto quick = narke::task(count_to).remote(1);
  auto [ready, rest] = narke::wait(
      std::vector<narke::object_ref<void>>{slow.next_ready(), quick.next_ready()});
  ASSERT_EQ(ready.size(), 1U);
  EXPECT_EQ(narke::get(*quick.next()), 1);
  hold.open();
  narke::get(rest);
  EXPECT_EQ(narke::get(*slow.next()), 1);
  narke::get(slow.next_ready());
  EXPECT_EQ(slow.next(), std::nullopt);
}

TEST_P(stream, is_taken_inside_a_task) {
  const auto sum = [](int n) {
    int total = 0;
    for (auto ref : narke::task(count_to, {.stream_buffer = 1}).remote(n)) total += narke::get(ref);
    return total;
  };
  EXPECT_EQ(narke::get(narke::task(sum).remote(100)), 5050);
}

TEST_P(stream, may_go_through_a_chain_of_streams) {
  struct stage {
    static narke::generator<int> plus_one(narke::object_ref<int> n) {
      auto from = narke::task(count_to, {.stream_buffer = 2}).remote(n);
      while (auto ref = from.next()) co_yield narke::get(*ref) + 1;
    }
  };
  auto through = narke::task(stage::plus_one, {.stream_buffer = 2}).remote(narke::put(50));
  const auto all = taken(through);
  ASSERT_EQ(all.size(), 50U);
  EXPECT_EQ(all.back(), 51);
}

TEST_P(stream, comes_from_methods_too) {
  class source {
   public:
    narke::generator<int> next(int n) {
      for (int i = 0; i != n; ++i) co_yield ++last_;
    }
    int last() { return last_; }

   private:
    int last_ = 0;
  };
  auto a = narke::actor<source>().remote();
  EXPECT_EQ(taken(a.task(&source::next).remote(3)), (std::vector{1, 2, 3}));
  EXPECT_EQ(taken(a.task(&source::next).options({.stream_buffer = 1}).remote(2)),
            (std::vector{4, 5}));
  EXPECT_EQ(narke::get(a.task(&source::last).remote()), 5);
  auto endless = a.task(&source::next).options({.stream_buffer = 2}).remote(1'000'000);
  EXPECT_EQ(narke::get(*endless.next()), 6);
  narke::kill(a);
  try {
    while (auto ref = endless.next()) narke::get(*ref);
    ADD_FAILURE() << "a stream of a killed actor ended well";
  } catch (const narke::actor_died_error&) {
  }
}

TEST_P(stream, counts_its_values_in_the_store_until_they_go) {
  const auto body = [](std::size_t size) -> narke::generator<std::vector<char>> {
    for (int i = 0; i != 4; ++i) co_yield std::vector<char>(size);
  };
  const double before = narke_test::available("object_store_memory");
  {
    auto all = narke::task(body).remote(std::size_t{1'000'000});
    narke::get(all.completed());
    EXPECT_LE(narke_test::available("object_store_memory"), before - 4e6);
  }
  EXPECT_EQ(narke_test::available("object_store_memory"), before);
}

TEST_P(stream, resources_are_back_before_its_end_is_seen) {
  const narke::task_options two{.num_cpus = GetParam()};
  for (int i = 0; i != 50; ++i) {
    auto all = narke::task(count_to, two).remote(3);
    ASSERT_EQ(taken(all).size(), 3U);
    ASSERT_EQ(narke_test::available("CPU"), GetParam());
  }
}

TEST_P(stream, that_is_empty_or_badly_bounded_says_so) {
  narke::object_ref_generator<int> empty;
  EXPECT_FALSE(empty);
  EXPECT_THROW(empty.next(), std::invalid_argument);
  EXPECT_THROW(empty.next_ready(), std::invalid_argument);
  EXPECT_THROW(empty.completed(), std::invalid_argument);
  EXPECT_THROW(narke::cancel(empty), std::invalid_argument);
  EXPECT_THROW(narke::task(count_to, {.stream_buffer = 0}), std::invalid_argument);
  EXPECT_THROW(narke::task(count_to, {.stream_buffer = 1.5}), std::invalid_argument);
  EXPECT_THROW(narke::task(count_to, {.stream_buffer = -2}), std::invalid_argument);
}

TEST_P(stream, cancelled_before_it_begins_gives_that_error) {
  narke_test::busy_cpus busy{GetParam()};
  auto never = narke::task(count_to).remote(3);
  EXPECT_TRUE(narke::cancel(never));
  auto last = never.next();
  ASSERT_TRUE(last.has_value());
  EXPECT_THROW(narke::get(*last), narke::task_cancelled_error);
  EXPECT_EQ(never.next(), std::nullopt);
}

TEST_P(stream, that_is_full_does_not_keep_shutdown_waiting) {
  const tally made;
  auto full = narke::task(count_noted, {.stream_buffer = 2}).remote(made, 100);
  auto queued = narke::task(count_to, {.num_cpus = GetParam()}).remote(3);
  made.wait_for(2);
  narke::shutdown();
  EXPECT_EQ(narke::get(*full.next()), 1);
  EXPECT_EQ(narke::get(*full.next()), 2);
  EXPECT_THROW(narke::get(*full.next()), narke::task_cancelled_error);
  EXPECT_EQ(full.next(), std::nullopt);
  int count = 0;
  try {
    while (auto ref = queued.next()) count += narke::get(*ref);
    EXPECT_EQ(count, 6);
  } catch (const narke::task_cancelled_error&) {
  }
}

TEST_P(stream, wakes_who_waits_for_it_when_the_runtime_ends) {
  gate hold;
  const tally begun;
  const auto body = [begun]() -> narke::generator<int> {
    begun.add();
    while (!narke::stop_requested()) std::this_thread::yield();
    co_yield 1;
    co_yield 2;
  };
  auto slow = narke::task(body).remote();
  begun.wait_for(1);
  std::jthread taker{[&] {
    try {
      while (auto ref = slow.next()) narke::get(*ref);
    } catch (const narke::task_cancelled_error&) {
    }
  }};
  narke::shutdown();
}

}  // namespace
