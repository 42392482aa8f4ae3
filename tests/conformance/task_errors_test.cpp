// Tasks that throw, and what comes of those that depend on them.
#include <support/runtime_fixture.hpp>
#include <support/values.hpp>

#include <new>
#include <string>

using narke_test::odd_code;
using narke_test::odd_error;
using narke_test::tally;

namespace {

class task_errors : public narke_test::on_cpus_test {};
NARKE_ON_1_2_4_CPUS(task_errors);

int fail_with(int code) { throw odd_error{"failed with " + std::to_string(code), code}; }

template <typename E, typename F>
void expect_thrown_by_task(F f) {
  auto ref = narke::task(f).remote();
  EXPECT_THROW(narke::get(ref), E);
}

TEST_P(task_errors, keep_their_type_data_and_message) {
  auto ref = narke::task(fail_with).remote(42);
  try {
    narke::get(ref);
    FAIL() << "nothing thrown";
  } catch (const odd_error& caught) {
    EXPECT_EQ(caught.code, 42);
    EXPECT_STREQ(caught.what(), "failed with 42");
  }
}

TEST_P(task_errors, may_be_of_any_type) {
  expect_thrown_by_task<int>([] { throw 42; });
  expect_thrown_by_task<const char*>([] { throw "text"; });
  expect_thrown_by_task<std::string>([] { throw std::string{"text"}; });
  expect_thrown_by_task<std::bad_alloc>([] { throw std::bad_alloc{}; });
  expect_thrown_by_task<std::unique_ptr<int>>([] { throw std::make_unique<int>(1); });
  expect_thrown_by_task<narke::error>([] { throw narke::error{"mine"}; });
  expect_thrown_by_task<narke::get_timeout_error>([] { throw narke::get_timeout_error{"x"}; });
}

TEST_P(task_errors, are_thrown_by_every_get) {
  const auto ref = narke::task(fail_with).remote(1);
  for (int i = 0; i < 3; ++i) EXPECT_EQ(odd_code([&] { narke::get(ref); }), 1);
  auto copy = ref;
  EXPECT_EQ(odd_code([&] { narke::get(std::move(copy)); }), 1);
  EXPECT_EQ(copy, ref) << "a get that throws leaves its argument as it was";
  EXPECT_EQ(odd_code([&] { narke::get(ref, std::chrono::seconds{1}); }), 1);
  EXPECT_EQ(odd_code([&] { narke::get(std::vector{ref}); }), 1);
  EXPECT_EQ(odd_code([&] { narke::get(narke::put(1), ref); }), 1);
  EXPECT_EQ(odd_code([&] { narke::get(narke::task(fail_with).remote(3)); }), 3);
}

TEST_P(task_errors, of_void_tasks_are_thrown_too) {
  auto ref = narke::task([] { fail_with(2); }).remote();
  EXPECT_EQ(odd_code([&] { narke::get(ref); }), 2);
  const narke::object_ref<void> any = narke::task(fail_with).remote(3);
  EXPECT_EQ(odd_code([&] { narke::get(any); }), 3);
}

TEST_P(task_errors, a_list_throws_the_first_in_its_order) {
  narke_test::gate hold;
  auto late = narke::task([wait = hold.waiter()] {
    wait();
    return fail_with(1);
  }, {.num_cpus = 0}).remote();
  auto early = narke::task(fail_with).remote(2);
  narke::wait(std::vector{early});
  std::jthread opener{[&] { hold.open(); }};
  EXPECT_EQ(odd_code([&] { narke::get(std::vector{narke::put(0), late, early}); }), 1);
  EXPECT_EQ(odd_code([&] { narke::get(narke::put(0), late, early); }), 1);
  EXPECT_EQ(odd_code([&] { narke::get(std::vector{early, late}); }), 2);
}

TEST_P(task_errors, a_task_whose_argument_failed_never_runs) {
  const tally ran;
  const auto count = [=](int) { ran.add(); };
  auto failed = narke::task(fail_with).remote(7);
  auto after = narke::task(count).remote(failed);
  auto moved = narke::task(count).remote(narke::task(fail_with).remote(8));
  auto gathered = narke::task([=](const std::vector<int>&) { ran.add(); })
                      .remote(std::vector{narke::put(1), failed});
  auto generic = narke::task([=](const auto&) { ran.add(); }).remote(failed);
  EXPECT_EQ(odd_code([&] { narke::get(after); }), 7);
  EXPECT_EQ(odd_code([&] { narke::get(moved); }), 8);
  EXPECT_EQ(odd_code([&] { narke::get(gathered); }), 7);
  EXPECT_EQ(odd_code([&] { narke::get(generic); }), 7);
  EXPECT_EQ(ran.value(), 0);
}

TEST_P(task_errors, the_same_exception_object_reaches_the_dependents) {
  auto failed = narke::task(fail_with).remote(7);
  auto after = narke::task([](int x) { return x; }).remote(failed);
  const auto thrown = [](auto& ref) -> const void* {
    try {
      narke::get(ref);
    } catch (const odd_error& caught) {
      return &caught;
    }
    return nullptr;
  };
  EXPECT_EQ(thrown(failed), thrown(after));
}

TEST_P(task_errors, of_a_type_that_is_no_std_exception_pass_through_chains) {
  auto ref = narke::task([]() -> int { throw 42; }).remote();
  for (int i = 0; i < 10; ++i) ref = narke::task([](int x) { return x; }).remote(ref);
  EXPECT_THROW(narke::get(ref), int);
}

TEST_P(task_errors, a_ref_passed_as_it_is_does_not_fail_the_task) {
  const auto look = [](narke::object_ref<int> ref) {
    return odd_code([&] { narke::get(ref); });
  };
  EXPECT_EQ(narke::get(narke::task(look).remote(narke::task(fail_with).remote(4))), 4);
}

TEST_P(task_errors, caught_inside_a_task_stay_inside) {
  const auto outer = [] { return odd_code([] { narke::get(narke::task(fail_with).remote(6)); }); };
  EXPECT_EQ(narke::get(narke::task(outer).remote()), 6);
  const auto through = [] { return narke::get(narke::task(fail_with).remote(6)); };
  EXPECT_EQ(odd_code([&] { narke::get(narke::task(through).remote()); }), 6);
}

TEST_P(task_errors, leave_the_runtime_whole) {
  std::vector<narke::object_ref<int>> refs;
  for (int i = 0; i < 1000; ++i) {
    refs.push_back(narke::task([](int x) { return x % 2 ? fail_with(x) : x; }).remote(i));
  }
  for (int i = 0; i < 1000; ++i) {
    if (i % 2) {
      ASSERT_EQ(odd_code([&] { narke::get(refs[i]); }), i);
    } else {
      ASSERT_EQ(narke::get(refs[i]), i);
    }
  }
}

TEST_P(task_errors, exceptions_die_with_their_last_ref) {
  const auto seen = narke_test::new_traffic();
  {
    auto ref = narke::task([=] { throw narke_test::tracked{seen, 1}; }).remote();
    auto after = narke::task([] { return 1; }).remote();
    EXPECT_THROW(narke::get(ref), narke_test::tracked);
  }
  EXPECT_TRUE(narke_test::eventually([&] { return seen->alive == 0; }));
}

constexpr int chain_length = 100000;

TEST_P(task_errors, pass_through_a_chain_of_100000) {
  narke_test::gate hold;
  auto ref = narke::task([wait = hold.waiter()]() -> int {
    wait();
    throw odd_error{"odd", 9};
  }, {.num_cpus = 0}).remote();
  auto add = narke::task([](int x) { return x + 1; });
  for (int i = 0; i < chain_length; ++i) ref = add.remote(ref);
  hold.open();
  EXPECT_EQ(odd_code([&] { narke::get(ref); }), 9);
}

TEST_P(task_errors, pass_through_diamonds_of_100000) {
  narke_test::gate hold;
  auto ref = narke::task([wait = hold.waiter()]() -> int {
    wait();
    throw odd_error{"odd", 9};
  }, {.num_cpus = 0}).remote();
  auto copy = narke::task([](int x) { return x; });
  auto join = narke::task([](int x, int y) { return x + y; });
  for (int i = 0; i < chain_length / 3; ++i) {
    auto left = copy.remote(ref);
    auto right = copy.remote(ref);
    ref = join.remote(left, right);
  }
  hold.open();
  EXPECT_EQ(odd_code([&] { narke::get(ref); }), 9);
}

TEST_P(task_errors, a_wide_fan_fails_as_one) {
  narke_test::gate hold;
  auto root = narke::task([wait = hold.waiter()]() -> int {
    wait();
    throw odd_error{"odd", 9};
  }, {.num_cpus = 0}).remote();
  std::vector<narke::object_ref<int>> fan;
  for (int i = 0; i < 10000; ++i) fan.push_back(narke::task([](int x) { return x; }).remote(root));
  auto last = narke::task([](const std::vector<int>& all) { return all.size(); }).remote(fan);
  hold.open();
  EXPECT_EQ(odd_code([&] { narke::get(last); }), 9);
  for (auto& ref : fan) ASSERT_EQ(odd_code([&] { narke::get(ref); }), 9);
}

TEST_P(task_errors, a_chain_of_100000_that_succeeds_is_published_and_released_iteratively) {
  narke_test::gate hold;
  std::vector<narke::object_ref<int>> all;
  auto ref = narke::task([wait = hold.waiter()] {
    wait();
    return 0;
  }, {.num_cpus = 0}).remote();
  auto add = narke::task([](int x) { return x + 1; });
  for (int i = 0; i < chain_length; ++i) ref = add.remote(ref);
  hold.open();
  EXPECT_EQ(narke::get(ref), chain_length);
}

struct link {
  narke::object_ref<link> next;
};

TEST_P(task_errors, a_list_of_100000_values_that_hold_refs_is_released_iteratively) {
  auto ref = narke::put(link{});
  for (int i = 0; i < chain_length; ++i) ref = narke::put(link{std::move(ref)});
  EXPECT_TRUE(narke::get(ref).next);
}

}  // namespace
