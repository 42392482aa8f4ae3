// Names, resources, and the many ways an actor can end.
#include <support/runtime_fixture.hpp>
#include <support/values.hpp>

#include <latch>
#include <optional>
#include <string>
#include <vector>

using narke_test::available;
using narke_test::eventually;
using narke_test::gate;
using narke_test::new_traffic;
using narke_test::tally;
using narke_test::tracked;

namespace {

class actor_life : public narke_test::on_cpus_test {};
NARKE_ON_1_2_4_CPUS(actor_life);

class counter {
 public:
  explicit counter(int start) : value_{start} {}
  int add(int n) { return value_ += n; }
  int value() const { return value_; }

 private:
  int value_;
};

/// An actor whose death shows in its traffic.
class mortal {
 public:
  explicit mortal(std::shared_ptr<narke_test::traffic> seen) : state_{std::move(seen), 0} {}
  int next() { return ++state_.value; }
  std::size_t take_all(const std::vector<tracked>& all) const { return all.size(); }
  int hold(const gate::waiter_type& wait, const tally& started) {
    started.add();
    wait();
    return ++state_.value;
  }
  narke::actor_handle<mortal> keep(narke::actor_handle<mortal> self) { return kept_ = self; }

 private:
  tracked state_;
  narke::actor_handle<mortal> kept_;
};

TEST_P(actor_life, a_named_actor_is_found) {
  auto c = narke::actor<counter>({.name = "counter"}).remote(10);
  auto same = narke::get_actor<counter>("counter");
  EXPECT_EQ(narke::get(same.task(&counter::add).remote(1)), 11);
  EXPECT_EQ(narke::get(c.task(&counter::value).remote()), 11);
  const auto inside = [] {
    return narke::get(narke::get_actor<counter>("counter").task(&counter::value).remote());
  };
  EXPECT_EQ(narke::get(narke::task(inside).remote()), 11);
}

TEST_P(actor_life, an_unknown_name_is_not_found) {
  EXPECT_THROW(narke::get_actor<counter>("nobody"), narke::actor_not_found);
  const auto what = narke_test::message_of<narke::actor_not_found>(
      [] { narke::get_actor<counter>("nobody"); });
  EXPECT_NE(what.find("nobody"), std::string::npos);
}

TEST_P(actor_life, a_name_of_another_type_is_refused) {
  auto c = narke::actor<counter>({.name = "counter"}).remote(10);
  EXPECT_THROW(narke::get_actor<mortal>("counter"), std::invalid_argument);
  auto wrong = narke::actor<mortal>({.name = "counter", .get_if_exists = true});
  EXPECT_THROW(wrong.remote(new_traffic()), std::invalid_argument);
  EXPECT_EQ(narke::get(c.task(&counter::value).remote()), 10);
}

TEST_P(actor_life, a_taken_name_is_refused) {
  auto c = narke::actor<counter>({.name = "counter"}).remote(10);
  EXPECT_THROW(narke::actor<counter>({.name = "counter"}).remote(20), std::invalid_argument);
  EXPECT_EQ(narke::get(c.task(&counter::value).remote()), 10);
  auto other = narke::actor<counter>({.name = "other"}).remote(1);
  auto nameless = narke::actor<counter>().remote(1);
  auto also_nameless = narke::actor<counter>().remote(2);
  EXPECT_EQ(narke::get(also_nameless.task(&counter::value).remote()), 2);
}

TEST_P(actor_life, get_if_exists_gives_the_one_there_is) {
  auto declared = narke::actor<counter>({.name = "counter", .get_if_exists = true});
  auto first = declared.remote(10);
  auto second = declared.remote(99);
  EXPECT_EQ(narke::get(second.task(&counter::add).remote(1)), 11);
  EXPECT_EQ(narke::get(first.task(&counter::value).remote()), 11);
}

TEST_P(actor_life, many_threads_get_one_actor_by_get_if_exists) {
  const tally made;
  struct noted {
    explicit noted(const tally& m) { m.add(); }
    int one() { return 1; }
  };
  std::vector<std::jthread> threads;
  std::latch all_have_one{8};
  for (int i = 0; i < 8; ++i) {
    threads.emplace_back([&] {
      auto a = narke::actor<noted>({.name = "only", .get_if_exists = true}).remote(made);
      EXPECT_EQ(narke::get(a.task(&noted::one).remote()), 1);
      all_have_one.arrive_and_wait();
    });
  }
  threads.clear();
  EXPECT_EQ(made.value(), 1);
}

TEST_P(actor_life, dies_with_its_last_handle_after_the_calls_made) {
  const auto seen = new_traffic();
  std::vector<narke::object_ref<int>> calls;
  {
    auto a = narke::actor<mortal>().remote(seen);
    const auto copy = a;
    for (int i = 0; i < 100; ++i) calls.push_back(copy.task(&mortal::next).remote());
  }
  EXPECT_EQ(narke::get(calls).back(), 100);
  EXPECT_TRUE(eventually([&] { return seen->alive == 0; }));
}

TEST_P(actor_life, calls_that_wait_for_arguments_keep_it_alive) {
  const auto seen = new_traffic();
  gate hold;
  auto slow = narke::task([wait = hold.waiter()] {
    wait();
    return gate{}.waiter();
  }, {.num_cpus = 0}).remote();
  const tally started;
  auto call = narke::actor<mortal>().remote(seen).task(&mortal::hold).remote(slow, started);
  EXPECT_FALSE(narke::is_ready(call));
  hold.open();
  EXPECT_EQ(narke::get(call), 1);
  EXPECT_TRUE(eventually([&] { return seen->alive == 0; }));
}

TEST_P(actor_life, a_handle_in_an_argument_or_an_object_keeps_it_alive) {
  const auto seen = new_traffic();
  auto stored = narke::put(narke::actor<mortal>().remote(seen));
  const auto next = [](const narke::actor_handle<mortal>& a) {
    return narke::get(a.task(&mortal::next).remote());
  };
  EXPECT_EQ(narke::get(narke::task(next).remote(stored)), 1);
  EXPECT_EQ(narke::get(narke::task(next).remote(stored)), 2);
  EXPECT_EQ(seen->alive, 1);
  stored = {};
  EXPECT_TRUE(eventually([&] { return seen->alive == 0; }));
}

TEST_P(actor_life, a_name_does_not_keep_it_alive_and_is_free_again) {
  const auto seen = new_traffic();
  { auto a = narke::actor<mortal>({.name = "mortal"}).remote(seen); }
  EXPECT_TRUE(eventually([&] { return seen->alive == 0; }));
  EXPECT_THROW(narke::get_actor<mortal>("mortal"), narke::actor_not_found);
  auto again = narke::actor<mortal>({.name = "mortal"}).remote(seen);
  EXPECT_EQ(narke::get(again.task(&mortal::next).remote()), 1);
}

TEST_P(actor_life, detached_lives_until_it_is_killed) {
  const auto seen = new_traffic();
  narke::actor<mortal>({.name = "kept", .lifetime = narke::actor_lifetime::detached}).remote(seen);
  auto a = narke::get_actor<mortal>("kept");
  EXPECT_EQ(narke::get(a.task(&mortal::next).remote()), 1);
  a = {};
  EXPECT_EQ(narke::get(narke::get_actor<mortal>("kept").task(&mortal::next).remote()), 2);
  narke::kill(narke::get_actor<mortal>("kept"));
  EXPECT_TRUE(eventually([&] { return seen->alive == 0; }));
  EXPECT_THROW(narke::get_actor<mortal>("kept"), narke::actor_not_found);
}

// What is gathered from a list of refs goes with the call, though nobody asks for it any more.
TEST_P(actor_life, a_call_with_a_list_of_refs_to_a_dead_actor_lets_all_of_it_go) {
  const auto seen = new_traffic();
  auto a = narke::actor<mortal>().remote(seen);
  narke::kill(a);
  const auto of_list = new_traffic();
  {
    const std::vector<narke::object_ref<tracked>> list{narke::put(tracked{of_list, 1}),
                                                       narke::put(tracked{of_list, 2})};
    for (int i = 0; i != 10; ++i) {
      auto call = a.task(&mortal::take_all).remote(list);
      EXPECT_THROW(narke::get(call), narke::actor_died_error);
    }
  }
  EXPECT_TRUE(eventually([&] { return seen->alive == 0 && of_list->alive == 0; }));
}

TEST_P(actor_life, kill_fails_pending_and_later_calls) {
  const auto seen = new_traffic();
  auto a = narke::actor<mortal>({.name = "victim"}).remote(seen);
  EXPECT_EQ(narke::get(a.task(&mortal::next).remote()), 1);
  narke::kill(a);
  auto later = a.task(&mortal::next).remote();
  EXPECT_THROW(narke::get(later), narke::actor_died_error);
  EXPECT_THROW(narke::get_actor<mortal>("victim"), narke::actor_not_found);
  EXPECT_TRUE(eventually([&] { return seen->alive == 0; }));
  narke::kill(a);
  auto second = narke::actor<mortal>({.name = "victim"}).remote(seen);
  EXPECT_EQ(narke::get(second.task(&mortal::next).remote()), 1);
  EXPECT_THROW(narke::get(a.task(&mortal::next).remote()), narke::actor_died_error);
}

TEST_P(actor_life, kill_during_a_method_fails_its_ref_at_once) {
  const auto seen = new_traffic();
  gate hold;
  const tally started;
  auto a = narke::actor<mortal>().remote(seen);
  auto running = a.task(&mortal::hold).remote(hold.waiter(), started);
  auto pending = a.task(&mortal::next).remote();
  started.wait_for(1);
  narke::kill(a);
  EXPECT_THROW(narke::get(running), narke::actor_died_error);
  EXPECT_THROW(narke::get(pending), narke::actor_died_error);
  EXPECT_THROW(narke::get(a.task(&mortal::next).remote()), narke::actor_died_error);
  EXPECT_EQ(seen->alive, 1) << "the body still runs";
  hold.open();
  EXPECT_TRUE(eventually([&] { return seen->alive == 0; }));
}

TEST_P(actor_life, kill_fails_calls_that_wait_for_arguments) {
  gate hold;
  auto slow = narke::task([wait = hold.waiter()] {
    wait();
    return 1;
  }, {.num_cpus = 0}).remote();
  auto c = narke::actor<counter>().remote(1);
  auto waiting = c.task(&counter::add).remote(slow);
  auto behind = c.task(&counter::value).remote();
  narke::kill(c);
  EXPECT_THROW(narke::get(waiting), narke::actor_died_error);
  EXPECT_THROW(narke::get(behind), narke::actor_died_error);
  hold.open();
  EXPECT_EQ(narke::get(slow), 1);
}

TEST_P(actor_life, kill_before_the_constructor_ran_ends_it) {
  gate hold;
  auto slow = narke::task([wait = hold.waiter()] {
    wait();
    return 1;
  }, {.num_cpus = 0}).remote();
  auto c = narke::actor<counter>().remote(slow);
  auto call = c.task(&counter::value).remote();
  narke::kill(c);
  EXPECT_THROW(narke::get(call), narke::actor_died_error);
  hold.open();
  narke::get(slow);
}

class suicidal {
 public:
  int end() {
    narke::kill(narke::get_actor<suicidal>("suicidal"));
    return 1;
  }
};

TEST_P(actor_life, an_actor_may_kill_itself) {
  auto a = narke::actor<suicidal>({.name = "suicidal"}).remote();
  EXPECT_THROW(narke::get(a.task(&suicidal::end).remote()), narke::actor_died_error);
  EXPECT_THROW(narke::get(a.task(&suicidal::end).remote()), narke::actor_died_error);
}

TEST_P(actor_life, a_dead_actor_fails_what_depends_on_its_calls) {
  auto c = narke::actor<counter>().remote(1);
  narke::kill(c);
  auto after = narke::task([](int x) { return x; }).remote(c.task(&counter::value).remote());
  EXPECT_THROW(narke::get(after), narke::actor_died_error);
}

class unborn {
 public:
  explicit unborn(int code) { throw narke_test::odd_error{"no start", code}; }
  int value() { return 1; }
};

int cause_code(const narke::object_ref<int>& call) {
  try {
    narke::get(call);
  } catch (const narke::actor_died_error& died) {
    if (!died.cause()) return 0;
    return narke_test::odd_code([&] { std::rethrow_exception(died.cause()); });
  }
  return -1;
}

TEST_P(actor_life, a_constructor_that_throws_fails_every_call_with_its_cause) {
  auto a = narke::actor<unborn>({.name = "unborn"}).remote(6);
  auto early = a.task(&unborn::value).remote();
  EXPECT_EQ(cause_code(early), 6);
  EXPECT_EQ(cause_code(a.task(&unborn::value).remote()), 6);
  EXPECT_THROW(narke::get_actor<unborn>("unborn"), narke::actor_not_found);
}

TEST_P(actor_life, a_failed_argument_of_the_constructor_is_the_cause) {
  auto failed = narke::task([]() -> int { throw narke_test::odd_error{"odd", 8}; }).remote();
  auto c = narke::actor<counter>().remote(failed);
  EXPECT_EQ(cause_code(c.task(&counter::value).remote()), 8);
}

TEST_P(actor_life, without_a_cause_there_is_none) {
  auto c = narke::actor<counter>().remote(1);
  narke::kill(c);
  EXPECT_EQ(cause_code(c.task(&counter::value).remote()), 0);
}

// A handle to itself keeps an actor alive, as it does in Ray; kill breaks the circle.
TEST_P(actor_life, a_circle_of_handles_is_broken_by_kill) {
  const auto seen = new_traffic();
  auto a = narke::actor<mortal>().remote(seen);
  narke::get(a.task(&mortal::keep).remote(a));
  EXPECT_EQ(narke::get(a.task(&mortal::next).remote()), 1);
  narke::kill(a);
  EXPECT_TRUE(eventually([&] { return seen->alive == 0; }));
}

class actor_resources : public narke_test::runtime_test {};

TEST_F(actor_resources, an_idle_actor_holds_no_cpu_and_a_running_method_one) {
  start(2);
  auto a = narke::actor<mortal>().remote(new_traffic());
  EXPECT_EQ(narke::get(a.task(&mortal::next).remote()), 1);
  EXPECT_EQ(available("CPU"), 2.0);
  gate hold;
  const tally started;
  auto running = a.task(&mortal::hold).remote(hold.waiter(), started);
  started.wait_for(1);
  EXPECT_EQ(available("CPU"), 1.0);
  hold.open();
  narke::get(running);
  EXPECT_EQ(available("CPU"), 2.0);
}

TEST_F(actor_resources, methods_run_no_more_at_once_than_there_are_cpus) {
  start(1);
  gate hold;
  const tally started;
  auto a = narke::actor<mortal>().remote(new_traffic());
  auto b = narke::actor<mortal>().remote(new_traffic());
  auto running = a.task(&mortal::hold).remote(hold.waiter(), started);
  started.wait_for(1);
  auto waiting = b.task(&mortal::next).remote();
  EXPECT_THROW(narke::get(waiting, std::chrono::milliseconds{5}), narke::get_timeout_error);
  hold.open();
  EXPECT_EQ(narke::get(waiting), 1);
  narke::get(running);
}

TEST_F(actor_resources, custom_resources_are_held_for_life) {
  narke::init({.num_cpus = 1, .resources = {{"license", 1}}});
  auto first = std::make_optional(
      narke::actor<counter>({.resources = {{"license", 1}}}).remote(1));
  EXPECT_EQ(narke::get(first->task(&counter::value).remote()), 1);
  EXPECT_EQ(available("license"), 0.0);
  auto second = narke::actor<counter>({.resources = {{"license", 1}}}).remote(2);
  auto queued = second.task(&counter::value).remote();
  EXPECT_FALSE(narke::is_ready(queued));
  EXPECT_EQ(narke::get(first->task(&counter::add).remote(1)), 2);
  first.reset();
  EXPECT_EQ(narke::get(queued), 2);
  narke::kill(second);
  EXPECT_TRUE(eventually([] { return available("license") == 1.0; }));
}

TEST_F(actor_resources, an_actor_killed_while_it_waits_for_resources_never_takes_them) {
  narke::init({.num_cpus = 1, .resources = {{"license", 1}}});
  auto first = narke::actor<counter>({.resources = {{"license", 1}}}).remote(1);
  narke::get(first.task(&counter::value).remote());
  auto second = narke::actor<counter>({.resources = {{"license", 1}}}).remote(2);
  auto call = second.task(&counter::value).remote();
  narke::kill(second);
  EXPECT_THROW(narke::get(call), narke::actor_died_error);
  narke::kill(first);
  EXPECT_EQ(narke::get(narke::task([] { return 1; }, {.resources = {{"license", 1}}}).remote()), 1);
}

TEST_F(actor_resources, bad_and_impossible_requests_are_refused) {
  narke::init({.num_cpus = 2, .resources = {{"license", 1}}});
  const auto make = [](const narke::actor_options& options) {
    narke::actor<counter>(options).remote(1);
  };
  EXPECT_THROW(make({.num_cpus = -1}), std::invalid_argument);
  EXPECT_THROW(make({.num_gpus = 1.5}), std::invalid_argument);
  EXPECT_THROW(make({.memory = -1}), std::invalid_argument);
  EXPECT_THROW(make({.resources = {{"CPU", 1}}}), std::invalid_argument);
  EXPECT_THROW(make({.num_cpus = 3}), narke::infeasible_request);
  EXPECT_THROW(make({.num_gpus = 1}), narke::infeasible_request);
  EXPECT_THROW(make({.resources = {{"license", 2}}}), narke::infeasible_request);
  EXPECT_THROW(make({.num_cpus = 3, .name = "huge"}), narke::infeasible_request);
  EXPECT_NO_THROW(make({.name = "huge"})) << "a refused actor leaves its name free";
}

}  // namespace
