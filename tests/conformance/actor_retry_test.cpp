// max_task_retries: calls that were lost with their actor are given again once it is made again.
#include <narke/narke.hpp>

#include <conformance/actor_values.hpp>
#include <support/runtime_fixture.hpp>
#include <support/values.hpp>

#include <chrono>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <memory>
#include <mutex>
#include <stdexcept>
#include <string>
#include <utility>
#include <vector>

using namespace std::chrono_literals;
using narke_test::cause_of;
using narke_test::gate;
using narke_test::message_of;
using narke_test::tally;

namespace {

class actor_retry : public narke_test::on_cpus_test {
 protected:
  tally calls_;
};
NARKE_ON_1_2_4_CPUS(actor_retry);

/// What calls write down outside of the actor, so that it outlives a loss.
class record {
 public:
  void add(int what) const {
    const std::lock_guard lock{list_->mutex};
    list_->all.push_back(what);
  }
  std::vector<int> all() const {
    const std::lock_guard lock{list_->mutex};
    return list_->all;
  }

 private:
  struct list {
    std::mutex mutex;
    std::vector<int> all;
  };
  std::shared_ptr<list> list_ = std::make_shared<list>();
};

class shaky {
 public:
  shaky() = default;
  // Waits before it is there for the second time.
  shaky(const tally& made, const tally& begun, const gate::waiter_type& wait) {
    if (made.add() == 2) {
      begun.add();
      wait();
    }
  }

  int before(const tally& calls, int n) {
    if (calls.add() < n) narke::this_actor::fail("not yet");
    return narke::this_task::attempt();
  }
  void throws(const tally& calls) {
    calls.add();
    throw narke_test::odd_error{"its own", 7};
  }
  int swallows(const tally& calls) {
    calls.add();
    try {
      narke::this_actor::fail("swallowed");
    } catch (const narke::actor_died_error&) {
    }
    return narke::this_task::attempt();
  }
  void throws_instead(const tally& calls) {
    calls.add();
    try {
      narke::this_actor::fail("swallowed");
    } catch (const narke::actor_died_error& died) {
      throw narke::actor_died_error{died.what()};
    }
  }
  void exit(const tally& calls) {
    calls.add();
    narke::this_actor::end();
  }
  void hold(const tally& begun, const gate::waiter_type& wait) {
    begun.add();
    wait();
  }
  void note(const record& to, int what) { to.add(what); }
  void note_after(const record& to, int what, int) { to.add(what); }
  void note_before(const record& to, int what, const tally& calls, int n) {
    to.add(what);
    if (calls.add() < n) narke::this_actor::fail("not yet");
  }
  int restarts() { return narke::this_actor::restarts(); }
  int next() { return ++value_; }

