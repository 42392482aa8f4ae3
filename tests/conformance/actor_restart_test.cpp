// Actors that are lost and made again, and those that end themselves.
#include <conformance/actor_values.hpp>
#include <support/runtime_fixture.hpp>
#include <support/values.hpp>

#include <chrono>
#include <memory>
#include <string>
#include <vector>

using namespace std::chrono_literals;
using narke_test::cause_of;
using narke_test::gate;
using narke_test::tally;
using narke_test::tracked;

namespace {

class actor_restart : public narke_test::on_cpus_test {};
NARKE_ON_1_2_4_CPUS(actor_restart);

/// Counts up from what it was made with, and can be lost.
class fragile {
 public:
  explicit fragile(int start) : value_{start} {}
  fragile(std::shared_ptr<narke_test::traffic> seen, int start)
      : value_{start}, state_{std::make_unique<tracked>(std::move(seen), start)} {}

  int add() { return ++value_; }
  void fail(const std::string& why) { narke::this_actor::fail(why); }
  int fail_but_return(int result) {
    try {
      narke::this_actor::fail("swallowed");
    } catch (const narke::error&) {
    }
    return result;
  }
  void exit() { narke::this_actor::end(); }
  void hold(const tally& begun, const gate::waiter_type& wait) {
    begun.add();
    wait();
  }
  int after(int) { return ++value_; }
  int restarts() { return narke::this_actor::restarts(); }
  std::string name() { return narke::this_actor::name(); }
  narke::actor_handle<fragile> self() { return narke::this_actor::handle<fragile>(); }

