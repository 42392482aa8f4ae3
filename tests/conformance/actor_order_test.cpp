// In which order, and how many at a time, the calls of actors run.
#include <support/runtime_fixture.hpp>
#include <support/values.hpp>

#include <atomic>
#include <latch>
#include <memory>
#include <numeric>
#include <thread>
#include <vector>

using narke_test::gate;
using narke_test::tally;

namespace {

class actor_order : public narke_test::on_cpus_test {};
NARKE_ON_1_2_4_CPUS(actor_order);

/// Keeps what each submitter said, without a lock: one method at a time is the runtime's promise.
class recorder {
 public:
  void say(int who, int what) { said_.emplace_back(who, what); }
  std::vector<int> heard_from(int who) const {
    std::vector<int> heard;
    for (const auto& [from, what] : said_) {
      if (from == who) heard.push_back(what);
    }
    return heard;
  }
  std::size_t count() const { return said_.size(); }

 private:
  std::vector<std::pair<int, int>> said_;
};

std::vector<int> first_numbers(int n) {
  std::vector<int> numbers(n);
  std::iota(numbers.begin(), numbers.end(), 0);
  return numbers;
}

TEST_P(actor_order, calls_of_one_thread_run_as_submitted) {
  auto a = narke::actor<recorder>().remote();
  for (int i = 0; i < 5000; ++i) a.task(&recorder::say).remote(0, i);
  EXPECT_EQ(narke::get(a.task(&recorder::heard_from).remote(0)), first_numbers(5000));
}

TEST_P(actor_order, copies_of_a_handle_share_the_order_of_their_thread) {
  auto a = narke::actor<recorder>().remote();
  const auto b = a;
  for (int i = 0; i < 1000; ++i) (i % 2 ? a : b).task(&recorder::say).remote(0, i);
  EXPECT_EQ(narke::get(b.task(&recorder::heard_from).remote(0)), first_numbers(1000));
}

TEST_P(actor_order, calls_of_each_thread_and_task_run_as_submitted) {
  auto a = narke::actor<recorder>().remote();
  const auto submit = [](const narke::actor_handle<recorder>& to, int who) {
    for (int i = 0; i < 300; ++i) to.task(&recorder::say).remote(who, i);
  };
  {
    std::vector<std::jthread> threads;
    for (int who = 0; who < 3; ++who) threads.emplace_back([=] { submit(a, who); });
    std::vector<narke::object_ref<void>> tasks;
    for (int who = 3; who < 6; ++who) tasks.push_back(narke::task(submit).remote(a, who));
    narke::get(tasks);
  }
  EXPECT_EQ(narke::get(a.task(&recorder::count).remote()), 1800U);
  for (int who = 0; who < 6; ++who) {
    EXPECT_EQ(narke::get(a.task(&recorder::heard_from).remote(who)), first_numbers(300));
  }
}

class relay {
 public:
  void pass_on(const narke::actor_handle<recorder>& to, int who) {
    for (int i = 0; i < 200; ++i) to.task(&recorder::say).remote(who, i);
  }
};

TEST_P(actor_order, calls_of_one_actor_call_run_as_submitted) {
  auto a = narke::actor<recorder>().remote();
  auto r = narke::actor<relay>().remote();
  std::vector<narke::object_ref<void>> calls;
  for (int who = 0; who < 3; ++who) calls.push_back(r.task(&relay::pass_on).remote(a, who));
  narke::get(calls);
  for (int who = 0; who < 3; ++who) {
    EXPECT_EQ(narke::get(a.task(&recorder::heard_from).remote(who)), first_numbers(200));
  }
}

TEST_P(actor_order, a_call_that_waits_for_an_argument_holds_back_the_later_ones) {
  gate hold;
  auto slow = narke::task([wait = hold.waiter()] {
    wait();
    return 0;
  }, {.num_cpus = 0}).remote();
  auto a = narke::actor<recorder>().remote();
  a.task(&recorder::say).remote(0, slow);
  std::vector<narke::object_ref<void>> later;
  for (int i = 1; i < 10; ++i) later.push_back(a.task(&recorder::say).remote(0, i));
  std::jthread{[=] { EXPECT_EQ(narke::get(a.task(&recorder::count).remote()), 0U); }}.join();
  EXPECT_FALSE(narke::is_ready(later[0]));
  hold.open();
  EXPECT_EQ(narke::get(a.task(&recorder::heard_from).remote(0)), first_numbers(10));
}

TEST_P(actor_order, a_call_that_waits_does_not_hold_back_other_submitters) {
  gate hold;
  auto slow = narke::task([wait = hold.waiter()] {
    wait();
    return 0;
  }, {.num_cpus = 0}).remote();
  auto a = narke::actor<recorder>().remote();
  auto waiting = a.task(&recorder::say).remote(0, slow);
  const auto say = [](const narke::actor_handle<recorder>& to) {
    to.task(&recorder::say).remote(1, 5);
    return narke::get(to.task(&recorder::count).remote());
  };
  EXPECT_EQ(narke::get(narke::task(say).remote(a)), 1U);
  std::jthread{[=] { EXPECT_EQ(narke::get(a.task(&recorder::count).remote()), 1U); }}.join();
  EXPECT_FALSE(narke::is_ready(waiting));
  hold.open();
  narke::get(waiting);
}

TEST_P(actor_order, a_task_run_inside_a_get_is_a_submitter_of_its_own) {
  gate hold;
  auto slow = narke::task([wait = hold.waiter()] {
    wait();
    return 0;
  }, {.num_cpus = 0}).remote();
  auto a = narke::actor<recorder>().remote();
  auto waiting = a.task(&recorder::say).remote(0, slow);
  const auto ask = [=] { return narke::get(a.task(&recorder::count).remote()); };
  EXPECT_EQ(narke::get(narke::task(ask).remote()), 0U);
  const auto outer = [=] {
    auto held = a.task(&recorder::say).remote(1, slow);
    return narke::get(narke::task(ask).remote());
  };
  EXPECT_EQ(narke::get(narke::task(outer).remote()), 0U);
  hold.open();
  narke::get(waiting);
}

TEST_P(actor_order, calls_whose_arguments_fail_keep_the_order_of_the_rest) {
  auto a = narke::actor<recorder>().remote();
  auto failed = narke::task([]() -> int { throw 1; }).remote();
  for (int i = 0; i < 100; ++i) {
    a.task(&recorder::say).remote(0, i);
    a.task(&recorder::say).remote(0, failed);
  }
  EXPECT_EQ(narke::get(a.task(&recorder::heard_from).remote(0)), first_numbers(100));
}

class lonely {
 public:
  void enter() {
    if (inside_.fetch_add(1) != 0) overlaps_ = true;
    ++plain_;
    std::this_thread::yield();
    inside_.fetch_sub(1);
  }
  int calls() const { return overlaps_ ? -1 : plain_; }

