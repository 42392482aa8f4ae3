// promise: refs that are completed from outside.
#include <support/runtime_fixture.hpp>
#include <support/stress_rounds.hpp>
#include <support/values.hpp>

#include <memory>
#include <stdexcept>
#include <thread>

using narke_test::tally;
using namespace std::chrono_literals;

namespace {

class promising : public narke_test::on_cpus_test {};
NARKE_ON_1_2_4_CPUS(promising);

TEST_P(promising, get_waits_for_the_value) {
  narke::promise<std::string> promise;
  const auto ref = promise.ref();
  EXPECT_FALSE(narke::is_ready(ref));
  EXPECT_THROW(narke::get(ref, 1ms), narke::get_timeout_error);
  std::jthread setter{[&] { promise.set_value("done"); }};
  EXPECT_EQ(narke::get(ref), "done");
}

TEST_P(promising, the_ref_outlives_the_promise_and_may_be_taken_after_the_value) {
  narke::object_ref<int> ref;
  {
    narke::promise<int> promise;
    promise.set_value(3);
    ref = promise.ref();
    EXPECT_EQ(narke::get(promise.ref()), 3);
  }
  EXPECT_EQ(narke::get(ref), 3);
}

TEST_P(promising, the_promise_does_not_count_as_a_ref) {
  narke::promise<std::unique_ptr<int>> promise;
  auto ref = promise.ref();
  promise.set_value(std::make_unique<int>(5));
  EXPECT_EQ(*narke::get(std::move(ref)), 5);
}

TEST_P(promising, of_void) {
  narke::promise<void> promise;
  auto after = narke::task([] { return 1; }).remote();
  const auto ref = promise.ref();
  promise.set_value();
  narke::get(ref);
  EXPECT_EQ(narke::get(after), 1);
}

TEST_P(promising, an_exception) {
  narke::promise<int> promise;
  auto after = narke::task([](int x) { return x; }).remote(promise.ref());
  promise.set_exception(std::make_exception_ptr(std::range_error{"no"}));
  EXPECT_THROW(narke::get(promise.ref()), std::range_error);
  EXPECT_THROW(narke::get(after), std::range_error);
  EXPECT_THROW(narke::promise<int>{}.set_exception(nullptr), std::invalid_argument);
}

TEST_P(promising, one_that_goes_without_a_value_is_broken) {
  narke::object_ref<int> ref;
  narke::object_ref<int> after;
  {
    narke::promise<int> promise;
    ref = promise.ref();
    after = narke::task([](int x) { return x; }).remote(ref);
  }
  EXPECT_THROW(narke::get(ref), narke::broken_promise_error);
  EXPECT_THROW(narke::get(after), narke::broken_promise_error);
}

TEST_P(promising, is_set_once) {
  narke::promise<int> promise;
  promise.set_value(1);
  EXPECT_THROW(promise.set_value(2), narke::error);
  EXPECT_THROW(promise.set_exception(std::make_exception_ptr(1)), narke::error);
  EXPECT_EQ(narke::get(promise.ref()), 1);
}

TEST_P(promising, of_many_who_set_it_one_does) {
  for (int i = 0; i != 200; ++i) {
    narke::promise<int> promise;
    const auto ref = promise.ref();
    const tally set;
    {
      std::jthread other{[&] {
        try {
          promise.set_value(1);
          set.add();
        } catch (const narke::error&) {
        }
      }};
      try {
        promise.set_value(2);
        set.add();
      } catch (const narke::error&) {
      }
    }
    EXPECT_EQ(set.value(), 1);
    EXPECT_GE(narke::get(ref), 1);
  }
}

struct refuses_copies {
  refuses_copies() = default;
  refuses_copies(const refuses_copies&) { throw std::runtime_error{"no copy"}; }
  refuses_copies(refuses_copies&&) noexcept {}
};

TEST_P(promising, a_value_that_cannot_be_made_leaves_it_as_it_was) {
  narke::promise<refuses_copies> promise;
  const refuses_copies value;
  EXPECT_THROW(promise.set_value(value), std::runtime_error);
  EXPECT_FALSE(narke::is_ready(promise.ref()));
  promise.set_value(refuses_copies{});
  EXPECT_TRUE(narke::is_ready(promise.ref()));
}

TEST_P(promising, is_an_argument_like_any_other) {
  narke::promise<int> promise;
  std::vector<narke::object_ref<int>> list{promise.ref(), narke::put(2)};
  auto sum = narke::task([](const std::vector<int>& v) { return v[0] + v[1]; }).remote(list);
  auto next = narke::task([](int x) { return x + 1; }, {.num_cpus = 0.5}).remote(promise.ref());
  EXPECT_FALSE(narke::is_ready(sum));
  EXPECT_EQ(narke::wait(list, {.num_returns = 2, .timeout = 0s}).ready.size(), 1U);
  promise.set_value(40);
  EXPECT_EQ(narke::get(sum), 42);
  EXPECT_EQ(narke::get(next), 41);
}

TEST_P(promising, set_in_a_task_that_another_waits_for) {
  auto promise = std::make_shared<narke::promise<int>>();
  auto waits = narke::task([ref = promise->ref()] { return narke::get(ref) + 1; }).remote();
  narke::task([promise] { promise->set_value(1); }).remote();
  EXPECT_EQ(narke::get(waits), 2);
}

TEST_P(promising, moves) {
  narke::promise<int> first;
  const auto ref = first.ref();
  narke::promise<int> second{std::move(first)};
  EXPECT_THROW(static_cast<void>(first.ref()), narke::error);
  first = std::move(second);
  first.set_value(1);
  EXPECT_EQ(narke::get(ref), 1);
}

TEST_P(promising, cannot_be_cancelled) {
  narke::promise<int> promise;
  EXPECT_FALSE(narke::cancel(promise.ref()));
  promise.set_value(1);
}

TEST_P(promising, shutdown_drops_those_that_wait_for_it) {
  narke::promise<int> promise;
  const auto ref = promise.ref();
  auto one = narke::task([](int x) { return x; }).remote(ref);
  auto two = narke::task([](int x, int y) { return x + y; }).remote(ref, one);
  narke::shutdown();
  EXPECT_THROW(narke::get(one), narke::task_cancelled_error);
  EXPECT_THROW(narke::get(two), narke::task_cancelled_error);
  promise.set_value(1);
  EXPECT_EQ(narke::get(ref), 1);
}

TEST_P(promising, a_value_goes_with_its_last_ref) {
  const auto seen = narke_test::new_traffic();
  narke::promise<narke_test::tracked> promise;
  {
    const auto ref = promise.ref();
    promise.set_value(narke_test::tracked{seen, 1});
    EXPECT_EQ(seen->alive, 1);
  }
  promise = {};
  EXPECT_EQ(seen->alive, 0);
}

// The ref is the last while the promise goes, before and after.
TEST_P(promising, a_value_that_only_moves_is_taken_while_the_promise_goes) {
  for (int i = 0; i != narke_test::stress_rounds(2'000); ++i) {
    auto promise = std::make_unique<narke::promise<std::unique_ptr<int>>>();
    auto ref = promise->ref();
    std::jthread setter{[&] {
      promise->set_value(std::make_unique<int>(i));
      promise = nullptr;
    }};
    ASSERT_EQ(*narke::get(std::move(ref)), i);
  }
}

}  // namespace
