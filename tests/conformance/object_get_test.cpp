// put and get in every form.
#include <support/runtime_fixture.hpp>
#include <support/values.hpp>

#include <string>
#include <thread>
#include <tuple>
#include <variant>

using namespace std::chrono_literals;
using narke_test::busy_cpus;
using narke_test::gate;
using narke_test::move_only;
using narke_test::new_traffic;
using narke_test::tracked;

namespace {

class object_get : public narke_test::on_cpus_test {};
NARKE_ON_1_2_4_CPUS(object_get);

/// A task that ends when the gate opens and needs no CPU.
narke::object_ref<int> held_by(const gate& hold, int value) {
  return narke::task([=, wait = hold.waiter()] {
    wait();
    return value;
  }, {.num_cpus = 0}).remote();
}

TEST_P(object_get, put_copies_an_lvalue_once_and_moves_an_rvalue) {
  const auto seen = new_traffic();
  tracked value{seen, 5};
  const auto copied = narke::put(value);
  EXPECT_EQ(seen->copies, 1);
  EXPECT_EQ(narke::get(copied).value, 5);
  const auto moved = narke::put(std::move(value));
  EXPECT_EQ(seen->copies, 1);
  EXPECT_EQ(narke::get(moved).value, 5);
  const tracked constant{seen, 6};
  EXPECT_EQ(narke::get(narke::put(constant)).value, 6);
  EXPECT_EQ(seen->copies, 2);
}

TEST_P(object_get, put_that_throws_leaves_nothing) {
  const narke_test::throws_when_copied value;
  EXPECT_EQ(narke_test::odd_code([&] { narke::put(value); }), 7);
}

TEST_P(object_get, an_lvalue_ref_gives_a_reference_into_the_store) {
  auto ref = narke::put(std::string(100, 'x'));
  const auto other = ref;
  EXPECT_EQ(&narke::get(ref), &narke::get(ref));
  EXPECT_EQ(&narke::get(ref), &narke::get(other));
  const auto made = narke::task([] { return std::string(100, 'y'); }).remote();
  EXPECT_EQ(&narke::get(made), &narke::get(made));
  EXPECT_EQ(&narke::get(made, 10s), &narke::get(made));
}

TEST_P(object_get, an_rvalue_ref_that_is_the_last_is_moved_out) {
  const auto seen = new_traffic();
  auto ref = narke::put(tracked{seen, 5});
  const tracked mine = narke::get(std::move(ref));
  EXPECT_EQ(mine.value, 5);
  EXPECT_EQ(seen->copies, 0);
  EXPECT_EQ(seen->alive, 1);
  EXPECT_FALSE(ref);
}

TEST_P(object_get, an_rvalue_ref_that_is_not_the_last_is_copied) {
  const auto seen = new_traffic();
  auto ref = narke::put(tracked{seen, 5});
  const auto other = ref;
  EXPECT_EQ(narke::get(std::move(ref)).value, 5);
  EXPECT_EQ(seen->copies, 1);
  EXPECT_EQ(narke::get(other).value, 5);
  const narke::object_ref<void> untyped = other;
  auto third = other;
  EXPECT_EQ(narke::get(std::move(third)).value, 5);
  EXPECT_EQ(seen->copies, 2);
}

TEST_P(object_get, an_untyped_ref_counts_as_another_ref) {
  const auto seen = new_traffic();
  auto ref = narke::put(tracked{seen, 5});
  const narke::object_ref<void> untyped = ref;
  EXPECT_EQ(narke::get(std::move(ref)).value, 5);
  EXPECT_EQ(seen->copies, 1);
}

TEST_P(object_get, a_move_only_value_is_read_in_place_and_taken_by_the_last_ref) {
  auto ref = narke::put(move_only{5});
  EXPECT_EQ(*narke::get(ref).value, 5);
  auto other = ref;
  EXPECT_THROW(narke::get(std::move(ref)), std::invalid_argument);
  ASSERT_TRUE(ref) << "a get that throws leaves its argument as it was";
  EXPECT_EQ(ref, other);
  EXPECT_EQ(*narke::get(ref).value, 5);
  other = {};
  EXPECT_EQ(*narke::get(std::move(ref)).value, 5);
}

TEST_P(object_get, a_move_only_value_of_a_pending_task_is_refused_only_when_shared) {
  gate hold;
  auto make = narke::task([wait = hold.waiter()] {
    wait();
    return move_only{3};
  }, {.num_cpus = 0});
  auto alone = make.remote();
  auto shared = make.remote();
  const auto other = shared;
  std::jthread opener{[&] { hold.open(); }};
  EXPECT_EQ(*narke::get(std::move(alone)).value, 3);
  EXPECT_THROW(narke::get(std::move(shared)), std::invalid_argument);
  EXPECT_EQ(*narke::get(other).value, 3);
}

TEST_P(object_get, a_temporary_ref_gives_a_value) {
  auto&& text = narke::get(narke::task([] { return std::string(100, 'x'); }).remote());
  EXPECT_EQ(text, std::string(100, 'x'));
  for (const char c : narke::get(narke::put(std::string(100, 'y')))) EXPECT_EQ(c, 'y');
}

TEST_P(object_get, a_list_comes_in_input_order) {
  std::vector<narke::object_ref<int>> refs;
  for (int i = 0; i < 1000; ++i) refs.push_back(narke::task([](int x) { return -x; }).remote(i));
  const std::vector<int> all = narke::get(refs);
  for (int i = 0; i < 1000; ++i) ASSERT_EQ(all[i], -i);
  EXPECT_EQ(narke::get(refs), all) << "the refs are still there";
  EXPECT_EQ(narke::get(std::as_const(refs)), all);
  EXPECT_TRUE(narke::get(std::vector<narke::object_ref<int>>{}).empty());
  EXPECT_EQ(narke::get(std::vector{refs[5], refs[5]}), (std::vector{-5, -5}));
}

TEST_P(object_get, a_temporary_list_gives_up_its_values) {
  const auto seen = new_traffic();
  std::vector<narke::object_ref<tracked>> refs;
  for (int i = 0; i < 10; ++i) refs.push_back(narke::put(tracked{seen, i}));
  const auto all = narke::get(std::move(refs));
  EXPECT_EQ(all[9].value, 9);
  EXPECT_EQ(seen->copies, 0);
  std::vector<narke::object_ref<move_only>> only;
  for (int i = 0; i < 10; ++i) only.push_back(narke::put(move_only{i}));
  EXPECT_EQ(*narke::get(std::move(only))[9].value, 9);
}

TEST_P(object_get, a_list_of_booleans_is_right) {
  std::vector<narke::object_ref<bool>> refs;
  for (int i = 0; i < 70; ++i) {
    refs.push_back(narke::task([](int x) { return x % 3 == 0; }).remote(i));
  }
  const std::vector<bool> all = narke::get(refs);
  for (int i = 0; i < 70; ++i) EXPECT_EQ(all[i], i % 3 == 0);
}

TEST_P(object_get, a_list_of_void_refs_waits_for_all) {
  const narke_test::tally ran;
  std::vector<narke::object_ref<void>> refs;
  for (int i = 0; i < 50; ++i) refs.push_back(narke::task([=] { ran.add(); }).remote());
  narke::get(refs);
  EXPECT_EQ(ran.value(), 50);
  refs.push_back(narke::task([] { throw narke_test::odd_error{"odd", 4}; }).remote());
  EXPECT_EQ(narke_test::odd_code([&] { narke::get(refs); }), 4);
}

TEST_P(object_get, several_refs_give_a_tuple_of_values) {
  const auto number = narke::put(1);
  auto text = narke::put(std::string{"two"});
  const auto nothing = narke::task([] {}).remote();
  const auto values = narke::get(number, text, nothing);
  static_assert(std::is_same_v<decltype(values),
                               const std::tuple<int, std::string, std::monostate>>);
  EXPECT_EQ(std::get<0>(values), 1);
  EXPECT_EQ(std::get<1>(values), "two");
  auto [a, b] = narke::get(narke::put(3), narke::task([] { return std::string{"four"}; }).remote());
  EXPECT_EQ(a, 3);
  EXPECT_EQ(b, "four");
  auto [taken, kept] = narke::get(narke::put(move_only{5}), text);
  EXPECT_EQ(*taken.value, 5);
  EXPECT_EQ(kept, "two");
  EXPECT_EQ(narke::get(text), "two");
}

TEST_P(object_get, a_time_limit_ends_the_wait_and_leaves_the_refs) {
  gate hold;
  auto slow = held_by(hold, 5);
  const auto kept = slow;
  auto text = narke::put(std::string{"ready"});
  EXPECT_THROW(narke::get(slow, 0ms), narke::get_timeout_error);
  EXPECT_THROW(narke::get(slow, std::chrono::duration<double>{0.001}), narke::get_timeout_error);
  EXPECT_THROW(narke::get(slow, std::chrono::nanoseconds{1}), narke::get_timeout_error);
  EXPECT_THROW(narke::get(std::move(slow), 1ms), narke::get_timeout_error);
  EXPECT_EQ(slow, kept) << "a get that throws leaves its argument as it was";
  auto list = std::vector{narke::put(1), slow};
  EXPECT_THROW(narke::get(list, 1ms), narke::get_timeout_error);
  EXPECT_THROW(narke::get(std::move(list), 1ms), narke::get_timeout_error);
  ASSERT_EQ(list.size(), 2U);
  EXPECT_EQ(list[1], kept);
  EXPECT_EQ(narke::get(text, 0ms), "ready");
  hold.open();
  EXPECT_EQ(narke::get(slow, 30s), 5);
  EXPECT_EQ(narke::get(list, 30s), (std::vector{1, 5}));
  EXPECT_EQ(narke::get(std::move(slow), 30s), 5);
}

TEST_P(object_get, a_time_limit_too_long_for_the_clock_waits) {
  gate hold;
  auto slow = held_by(hold, 5);
  narke_test::tally waiting;
  std::vector<std::jthread> threads;
  const auto expect_waits = [&](auto limit) {
    threads.emplace_back([=] {
      waiting.add();
      EXPECT_EQ(narke::get(slow, limit), 5);
      EXPECT_EQ(narke::wait(std::vector{slow}, {.timeout = limit}).ready.size(), 1U);
    });
  };
  expect_waits(std::chrono::hours::max());
  expect_waits(std::chrono::nanoseconds::max());
  expect_waits(std::chrono::duration<double>{std::numeric_limits<double>::infinity()});
  expect_waits(std::chrono::duration<double>::max());
  waiting.wait_for(4);
  std::this_thread::yield();
  hold.open();
}

TEST_P(object_get, a_timeout_beats_a_failure_that_has_not_come) {
  gate hold;
  auto slow = held_by(hold, 5);
  auto failed = narke::task([]() -> int { throw narke_test::odd_error{"odd", 4}; }).remote();
  narke::wait(std::vector{failed});
  EXPECT_THROW(narke::get(std::vector{slow, failed}, 1ms), narke::get_timeout_error);
  EXPECT_EQ(narke_test::odd_code([&] { narke::get(std::vector{failed, slow}, 1ms); }), 4);
}

TEST_P(object_get, a_task_that_a_timed_get_gave_up_still_runs) {
  busy_cpus busy{GetParam()};
  auto queued = narke::task([] { return 3; }).remote();
  EXPECT_THROW(narke::get(queued, 1ms), narke::get_timeout_error);
  busy.release();
  EXPECT_EQ(narke::get(queued), 3);
}

TEST_P(object_get, many_threads_may_get_one_ref) {
  gate hold;
  const auto slow = held_by(hold, 5);
  std::vector<std::jthread> threads;
  for (int i = 0; i < 8; ++i) {
    threads.emplace_back([=] { EXPECT_EQ(narke::get(slow), 5); });
    threads.emplace_back([=] { EXPECT_EQ(narke::get(slow, 30s), 5); });
  }
  hold.open();
}

TEST_P(object_get, many_threads_may_catch_one_exception) {
  gate hold;
  const auto failing = narke::task([wait = hold.waiter()]() -> int {
    wait();
    throw narke_test::odd_error{"odd", 4};
  }, {.num_cpus = 0}).remote();
  std::vector<std::jthread> threads;
  for (int i = 0; i < 8; ++i) {
    threads.emplace_back([copy = failing]() mutable {
      EXPECT_EQ(narke_test::odd_code([&] { narke::get(copy); }), 4);
      EXPECT_EQ(narke_test::odd_code([&] { narke::get(std::move(copy)); }), 4);
    });
  }
  hold.open();
}

TEST_P(object_get, many_threads_may_take_copies_of_one_ref) {
  for (int round = 0; round < 50; ++round) {
    const std::string expected(1000, static_cast<char>('a' + round % 26));
    auto ref = narke::put(expected);
    std::vector<std::jthread> threads;
    for (int i = 0; i < 4; ++i) {
      threads.emplace_back([copy = ref, &expected]() mutable {
        EXPECT_EQ(narke::get(std::move(copy)), expected);
      });
    }
    ref = {};
  }
}

TEST_P(object_get, many_threads_race_for_a_queued_task_that_runs_once) {
  for (int round = 0; round < 50; ++round) {
    const narke_test::tally ran;
    const auto ref = narke::task([=] { return ran.add(); }).remote();
    std::vector<std::jthread> threads;
    for (int i = 0; i < 4; ++i) threads.emplace_back([=] { EXPECT_EQ(narke::get(ref), 1); });
    threads.clear();
    EXPECT_EQ(ran.value(), 1);
  }
}

TEST_P(object_get, one_task_may_publish_to_many_lists) {
  gate hold;
  auto slow = held_by(hold, 1);
  const std::vector<narke::object_ref<int>> refs(1000, slow);
  hold.open();
  EXPECT_EQ(narke::get(refs), std::vector<int>(1000, 1));
}

}  // namespace