 private:
  int value_ = 0;
};

TEST_P(actor_retry, goes_on_until_a_call_is_not_lost) {
  auto a = narke::actor<shaky>({.max_restarts = 5, .max_task_retries = 5}).remote();
  EXPECT_EQ(narke::get(a.task(&shaky::before).remote(calls_, 4)), 3);
  EXPECT_EQ(calls_.value(), 4);
  EXPECT_EQ(narke::get(a.task(&shaky::restarts).remote()), 3);
  EXPECT_EQ(narke::get(a.task(&shaky::next).remote()), 1) << "a new state";
}

TEST_P(actor_retry, is_off_unless_asked_for) {
  auto a = narke::actor<shaky>({.max_restarts = 5}).remote();
  EXPECT_EQ(cause_of(a.task(&shaky::before).remote(calls_, 2)), "not yet");
  EXPECT_EQ(calls_.value(), 1);
}

TEST_P(actor_retry, ends_with_actor_died_error_and_the_actor_lives_on) {
  auto a = narke::actor<shaky>({.max_restarts = -1, .max_task_retries = 2}).remote();
  EXPECT_EQ(cause_of(a.task(&shaky::before).remote(calls_, 9)), "not yet");
  EXPECT_EQ(calls_.value(), 3);
  EXPECT_EQ(narke::get(a.task(&shaky::restarts).remote()), 3);
}

TEST_P(actor_retry, goes_on_without_end_for_minus_one) {
  auto a = narke::actor<shaky>({.max_restarts = -1, .max_task_retries = -1}).remote();
  EXPECT_EQ(narke::get(a.task(&shaky::before).remote(calls_, 200)), 199);
}

TEST_P(actor_retry, options_of_the_call_go_before_those_of_the_actor) {
  auto plain = narke::actor<shaky>({.max_restarts = -1}).remote();
  auto once_more = plain.task(&shaky::before).options({.max_task_retries = 1});
  EXPECT_EQ(narke::get(once_more.remote(calls_, 2)), 1);
  EXPECT_EQ(cause_of(plain.task(&shaky::before).options({}).remote(tally{}, 2)), "not yet");

  auto keen = narke::actor<shaky>({.max_restarts = -1, .max_task_retries = 3}).remote();
  const tally never;
  EXPECT_EQ(cause_of(keen.task(&shaky::before).options({.max_task_retries = 0}).remote(never, 2)),
            "not yet");
  EXPECT_EQ(never.value(), 1);
  EXPECT_EQ(narke::get(keen.task(&shaky::before).options({}).remote(tally{}, 4)), 3);
  auto named =
      narke::actor<shaky>({.name = "keen", .max_restarts = 2, .max_task_retries = 2}).remote();
  auto found = narke::get_actor<shaky>("keen");
  EXPECT_EQ(narke::get(found.task(&shaky::before).remote(tally{}, 3)), 2);
}

TEST_P(actor_retry, ends_when_no_restart_is_left) {
  auto a = narke::actor<shaky>({.max_restarts = 1, .max_task_retries = -1}).remote();
  auto lost = a.task(&shaky::before).remote(calls_, 99);
  auto behind = a.task(&shaky::next).remote();
  EXPECT_EQ(cause_of(lost), "not yet");
  EXPECT_EQ(calls_.value(), 2);
  EXPECT_EQ(cause_of(behind), "not yet");
  auto never = narke::actor<shaky>({.max_task_retries = -1}).remote();
  EXPECT_EQ(cause_of(never.task(&shaky::before).remote(tally{}, 2)), "not yet");
}

TEST_P(actor_retry, never_of_what_a_method_throws_or_returns) {
  auto a = narke::actor<shaky>({.max_restarts = -1, .max_task_retries = -1}).remote();
  EXPECT_EQ(narke_test::odd_code([&] { narke::get(a.task(&shaky::throws).remote(calls_)); }), 7);
  EXPECT_EQ(narke::get(a.task(&shaky::restarts).remote()), 0);
  EXPECT_EQ(narke::get(a.task(&shaky::swallows).remote(calls_)), 0);
  EXPECT_EQ(narke::get(a.task(&shaky::restarts).remote()), 1) << "it is lost all the same";
  EXPECT_THROW(narke::get(a.task(&shaky::throws_instead).remote(calls_)), narke::actor_died_error);
  EXPECT_EQ(narke::get(a.task(&shaky::restarts).remote()), 2);
  EXPECT_EQ(calls_.value(), 3);
}

TEST_P(actor_retry, never_of_the_loss_of_another_actor) {
  struct caller {
    int ask(const narke::actor_handle<shaky>& other, const tally& calls) {
      return narke::get(other.task(&shaky::before).remote(calls, 99));
    }
  };
  auto other = narke::actor<shaky>({.max_restarts = -1}).remote();
  auto a = narke::actor<caller>({.max_restarts = -1, .max_task_retries = -1}).remote();
  EXPECT_EQ(cause_of(a.task(&caller::ask).remote(other, calls_)), "not yet");
  EXPECT_EQ(calls_.value(), 1);
}

TEST_P(actor_retry, never_after_kill_or_exit_or_a_constructor_that_throws) {
  auto gone = narke::actor<shaky>({.max_restarts = -1, .max_task_retries = -1}).remote();
  EXPECT_EQ(cause_of(gone.task(&shaky::exit).remote(calls_)), "none");
  EXPECT_EQ(calls_.value(), 1);

  gate opened;
  const tally begun;
  auto killed = narke::actor<shaky>({.max_restarts = -1, .max_task_retries = -1}).remote();
  auto held = killed.task(&shaky::hold).remote(begun, opened.waiter());
  begun.wait_for(1);
  narke::kill(killed);
  EXPECT_EQ(cause_of(held), "none");
  opened.open();

  struct once {
    explicit once(const tally& made) {
      if (made.add() > 1) throw narke::error{"only once"};
    }
    int call() { narke::this_actor::fail("on purpose"); }
  };
  const tally made;
  auto a = narke::actor<once>({.max_restarts = -1, .max_task_retries = -1}).remote(made);
  EXPECT_EQ(cause_of(a.task(&once::call).remote()), "only once");
  EXPECT_EQ(made.value(), 2);
  EXPECT_EQ(begun.value(), 1);
}

TEST_P(actor_retry, is_given_up_when_the_actor_is_killed_while_it_is_made_again) {
  gate opened;
  const tally begun;
  auto a = narke::actor<shaky>({.max_restarts = -1, .max_task_retries = -1})
               .remote(tally{}, begun, opened.waiter());
  auto lost = a.task(&shaky::before).remote(calls_, 99);
  begun.wait_for(1);
  EXPECT_FALSE(narke::is_ready(lost));
  narke::kill(a);
  EXPECT_EQ(cause_of(lost), "none");
  opened.open();
}

TEST_P(actor_retry, keeps_the_order_of_its_submitter) {
  const record seen;
  auto a = narke::actor<shaky>({.max_restarts = -1, .max_task_retries = -1}).remote();
  const tally late;
  std::vector<narke::object_ref<void>> refs;
  for (int i = 0; i != 4; ++i) refs.push_back(a.task(&shaky::note).remote(seen, i));
  refs.push_back(a.task(&shaky::note_before).remote(seen, 4, calls_, 3));
  refs.push_back(a.task(&shaky::note_before).remote(seen, 5, late, 2));
  refs.push_back(a.task(&shaky::note_after)
                     .remote(seen, 6, narke::task([] { return 0; }).remote()));
  refs.push_back(a.task(&shaky::note).remote(seen, 7));
  for (const auto& each : refs) narke::get(each);
  EXPECT_EQ(seen.all(), (std::vector{0, 1, 2, 3, 4, 4, 4, 5, 5, 6, 7}));
}

// Two methods run on the same state: it is lost once, whoever of them says so.
TEST_P(actor_retry, of_methods_that_lose_it_together_costs_one_restart) {
  struct pair {
    int meet(const tally& begun, const gate::waiter_type& wait) {
      begun.add();
      wait();
      if (narke::this_task::attempt() == 0) narke::this_actor::fail("together");
      return narke::this_actor::restarts();
    }
  };
  gate opened;
  const tally begun;
  auto a = narke::actor<pair>({.num_cpus = 0,
                               .max_restarts = 1,
                               .max_task_retries = 1,
                               .max_concurrency = 2})
               .remote();
  auto one = a.task(&pair::meet).remote(begun, opened.waiter());
  auto two = a.task(&pair::meet).remote(begun, opened.waiter());
  begun.wait_for(2);
  opened.open();
  EXPECT_EQ(narke::get(one), 1);
  EXPECT_EQ(narke::get(two), 1);
}

TEST_P(actor_retry, gives_the_same_arguments_again) {
  class taker {
   public:
    std::string take(const tally& calls, std::string by_value, std::string&& by_rvalue,
                     const std::string& in_place, std::vector<int> gathered) {
      const std::string seen = by_value + by_rvalue + in_place + std::to_string(gathered.size());
      std::string{std::move(by_value)}.clear();
      std::string{std::move(by_rvalue)}.clear();
      gathered.clear();
      if (calls.add() < 3) narke::this_actor::fail("again");
      return seen;
    }
  };
  auto a = narke::actor<taker>({.max_restarts = -1, .max_task_retries = 2}).remote();
  auto last = narke::put(std::string{"b"});
  std::vector<narke::object_ref<int>> numbers{narke::put(1), narke::put(2)};
  auto ref = a.task(&taker::take)
                 .remote(calls_, std::string{"a"}, std::move(last), narke::put(std::string{"c"}),
                         std::move(numbers));
  EXPECT_EQ(narke::get(ref), "abc2");
}

TEST_P(actor_retry, lets_the_arguments_go_before_the_result_is_there) {
  class taker {
   public:
    void take(const tally& calls, const narke_test::tracked&) {
      if (calls.add() < 3) narke::this_actor::fail("again");
    }
  };
  const auto seen = narke_test::new_traffic();
  auto a = narke::actor<taker>({.max_restarts = -1, .max_task_retries = 5}).remote();
  narke::get(a.task(&taker::take).remote(calls_, narke_test::tracked{seen, 1}));
  EXPECT_EQ(seen->alive, 0);
}

TEST_P(actor_retry, refuses_what_cannot_be_given_twice) {
  struct taker {
    int take(std::unique_ptr<int> x) { return *x; }
    int read(const std::unique_ptr<int>& x) { return *x; }
  };
  auto a = narke::actor<taker>(
               {.name = "taker", .max_restarts = 1, .max_task_retries = 1, .max_pending_calls = 1})
               .remote();
  const std::string told = message_of<std::invalid_argument>(
      [&] { a.task(&taker::take).remote(std::make_unique<int>(1)); });
  EXPECT_NE(told.find("max_task_retries"), std::string::npos) << told;
  EXPECT_NE(told.find("'taker'"), std::string::npos) << told;
  EXPECT_EQ(narke::get(a.task(&taker::read).remote(std::make_unique<int>(2))), 2);
  auto once = a.task(&taker::take).options({.max_task_retries = 0});
  EXPECT_EQ(narke::get(once.remote(std::make_unique<int>(3))), 3);
}

TEST_P(actor_retry, can_be_cancelled_between_attempts) {
  gate opened;
  const tally begun;
  auto a = narke::actor<shaky>({.max_restarts = -1, .max_task_retries = -1})
               .remote(tally{}, begun, opened.waiter());
  auto lost = a.task(&shaky::before).remote(calls_, 99);
  begun.wait_for(1);
  EXPECT_TRUE(narke::cancel(lost));
  EXPECT_THROW(narke::get(lost), narke::task_cancelled_error);
  opened.open();
  EXPECT_EQ(narke::get(a.task(&shaky::next).remote()), 1);
  EXPECT_EQ(calls_.value(), 1);
}

TEST_P(actor_retry, is_pending_all_the_while) {
  gate opened;
  const tally begun;
  auto a = narke::actor<shaky>({.max_restarts = -1, .max_task_retries = -1, .max_pending_calls = 1})
               .remote(tally{}, begun, opened.waiter());
  auto lost = a.task(&shaky::before).remote(calls_, 2);
  begun.wait_for(1);
  EXPECT_THROW(a.task(&shaky::next).remote(), narke::pending_calls_limit_exceeded);
  opened.open();
  EXPECT_EQ(narke::get(lost), 1);
  EXPECT_EQ(narke::get(a.task(&shaky::next).remote()), 1);
}

TEST_P(actor_retry, of_one_without_handles_comes_before_its_end) {
  auto ref = narke::actor<shaky>({.max_restarts = -1, .max_task_retries = -1})
                 .remote()
                 .task(&shaky::before)
                 .remote(calls_, 5);
  EXPECT_EQ(narke::get(ref), 4);
}

TEST_P(actor_retry, makes_several_results_and_streams_of_one_attempt) {
  class maker {
   public:
    std::pair<int, std::string> two(const tally& calls) {
      if (calls.add() < 3) narke::this_actor::fail("again");
      return {narke::this_task::attempt(), "b"};
    }
    narke::generator<int> count(tally calls) {
      for (int i = 0; i != 5; ++i) {
        if (i == 3 && calls.add() < 3) narke::this_actor::fail("again");
        co_yield i;
      }
    }
  };
  auto a = narke::actor<maker>({.max_restarts = -1, .max_task_retries = -1}).remote();
  auto [number, text] = a.task(&maker::two).num_returns<2>().remote(calls_);
  EXPECT_EQ(narke::get(number), 2);
  EXPECT_EQ(narke::get(text), "b");
  std::vector<int> all;
  for (const auto& each : a.task(&maker::count).remote(tally{})) all.push_back(narke::get(each));
  EXPECT_EQ(all, (std::vector{0, 1, 2, 3, 4}));
}

TEST_P(actor_retry, a_get_in_place_waits_for_the_last_attempt) {
  auto a = narke::actor<shaky>({.max_restarts = -1, .max_task_retries = -1}).remote();
  narke::get(a.task(&shaky::next).remote());
  EXPECT_EQ(narke::get(a.task(&shaky::before).remote(calls_, 4)), 3);
  auto parent = narke::task([a, calls = tally{}] {
    return narke::get(a.task(&shaky::before).remote(calls, 4));
  }).remote();
  EXPECT_EQ(narke::get(parent), 3);
}

TEST_P(actor_retry, ends_with_the_runtime) {
  gate opened;
  const tally begun;
  auto a = narke::actor<shaky>({.max_restarts = -1, .max_task_retries = -1})
               .remote(tally{}, begun, opened.waiter());
  auto lost = a.task(&shaky::before).remote(calls_, 99);
  begun.wait_for(1);
  EXPECT_FALSE(narke::shutdown(1ms));
  opened.open();
  narke::shutdown();
  EXPECT_THROW(narke::get(lost), narke::error);
  EXPECT_EQ(calls_.value(), 1);
}

TEST_P(actor_retry, of_many_submitters_loses_no_call) {
  auto a = narke::actor<shaky>({.max_restarts = -1, .max_task_retries = -1}).remote();
  std::vector<narke::object_ref<int>> parents;
  for (int i = 0; i != 8; ++i) {
    parents.push_back(narke::task([a, calls = tally{}] {
                        int sum = 0;
                        for (int k = 0; k != 10; ++k) {
                          const tally own;
                          sum += narke::get(a.task(&shaky::before).remote(own, 1 + k % 3));
                        }
                        return sum;
                      }).remote());
  }
  for (const int each : narke::get(parents)) EXPECT_EQ(each, 9);
}

TEST_P(actor_retry, is_shown_by_explain_and_the_timeline) {
  auto a = narke::actor<shaky>({.max_restarts = -1, .max_task_retries = -1}).remote();
  auto ref = a.task(&shaky::before).remote(calls_, 3);
  EXPECT_EQ(narke::get(ref), 2);
  const std::string told = narke::explain(ref);
  EXPECT_NE(told.find("attempt 2"), std::string::npos) << told;
  const auto file = std::filesystem::path{testing::TempDir()} /
                    ("retry_" + std::to_string(::getpid()) + ".json");
  narke::timeline(file.string());
  std::ifstream opened{file};
  const std::string text{std::istreambuf_iterator<char>{opened}, {}};
  EXPECT_NE(text.find("\"attempt\":1"), std::string::npos);
  EXPECT_NE(text.find("\"attempt\":2"), std::string::npos);
  std::filesystem::remove(file);
}

TEST_P(actor_retry, refuses_bad_numbers) {
  EXPECT_THROW(narke::actor<shaky>({.max_task_retries = -2}), std::invalid_argument);
  EXPECT_THROW(narke::actor<shaky>({.max_task_retries = 0.5}), std::invalid_argument);
  auto a = narke::actor<shaky>().remote();
  EXPECT_THROW(a.task(&shaky::next).options({.max_task_retries = -2}), std::invalid_argument);
}

}  // namespace
