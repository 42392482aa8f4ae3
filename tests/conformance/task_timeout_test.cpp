// timeout: counted from the start of each attempt, and published at once.
#include <support/runtime_fixture.hpp>
#include <support/values.hpp>

#include <stdexcept>

using narke_test::busy_cpus;
using narke_test::gate;
using narke_test::tally;
using namespace std::chrono_literals;

namespace {

class task_timeout : public narke_test::on_cpus_test {};
NARKE_ON_1_2_4_CPUS(task_timeout);

TEST_P(task_timeout, is_published_while_the_body_still_runs) {
  gate hold;
  const tally ended;
  auto ref = narke::task([=, wait = hold.waiter()] {
    wait();
    ended.add();
    return 1;
  }, {.timeout = 1ms}).remote();
  EXPECT_THROW(narke::get(ref), narke::task_timeout_error);
  EXPECT_EQ(ended.value(), 0);
  EXPECT_FALSE(narke::cancel(ref)) << "it has its outcome";
  hold.open();
  ended.wait_for(1);
}

TEST_P(task_timeout, resources_and_arguments_stay_until_the_body_ends) {
  gate hold;
  const auto seen = narke_test::new_traffic();
  auto ref = narke::task([wait = hold.waiter()](const narke_test::tracked&) { wait(); },
                         {.memory = 100, .timeout = 1ms}).remote(narke_test::tracked{seen, 1});
  EXPECT_THROW(narke::get(ref), narke::task_timeout_error);
  EXPECT_EQ(seen->alive, 1);
  EXPECT_NE(narke::available_resources(), narke_test::all_resources());
  hold.open();
  EXPECT_TRUE(narke_test::eventually([&] { return seen->alive == 0; }));
}

TEST_P(task_timeout, asks_the_body_to_stop) {
  const tally stopped;
  auto ref = narke::task([=] {
    const std::stop_token token = narke::stop_token();
    while (!narke::stop_requested()) std::this_thread::yield();
    while (!token.stop_requested()) std::this_thread::yield();
    stopped.add();
  }, {.timeout = 1ms}).remote();
  EXPECT_THROW(narke::get(ref), narke::task_timeout_error);
  stopped.wait_for(1);
}

TEST_P(task_timeout, of_a_body_in_time_does_nothing) {
  auto ref = narke::task([](int x) { return x; }, {.timeout = 1h}).remote(7);
  EXPECT_EQ(narke::get(ref), 7);
  auto failed = narke::task([] { throw std::runtime_error{"own"}; }, {.timeout = 1h}).remote();
  EXPECT_THROW(narke::get(failed), std::runtime_error);
}

TEST_P(task_timeout, does_not_count_while_the_task_is_queued) {
  busy_cpus busy{GetParam()};
  auto ref = narke::task([] { return 1; }, {.timeout = 10s}).remote();
  std::this_thread::sleep_for(1ms);
  busy.release();
  EXPECT_EQ(narke::get(ref), 1);
}

TEST_P(task_timeout, fails_what_depends_on_it) {
  gate hold;
  auto ref = narke::task([wait = hold.waiter()] {
    wait();
    return 1;
  }, {.timeout = 1ms}).remote();
  auto after = narke::task([](int x) { return x; }, {.num_cpus = 0}).remote(ref);
  EXPECT_THROW(narke::get(after), narke::task_timeout_error);
  hold.open();
}

TEST_P(task_timeout, is_not_retried) {
  const tally attempts;
  auto ref = narke::task([=] {
    attempts.add();
    while (!narke::stop_requested()) std::this_thread::yield();
    throw std::runtime_error{"stopped"};
  }, {.max_retries = 5, .retry_exceptions = true, .timeout = 1ms, .retry_delay = 0ms}).remote();
  EXPECT_THROW(narke::get(ref), narke::task_timeout_error);
  attempts.wait_for(1);  // its time may be up before its body begins
  narke_test::expect_nothing_held();
  EXPECT_EQ(attempts.value(), 1);
}

TEST_P(task_timeout, starts_anew_with_each_attempt) {
  const tally attempts;
  auto ref = narke::task([=] {
    if (attempts.add() < 3) throw std::runtime_error{"again"};
    return 1;
  }, {.max_retries = 5, .retry_exceptions = true, .timeout = 1h, .retry_delay = 0ms}).remote();
  EXPECT_EQ(narke::get(ref), 1);
}

TEST_P(task_timeout, several_results_share_it) {
  gate hold;
  auto [a, b] = narke::task([wait = hold.waiter()] {
    wait();
    return std::pair{1, std::string(100, 'x')};
  }, {.timeout = 1ms}).num_returns<2>().remote();
  EXPECT_THROW(narke::get(a), narke::task_timeout_error);
  EXPECT_THROW(narke::get(b), narke::task_timeout_error);
  hold.open();
}

TEST_P(task_timeout, of_zero_or_less_is_refused) {
  EXPECT_THROW(narke::task([] {}, {.timeout = 0s}), std::invalid_argument);
  EXPECT_THROW(narke::task([] {}, {.timeout = -1s}), std::invalid_argument);
}

TEST_P(task_timeout, whoever_is_first_the_ref_has_one_outcome) {
  for (int i = 0; i != 300; ++i) {
    const tally ran;
    auto ref = narke::task([=] {
      ran.add();
      const auto end = std::chrono::steady_clock::now() + std::chrono::microseconds{i};
      while (std::chrono::steady_clock::now() < end) {
      }
      return 1;
    }, {.timeout = 100us}).remote();
    try {
      EXPECT_EQ(narke::get(ref), 1);
      EXPECT_EQ(ran.value(), 1);
    } catch (const narke::task_timeout_error&) {  // its body may not have come far
    }
    ASSERT_TRUE(narke_test::eventually([&] { return ran.value() == 1; }));
  }
}

/// Whose destructor waits for the timer: it runs a task that fails once and is tried again.
class tries_at_its_end {
 public:
  explicit tries_at_its_end(const tally& done) : done_{done} {}
  ~tries_at_its_end() {
    const tally tried;
    auto ref = narke::task([=] {
                 if (tried.add() == 1) throw std::runtime_error{"once"};
                 return 1;
               }, {.max_retries = 1, .retry_exceptions = true}).remote();
    done_.add(narke::get(ref));
  }
  int value() { return 1; }

 private:
  tally done_;
};

TEST_P(task_timeout, that_lets_the_last_handle_of_an_actor_go_leaves_the_timer_free) {
  gate hold;
  const tally done;
  auto actor = narke::actor<tries_at_its_end>().remote(done);
  EXPECT_EQ(narke::get(actor.task(&tries_at_its_end::value).remote()), 1);
  auto slow = narke::task([wait = hold.waiter()] {
    wait();
    return 1;
  }, {.num_cpus = 0, .timeout = 1ms}).remote();
  auto last = narke::task([](const narke::actor_handle<tries_at_its_end>&, int) {})
                  .remote(std::move(actor), slow);
  actor = {};
  EXPECT_THROW(narke::get(last), narke::task_timeout_error);
  done.wait_for(1);
  hold.open();
}

}  // namespace