 private:
  int value_;
  std::unique_ptr<tracked> state_;
};

TEST_P(actor_restart, begins_with_the_state_of_a_new_object) {
  auto a = narke::actor<fragile>({.name = "again", .max_restarts = 1}).remote(10);
  EXPECT_EQ(narke::get(a.task(&fragile::add).remote()), 11);
  EXPECT_EQ(cause_of(a.task(&fragile::fail).remote("cosmic ray")), "cosmic ray");
  EXPECT_EQ(narke::get(a.task(&fragile::add).remote()), 11);
  EXPECT_EQ(narke::get(a.task(&fragile::restarts).remote()), 1);
  EXPECT_EQ(narke::get_actor<fragile>("again"), a);
  EXPECT_EQ(narke::get(a.task(&fragile::name).remote()), "again");
}

TEST_P(actor_restart, comes_as_often_as_max_restarts_says_and_then_death_with_its_cause) {
  auto a = narke::actor<fragile>({.max_restarts = 2}).remote(0);
  for (int round = 0; round != 2; ++round) {
    EXPECT_EQ(cause_of(a.task(&fragile::fail).remote("one of two")), "one of two");
    EXPECT_EQ(narke::get(a.task(&fragile::add).remote()), 1);
  }
  EXPECT_EQ(cause_of(a.task(&fragile::fail).remote("the last")), "the last");
  EXPECT_EQ(cause_of(a.task(&fragile::add).remote()), "the last");
}

TEST_P(actor_restart, goes_on_without_end_for_minus_one) {
  auto a = narke::actor<fragile>({.max_restarts = -1}).remote(0);
  for (int i = 0; i != 50; ++i) a.task(&fragile::fail).remote("again");
  EXPECT_EQ(narke::get(a.task(&fragile::restarts).remote()), 50);
}

TEST_P(actor_restart, keeps_the_calls_that_wait) {
  gate opened;
  const tally begun;
  auto a = narke::actor<fragile>({.max_restarts = 1}).remote(0);
  a.task(&fragile::hold).remote(begun, opened.waiter());
  auto lost = a.task(&fragile::fail).remote("while others wait");
  std::vector<narke::object_ref<int>> later;
  for (int i = 0; i != 5; ++i) later.push_back(a.task(&fragile::add).remote());
  later.push_back(a.task(&fragile::after).remote(narke::task([] { return 0; }).remote()));
  later.push_back(a.task(&fragile::add).remote());
  begun.wait_for(1);
  opened.open();
  EXPECT_EQ(cause_of(lost), "while others wait");
  EXPECT_EQ(narke::get(later), (std::vector{1, 2, 3, 4, 5, 6, 7}));
}

TEST_P(actor_restart, destroys_the_state_before_it_makes_the_next) {
  struct alone {
    explicit alone(const tally& count) : living{count} {
      if (living.add() != 1) throw narke_test::odd_error{"two at once", 2};
    }
    ~alone() { living.add(-1); }
    void fail() { narke::this_actor::fail("on purpose"); }
    int count() { return living.value(); }
    tally living;
  };
  auto a = narke::actor<alone>({.max_restarts = -1}).remote(tally{});
  for (int i = 0; i != 20; ++i) {
    a.task(&alone::fail).remote();
    ASSERT_EQ(narke::get(a.task(&alone::count).remote()), 1);
  }
}

TEST_P(actor_restart, waits_for_methods_that_run_beside_and_their_results_count) {
  gate opened;
  const tally begun;
  const auto seen = narke_test::new_traffic();
  auto a = narke::actor<fragile>({.num_cpus = 0, .max_restarts = 1, .max_concurrency = 2})
               .remote(seen, 5);
  auto beside = a.task(&fragile::hold).remote(begun, opened.waiter());
  begun.wait_for(1);
  EXPECT_EQ(cause_of(a.task(&fragile::fail).remote("a part")), "a part");
  auto next = a.task(&fragile::add).remote();
  EXPECT_FALSE(narke::is_ready(next));
  EXPECT_EQ(seen->alive, 1);
  opened.open();
  EXPECT_NO_THROW(narke::get(beside));
  EXPECT_EQ(narke::get(next), 6);
}

TEST_P(actor_restart, keeps_its_arguments_values_and_refs) {
  class reader {
   public:
    reader(std::string_view word, const std::vector<int>& numbers, int more)
        : sum_{static_cast<int>(word.size()) + numbers.at(1) + more} {}
    int sum() { return sum_; }
    void fail() { narke::this_actor::fail("on purpose"); }

   private:
    int sum_;
  };
  auto a = [] {
    std::string word{"four"};
    auto numbers = narke::put(std::vector{1, 20});
    return narke::actor<reader>({.max_restarts = 2})
        .remote(std::string_view{word}, std::move(numbers),
                narke::task([] { return 300; }).remote());
  }();
  for (int round = 0; round != 2; ++round) {
    EXPECT_EQ(narke::get(a.task(&reader::sum).remote()), 324);
    a.task(&reader::fail).remote();
  }
  EXPECT_EQ(narke::get(a.task(&reader::sum).remote()), 324);
}

TEST_P(actor_restart, needs_arguments_that_can_be_copied) {
  struct owner {
    explicit owner(std::unique_ptr<int> number) : value{*number} {}
    int get() { return value; }
    int value;
  };
  EXPECT_THROW(narke::actor<owner>({.max_restarts = 1}).remote(std::make_unique<int>(1)),
               std::invalid_argument);
  EXPECT_THROW(narke::actor<owner>({.max_restarts = 1})
                   .remote(narke::put(std::make_unique<int>(1))),
               std::invalid_argument);
  auto a = narke::actor<owner>().remote(std::make_unique<int>(3));
  EXPECT_EQ(narke::get(a.task(&owner::get).remote()), 3);
}

TEST_P(actor_restart, never_after_kill_or_exit_or_a_constructor_that_throws) {
  auto killed = narke::actor<fragile>({.max_restarts = -1}).remote(0);
  narke::get(killed.task(&fragile::add).remote());
  narke::kill(killed);
  EXPECT_EQ(cause_of(killed.task(&fragile::add).remote()), "none");

  auto gone = narke::actor<fragile>({.name = "gone", .max_restarts = -1}).remote(0);
  auto last = gone.task(&fragile::exit).remote();
  EXPECT_EQ(cause_of(last), "none");
  EXPECT_EQ(cause_of(gone.task(&fragile::add).remote()), "none");
  EXPECT_THROW(narke::get_actor<fragile>("gone"), narke::actor_not_found);

  struct unborn {
    explicit unborn(const tally& tried) {
      tried.add();
      throw narke::error{"no"};
    }
    int call() { return 1; }
  };
  const tally tried;
  auto never = narke::actor<unborn>({.max_restarts = -1}).remote(tried);
  EXPECT_EQ(cause_of(never.task(&unborn::call).remote()), "no");
  EXPECT_EQ(tried.value(), 1);
}

TEST_P(actor_restart, of_one_whose_constructor_fails_the_second_time_is_death) {
  struct once {
    explicit once(const tally& tried) {
      if (tried.add() > 1) throw narke::error{"only once"};
    }
    void fail() { narke::this_actor::fail("on purpose"); }
    int call() { return 1; }
  };
  const tally tried;
  auto a = narke::actor<once>({.max_restarts = 5}).remote(tried);
  EXPECT_EQ(narke::get(a.task(&once::call).remote()), 1);
  a.task(&once::fail).remote();
  EXPECT_EQ(cause_of(a.task(&once::call).remote()), "only once");
  EXPECT_EQ(tried.value(), 2);
}

TEST_P(actor_restart, of_one_that_is_lost_in_its_constructor) {
  struct shaky {
    explicit shaky(const tally& tried) {
      if (tried.add() < 3) narke::this_actor::fail("not yet");
    }
    int call() { return 1; }
  };
  const tally tried;
  auto a = narke::actor<shaky>({.max_restarts = 2}).remote(tried);
  EXPECT_EQ(narke::get(a.task(&shaky::call).remote()), 1);
  EXPECT_EQ(tried.value(), 3);
  const tally again;
  auto b = narke::actor<shaky>({.max_restarts = 1}).remote(again);
  EXPECT_EQ(cause_of(b.task(&shaky::call).remote()), "not yet");
  EXPECT_EQ(again.value(), 2);
}

TEST_P(actor_restart, is_given_up_when_it_is_killed_meanwhile) {
  struct slow {
    slow(const tally& made, const tally& begun, const gate::waiter_type& wait) {
      if (made.add() == 2) {
        begun.add();
        wait();
      }
    }
    void fail() { narke::this_actor::fail("on purpose"); }
    int call() { return 1; }
  };
  gate opened;
  const tally begun;
  auto a = narke::actor<slow>({.max_restarts = -1}).remote(tally{}, begun, opened.waiter());
  a.task(&slow::fail).remote();
  auto call = a.task(&slow::call).remote();
  begun.wait_for(1);
  narke::kill(a);
  EXPECT_EQ(cause_of(call), "none");
  opened.open();
}

TEST_P(actor_restart, holds_its_resources_again) {
  narke::shutdown();
  narke::init({.num_cpus = GetParam(), .resources = {{"license", 1}}});
  auto a = narke::actor<fragile>({.resources = {{"license", 1}}, .max_restarts = 3}).remote(0);
  for (int round = 0; round != 3; ++round) {
    EXPECT_EQ(narke::get(a.task(&fragile::add).remote()), 1);
    EXPECT_EQ(narke_test::available("license"), 0.0);
    a.task(&fragile::fail).remote("on purpose");
  }
  EXPECT_EQ(narke::get(a.task(&fragile::add).remote()), 1);
}

TEST_P(actor_restart, of_one_without_handles_is_for_the_calls_that_wait) {
  const auto seen = narke_test::new_traffic();
  narke::object_ref<int> last;
  {
    auto a = narke::actor<fragile>({.max_restarts = 1}).remote(seen, 7);
    a.task(&fragile::fail).remote("on purpose");
    last = a.task(&fragile::add).remote();
  }
  EXPECT_EQ(narke::get(last), 8);
  EXPECT_TRUE(narke_test::eventually([&] { return seen->alive == 0; }));
}

TEST_P(actor_restart, exit_fails_what_waits_and_lets_the_state_go) {
  const auto seen = narke_test::new_traffic();
  gate opened;
  const tally begun;
  auto a = narke::actor<fragile>().remote(seen, 0);
  a.task(&fragile::hold).remote(begun, opened.waiter());
  begun.wait_for(1);
  auto leaves = a.task(&fragile::exit).remote();
  auto behind = a.task(&fragile::add).remote();
  opened.open();
  EXPECT_EQ(cause_of(leaves), "none");
  EXPECT_EQ(cause_of(behind), "none");
  EXPECT_TRUE(narke_test::eventually([&] { return seen->alive == 0; }));
}

TEST_P(actor_restart, a_method_that_catches_the_exception_returns_and_is_still_lost) {
  auto a = narke::actor<fragile>({.max_restarts = 1}).remote(0);
  narke::get(a.task(&fragile::add).remote());
  EXPECT_EQ(narke::get(a.task(&fragile::fail_but_return).remote(9)), 9);
  EXPECT_EQ(narke::get(a.task(&fragile::add).remote()), 1);
  EXPECT_EQ(narke::get(a.task(&fragile::restarts).remote()), 1);
}

TEST_P(actor_restart, this_actor_is_only_inside_of_one) {
  EXPECT_THROW(narke::this_actor::end(), narke::error);
  EXPECT_THROW(narke::this_actor::fail("no"), narke::error);
  EXPECT_THROW(narke::this_actor::name(), narke::error);
  EXPECT_THROW(narke::this_actor::restarts(), narke::error);
  EXPECT_THROW(narke::this_actor::handle<fragile>(), narke::error);
  EXPECT_THROW(narke::get(narke::task([] { narke::this_actor::end(); }).remote()), narke::error);
}

TEST_P(actor_restart, this_actor_gives_a_handle_of_its_class) {
  struct other {
    void ask() { narke::this_actor::handle<fragile>(); }
  };
  auto a = narke::actor<fragile>().remote(4);
  const auto same = narke::get(a.task(&fragile::self).remote());
  EXPECT_EQ(same, a);
  EXPECT_EQ(narke::get(same.task(&fragile::add).remote()), 5);
  auto b = narke::actor<other>().remote();
  EXPECT_THROW(narke::get(b.task(&other::ask).remote()), std::invalid_argument);
}

}  // namespace
