// Who owns arguments and results, when they are copied, moved and let go.
#include <support/runtime_fixture.hpp>
#include <support/values.hpp>

#include <string>
#include <vector>

using narke_test::busy_cpus;
using narke_test::gate;
using narke_test::move_only;
using narke_test::new_traffic;
using narke_test::tally;
using narke_test::tracked;

namespace {

class task_ownership : public narke_test::on_cpus_test {};
NARKE_ON_1_2_4_CPUS(task_ownership);

int take(tracked t) { return t.value; }
int look(const tracked& t) { return t.value; }

TEST_P(task_ownership, a_value_given_as_rvalue_is_never_copied) {
  const auto seen = new_traffic();
  EXPECT_EQ(narke::get(narke::task(take).remote(tracked{seen, 5})), 5);
  EXPECT_EQ(narke::get(narke::task(look).remote(tracked{seen, 6})), 6);
  EXPECT_EQ(seen->copies, 0);
  EXPECT_EQ(seen->alive, 0);
}

TEST_P(task_ownership, a_value_given_as_lvalue_is_copied_once) {
  const auto seen = new_traffic();
  const tracked value{seen, 5};
  EXPECT_EQ(narke::get(narke::task(look).remote(value)), 5);
  EXPECT_EQ(seen->copies, 1);
  EXPECT_EQ(narke::get(narke::task(take).remote(value)), 5);
  EXPECT_EQ(seen->copies, 2);
  EXPECT_EQ(seen->alive, 1);
}

TEST_P(task_ownership, a_const_reference_to_a_stored_value_copies_nothing) {
  const auto seen = new_traffic();
  const auto stored = narke::put(tracked{seen, 5});
  for (int i = 0; i < 10; ++i) EXPECT_EQ(narke::get(narke::task(look).remote(stored)), 5);
  EXPECT_EQ(seen->copies, 0);
}

TEST_P(task_ownership, a_value_parameter_copies_from_an_lvalue_ref) {
  const auto seen = new_traffic();
  auto stored = narke::put(tracked{seen, 5});
  EXPECT_EQ(narke::get(narke::task(take).remote(stored)), 5);
  EXPECT_EQ(seen->copies, 1);
  EXPECT_EQ(narke::get(stored).value, 5);
}

TEST_P(task_ownership, a_value_parameter_takes_the_value_of_the_last_ref) {
  const auto seen = new_traffic();
  auto stored = narke::put(tracked{seen, 5});
  EXPECT_EQ(narke::get(narke::task(take).remote(std::move(stored))), 5);
  EXPECT_EQ(seen->copies, 0);
  EXPECT_EQ(seen->alive, 0);
  EXPECT_FALSE(stored);
}

TEST_P(task_ownership, a_value_parameter_takes_the_result_of_a_chain) {
  const auto seen = new_traffic();
  const auto next = [](tracked t) {
    ++t.value;
    return t;
  };
  auto ref = narke::task([=] { return tracked{seen, 0}; }).remote();
  for (int i = 0; i < 20; ++i) ref = narke::task(next).remote(std::move(ref));
  EXPECT_EQ(narke::get(std::move(ref)).value, 20);
  EXPECT_EQ(seen->copies, 0);
  EXPECT_EQ(seen->alive, 0);
}

TEST_P(task_ownership, a_value_parameter_copies_while_another_ref_lives) {
  const auto seen = new_traffic();
  auto stored = narke::put(tracked{seen, 5});
  const auto other = stored;
  EXPECT_EQ(narke::get(narke::task(take).remote(std::move(stored))), 5);
  EXPECT_EQ(seen->copies, 1);
  EXPECT_EQ(narke::get(other).value, 5);
}

TEST_P(task_ownership, the_last_ref_is_decided_when_the_task_starts) {
  const auto seen = new_traffic();
  busy_cpus busy{GetParam()};
  auto stored = narke::put(tracked{seen, 5});
  auto other = stored;
  auto taken = narke::task(take).remote(std::move(stored));
  other = {};
  busy.release();
  EXPECT_EQ(narke::get(taken), 5);
  EXPECT_EQ(seen->copies, 0);
}

TEST_P(task_ownership, a_ref_given_twice_as_rvalue_is_not_taken_twice) {
  const auto seen = new_traffic();
  auto stored = narke::put(tracked{seen, 5});
  auto again = stored;
  const auto both = [](tracked a, const tracked& b) { return a.value + b.value; };
  EXPECT_EQ(narke::get(narke::task(both).remote(std::move(stored), std::move(again))), 10);
}

TEST_P(task_ownership, a_move_only_parameter_takes_an_rvalue_ref) {
  const auto unwrap = [](move_only m) { return *m.value; };
  EXPECT_EQ(narke::get(narke::task(unwrap).remote(narke::put(move_only{3}))), 3);
  auto stored = narke::put(move_only{4});
  EXPECT_EQ(narke::get(narke::task(unwrap).remote(std::move(stored))), 4);
  auto made = narke::task([] { return move_only{5}; }).remote();
  EXPECT_EQ(narke::get(narke::task(unwrap).remote(std::move(made))), 5);
}

TEST_P(task_ownership, a_move_only_value_is_not_taken_from_a_ref_that_is_not_the_last) {
  auto stored = narke::put(move_only{3});
  const auto other = stored;
  auto taken = narke::task([](move_only m) { return *m.value; }).remote(std::move(stored));
  EXPECT_THROW(narke::get(taken), std::invalid_argument);
  EXPECT_EQ(*narke::get(other).value, 3);
}

TEST_P(task_ownership, a_move_only_value_is_read_by_const_reference) {
  const auto stored = narke::put(move_only{3});
  EXPECT_EQ(narke::get(narke::task([](const move_only& m) { return *m.value; }).remote(stored)), 3);
}

TEST_P(task_ownership, arguments_are_let_go_before_the_result_is_there) {
  for (int round = 0; round < 200; ++round) {
    const auto seen = new_traffic();
    auto stored = narke::put(tracked{seen, 1});
    auto result = narke::task([](const tracked& a, tracked b, const tracked& c) {
      return a.value + b.value + c.value;
    }).remote(tracked{seen, 2}, tracked{seen, 3}, stored);
    ASSERT_EQ(narke::get(result), 6);
    ASSERT_EQ(seen->alive, 1);
    ASSERT_EQ(narke::get(std::move(stored)).value, 1);
    ASSERT_EQ(seen->copies, 0);
    ASSERT_EQ(seen->alive, 0);
  }
}

TEST_P(task_ownership, arguments_are_let_go_before_a_failure_is_there) {
  for (int round = 0; round < 100; ++round) {
    const auto seen = new_traffic();
    auto result = narke::task([](const tracked&) { throw narke_test::odd_error{"odd", 1}; })
                      .remote(tracked{seen, 2});
    ASSERT_EQ(narke_test::odd_code([&] { narke::get(result); }), 1);
    ASSERT_EQ(seen->alive, 0);
  }
}

TEST_P(task_ownership, a_dependent_that_never_runs_lets_its_arguments_go) {
  const auto seen = new_traffic();
  auto failed = narke::task([]() -> int { throw narke_test::odd_error{"odd", 1}; }).remote();
  auto after = narke::task([](int, const tracked&) {}).remote(failed, tracked{seen, 1});
  EXPECT_EQ(narke_test::odd_code([&] { narke::get(after); }), 1);
  EXPECT_EQ(seen->alive, 0);
}

TEST_P(task_ownership, a_result_lives_as_long_as_its_last_ref) {
  const auto seen = new_traffic();
  auto first = narke::task([=] { return tracked{seen, 5}; }).remote();
  auto second = first;
  narke::wait(std::vector{first});
  EXPECT_EQ(seen->alive, 1);
  first = {};
  EXPECT_EQ(narke::get(second).value, 5);
  second = {};
  EXPECT_TRUE(narke_test::eventually([&] { return seen->alive == 0; }));
}

TEST_P(task_ownership, dropping_a_ref_does_not_cancel_its_task) {
  const tally ran;
  for (int i = 0; i < 100; ++i) narke::task([=] { ran.add(); }).remote();
  ran.wait_for(100);
}

TEST_P(task_ownership, a_dropped_result_is_destroyed) {
  const auto seen = new_traffic();
  const tally ran;
  for (int i = 0; i < 100; ++i) {
    narke::task([=] {
      ran.add();
      return tracked{seen, 1};
    }).remote();
  }
  ran.wait_for(100);
  EXPECT_TRUE(narke_test::eventually([&] { return seen->alive == 0; }));
}

TEST_P(task_ownership, a_queued_task_keeps_its_inputs_alive) {
  const auto seen = new_traffic();
  busy_cpus busy{GetParam()};
  auto read = narke::task(look).remote(narke::put(tracked{seen, 5}));
  EXPECT_EQ(seen->alive, 1);
  busy.release();
  EXPECT_EQ(narke::get(read), 5);
  EXPECT_EQ(seen->alive, 0);
}

struct submits_when_destroyed {
  explicit submits_when_destroyed(tally d) : done{std::move(d)} {}
  submits_when_destroyed(submits_when_destroyed&& other) noexcept
      : done{other.done}, armed{std::exchange(other.armed, false)} {}
  ~submits_when_destroyed() {
    if (armed) narke::task([d = done] { d.add(); }).remote();
  }
  tally done;
  bool armed = true;
};

TEST_P(task_ownership, destructors_of_values_may_use_the_runtime) {
  const tally done;
  {
    auto stored = narke::put(submits_when_destroyed{done});
    narke::get(narke::task([](const submits_when_destroyed&) {}).remote(std::move(stored)));
    narke::get(narke::task([](submits_when_destroyed) {}).remote(submits_when_destroyed{done}));
    auto made = narke::task([=] { return submits_when_destroyed{done}; }).remote();
    narke::wait(std::vector{made});
  }
  done.wait_for(3);
}

}  // namespace
