// max_retries, retry_exceptions, and what an attempt finds.
#include <support/runtime_fixture.hpp>
#include <support/values.hpp>

#include <atomic>
#include <fstream>
#include <memory>
#include <sstream>
#include <stdexcept>

using narke_test::busy_cpus;
using narke_test::gate;
using narke_test::tally;
using namespace std::chrono_literals;

namespace {

class retrying : public narke_test::on_cpus_test {
 protected:
  // Throws until it is called for the n-th time; then the number of the attempt.
  auto fails_before(int n, narke::task_options options) {
    options.retry_delay = 0ms;
    return narke::task([calls = calls_, n] {
      if (calls.add() < n) throw std::runtime_error{"not yet"};
      return narke::this_task::attempt();
    }, options);
  }

  tally calls_;
};
NARKE_ON_1_2_4_CPUS(retrying);

TEST_P(retrying, goes_on_until_an_attempt_succeeds) {
  EXPECT_EQ(narke::get(fails_before(4, {.max_retries = 5, .retry_exceptions = true}).remote()), 3);
  EXPECT_EQ(calls_.value(), 4);
}

TEST_P(retrying, in_the_placement_lane_too) {
  const narke::task_options options{
      .num_cpus = 0.5, .max_retries = 5, .retry_exceptions = true};
  EXPECT_EQ(narke::get(fails_before(4, options).remote()), 3);
}

TEST_P(retrying, ends_with_the_last_exception) {
  auto ref = fails_before(9, {.max_retries = 2, .retry_exceptions = true}).remote();
  EXPECT_THROW(narke::get(ref), std::runtime_error);
  EXPECT_EQ(calls_.value(), 3);
}

TEST_P(retrying, without_a_limit) {
  EXPECT_EQ(narke::get(fails_before(300, {.max_retries = -1, .retry_exceptions = true}).remote()),
            299);
}

TEST_P(retrying, exceptions_are_not_retried_unless_asked) {
  EXPECT_THROW(narke::get(fails_before(2, {.max_retries = 5}).remote()), std::runtime_error);
  EXPECT_EQ(calls_.value(), 1);
}

TEST_P(retrying, by_a_predicate) {
  const auto has_luck = [](const std::exception_ptr& error) {
    try {
      std::rethrow_exception(error);
    } catch (const std::exception& thrown) {
      return std::string{thrown.what()} == "not yet";
    }
  };
  EXPECT_EQ(narke::get(fails_before(3, {.max_retries = 5, .retry_exceptions = has_luck}).remote()),
            2);
}

TEST_P(retrying, a_predicate_that_throws_says_no) {
  const auto bad = [](const std::exception_ptr&) -> bool { throw 1; };
  EXPECT_THROW(
      narke::get(fails_before(3, {.max_retries = 5, .retry_exceptions = bad}).remote()),
      std::runtime_error);
  EXPECT_EQ(calls_.value(), 1);
}

TEST_P(retrying, by_types_and_what_derives_from_them) {
  const auto rule = narke::retry_on<std::logic_error, std::runtime_error>();
  EXPECT_EQ(narke::get(fails_before(3, {.max_retries = 5, .retry_exceptions = rule}).remote()), 2);
  const auto other = narke::retry_on<std::range_error>();
  EXPECT_THROW(narke::get(fails_before(9, {.max_retries = 5, .retry_exceptions = other}).remote()),
               std::runtime_error);
}

TEST_P(retrying, lost_workers_are_no_fault_of_the_body) {
  auto ref = narke::task([calls = calls_] {
    if (calls.add() < 3) throw narke::worker_crashed_error{"gone"};
    return 1;
  }, {.max_retries = 2, .retry_delay = 0ms}).remote();
  EXPECT_EQ(narke::get(ref), 1);
}

TEST_P(retrying, an_argument_that_failed_is_not_retried) {
  auto bad = narke::task([]() -> int { throw std::runtime_error{"argument"}; }).remote();
  auto ref = narke::task([calls = calls_](int) { calls.add(); },
                         {.max_retries = 5, .retry_exceptions = true}).remote(bad);
  EXPECT_THROW(narke::get(ref), std::runtime_error);
  EXPECT_EQ(calls_.value(), 0);
}

// Whatever the body does with its arguments, the next attempt finds them as they were.
TEST_P(retrying, arguments_are_kept) {
  const narke::task_options options{
      .max_retries = 2, .retry_exceptions = true, .retry_delay = 0ms};
  const auto check = [calls = calls_](std::string by_value, std::string&& by_rvalue,
                                      const std::string& in_place, std::vector<int> gathered) {
    const std::string seen = by_value + by_rvalue + in_place + std::to_string(gathered.size());
    std::string{std::move(by_value)}.clear();
    std::string{std::move(by_rvalue)}.clear();
    gathered.clear();
    if (calls.add() < 3) throw std::runtime_error{"again"};
    return seen;
  };
  auto last = narke::put(std::string{"b"});
  std::vector<narke::object_ref<int>> numbers{narke::put(1), narke::put(2)};
  auto ref = narke::task(check, options)
                 .remote(std::string{"a"}, std::move(last), narke::put(std::string{"c"}),
                         std::move(numbers));
  EXPECT_EQ(narke::get(ref), "abc2");
  const auto generic = [calls = calls_](auto text) {
    const std::string seen = std::move(text);
    if (calls.add() < 6) throw std::runtime_error{"again"};
    return seen;
  };
  EXPECT_EQ(narke::get(narke::task(generic, options).remote(std::string{"generic"})), "generic");
}

TEST_P(retrying, arguments_go_with_the_last_attempt) {
  const auto seen = narke_test::new_traffic();
  auto ref = narke::task([calls = calls_](const narke_test::tracked&) {
    if (calls.add() < 3) throw std::runtime_error{"again"};
  }, {.max_retries = 5, .retry_exceptions = true, .retry_delay = 0ms})
                 .remote(narke_test::tracked{seen, 1});
  narke::get(ref);
  EXPECT_EQ(seen->alive, 0) << "before the result is there";
}

TEST_P(retrying, what_cannot_be_given_twice_is_refused) {
  auto taken = narke::task([](std::unique_ptr<int> x) { return *x; },
                           {.max_retries = 1, .retry_exceptions = true});
  EXPECT_THROW(taken.remote(std::make_unique<int>(1)), std::invalid_argument);
  auto read = narke::task([](const std::unique_ptr<int>& x) { return *x; },
                          {.max_retries = 1, .retry_exceptions = true});
  EXPECT_EQ(narke::get(read.remote(std::make_unique<int>(1))), 1);
}

TEST_P(retrying, holds_nothing_between_attempts_and_can_be_cancelled_there) {
  auto ref = narke::task([calls = calls_] {
    calls.add();
    throw std::runtime_error{"again"};
  }, {.memory = 100, .max_retries = -1, .retry_exceptions = true, .retry_delay = 1h}).remote();
  calls_.wait_for(1);
  EXPECT_TRUE(narke_test::eventually(
      [] { return narke::available_resources() == narke_test::all_resources(); }));
  EXPECT_TRUE(narke::cancel(ref));
  EXPECT_THROW(narke::get(ref), narke::task_cancelled_error);
  EXPECT_EQ(calls_.value(), 1);
}

TEST_P(retrying, cancelled_attempts_are_not_retried) {
  auto ref = narke::task([calls = calls_] {
    calls.add();
    while (!narke::stop_requested()) std::this_thread::yield();
    throw std::runtime_error{"stopped"};
  }, {.max_retries = -1, .retry_exceptions = true, .retry_delay = 0ms}).remote();
  calls_.wait_for(1);
  EXPECT_TRUE(narke::cancel(ref));
  EXPECT_THROW(narke::get(ref), narke::task_cancelled_error);
  EXPECT_EQ(calls_.value(), 1);
}

TEST_P(retrying, shutdown_drops_what_waits_for_another_attempt) {
  auto ref = narke::task([calls = calls_] {
    calls.add();
    throw std::runtime_error{"again"};
  }, {.memory = 100, .max_retries = -1, .retry_exceptions = true, .retry_delay = 1h}).remote();
  calls_.wait_for(1);
  ASSERT_TRUE(narke_test::eventually(
      [] { return narke::available_resources() == narke_test::all_resources(); }));
  narke::shutdown();
  EXPECT_THROW(narke::get(ref), narke::task_cancelled_error);
}

TEST_P(retrying, a_get_in_place_waits_for_the_last_attempt) {
  auto parent = narke::task([task = fails_before(3, {.max_retries = 5, .retry_exceptions = true})] {
    return narke::get(task.remote());
  }).remote();
  EXPECT_EQ(narke::get(parent), 2);
}

TEST_P(retrying, several_results_come_from_one_attempt) {
  auto [a, b] = narke::task([calls = calls_] {
    if (calls.add() < 3) throw std::runtime_error{"again"};
    return std::pair{narke::this_task::attempt(), std::string{"b"}};
  }, {.max_retries = 5, .retry_exceptions = true, .retry_delay = 0ms}).num_returns<2>().remote();
  EXPECT_EQ(narke::get(a), 2);
  EXPECT_EQ(narke::get(b), "b");
}

TEST_P(retrying, bad_numbers_are_refused) {
  EXPECT_THROW(narke::task([] {}, {.max_retries = -2}), std::invalid_argument);
  EXPECT_THROW(narke::task([] {}, {.max_retries = 0.5}), std::invalid_argument);
  EXPECT_THROW(narke::task([] {}, {.max_retries = 1, .retry_delay = -1ms}), std::invalid_argument);
}

/// Counts those that are there; its move throws once it is told to.
class fragile {
 public:
  struct facts {
    std::atomic<int> alive{0};
    std::atomic<int> lowest{0};
    std::atomic<bool> moves_throw{false};
  };
  explicit fragile(facts& its) : facts_{&its} { ++facts_->alive; }
  fragile(const fragile& other) : fragile{*other.facts_} {}
  fragile(fragile&& other) : facts_{other.facts_} {
    if (facts_->moves_throw) throw std::runtime_error{"this cannot be moved"};
    ++facts_->alive;
  }
  ~fragile() {
    const int left = --facts_->alive;
    if (left < facts_->lowest) facts_->lowest = left;
  }
  facts& its() const { return *facts_; }

 private:
  facts* facts_;
};

TEST_P(retrying, destroys_an_argument_once_that_cannot_be_moved_back) {
  fragile::facts facts;
  {
    const fragile given{facts};
    const auto body = [](fragile&& taken) -> int {
      taken.its().moves_throw = true;
      throw std::runtime_error{"the body"};
    };
    const auto ref = narke::task(body, {.max_retries = 3, .retry_exceptions = true,
                                        .retry_delay = 0ms}).remote(given);
    EXPECT_THROW(narke::get(ref), std::runtime_error);
  }
  EXPECT_TRUE(narke_test::eventually([&] { return facts.alive == 0; }));
  EXPECT_EQ(facts.lowest, 0) << "one was destroyed twice";
}

}  // namespace