 private:
  std::atomic<int> inside_ = 0;
  std::atomic<bool> overlaps_ = false;
  int plain_ = 0;
};

TEST_P(actor_order, one_method_runs_at_a_time) {
  auto a = narke::actor<lonely>().remote();
  const auto submit = [](const narke::actor_handle<lonely>& to) {
    std::vector<narke::object_ref<void>> refs;
    for (int i = 0; i < 100; ++i) refs.push_back(to.task(&lonely::enter).remote());
    narke::get(refs);
  };
  {
    std::vector<std::jthread> threads;
    for (int i = 0; i < 3; ++i) threads.emplace_back([=] { submit(a); });
    narke::get(narke::task(submit).remote(a));
  }
  EXPECT_EQ(narke::get(a.task(&lonely::calls).remote()), 400);
}

class meeting {
 public:
  void meet(const std::shared_ptr<std::latch>& all) { all->arrive_and_wait(); }
  void enter() {
    const int now = ++inside_;
    int seen = most_;
    while (seen < now && !most_.compare_exchange_weak(seen, now)) {
    }
    std::this_thread::yield();
    --inside_;
  }
  int most() const { return most_; }

 private:
  std::atomic<int> inside_ = 0;
  std::atomic<int> most_ = 0;
};

TEST(actor_concurrency, max_concurrency_lets_that_many_methods_run) {
  const narke::session session{{.num_cpus = 4}};
  auto a = narke::actor<meeting>({.max_concurrency = 3}).remote();
  const auto all = std::make_shared<std::latch>(3);
  std::vector<narke::object_ref<void>> refs;
  for (int i = 0; i < 3; ++i) refs.push_back(a.task(&meeting::meet).remote(all));
  narke::get(refs);
  refs.clear();
  for (int i = 0; i < 300; ++i) refs.push_back(a.task(&meeting::enter).remote());
  narke::get(refs);
  EXPECT_LE(narke::get(a.task(&meeting::most).remote()), 3);
}

TEST(actor_concurrency, bad_values_are_refused) {
  const narke::session session{{.num_cpus = 1}};
  for (const double bad : {0.0, -1.0, 1.5}) {
    EXPECT_THROW(narke::actor<meeting>({.max_concurrency = bad}).remote(), std::invalid_argument);
  }
}

}  // namespace
