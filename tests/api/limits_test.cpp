// Limits of what may wait, at their edges: submissions that fail half-way, tasks that submit their
// own kind, options that make no sense; and tokens outside of tasks.
#include <support/runtime_fixture.hpp>
#include <support/values.hpp>

#include <gmock/gmock.h>

#include <stdexcept>
#include <string>
#include <utility>
#include <vector>

namespace {

using narke_test::message_of;
using testing::HasSubstr;

class limits : public narke_test::two_cpus_test {};

/// An argument that may not want to be made of what is given.
struct choosy {
  choosy(int x) {  // NOLINT: as an argument is converted
    if (x < 0) throw std::domain_error{"not below 0"};
  }
};

TEST_F(limits, a_task_that_could_not_be_made_does_not_count_as_pending) {
  auto one = narke::task([](const choosy&) { return 1; },
                         {.max_pending = 1, .when_full = narke::when_full::fail});
  for (int i = 0; i != 3; ++i) EXPECT_THROW(one.remote(-1), std::domain_error);
  EXPECT_EQ(narke::get(one.remote(1)), 1);
}

class taker {
 public:
  int take(const choosy&) { return 2; }
};

TEST_F(limits, a_call_that_could_not_be_made_does_not_count_as_pending) {
  auto a = narke::actor<taker>({.max_pending_calls = 1}).remote();
  for (int i = 0; i != 3; ++i) {
    EXPECT_THROW(a.task(&taker::take).remote(-1), std::domain_error);
  }
  EXPECT_EQ(narke::get(a.task(&taker::take).remote(1)), 2);
}

int count_down(int n);
auto& counting() {
  static auto made = narke::task(&count_down, {.max_pending = 1});
  return made;
}
int count_down(int n) {
  return n == 0 ? 0 : 1 + narke::get(counting().remote(n - 1));
}

// It would wait for itself.
TEST_F(limits, a_task_that_submits_its_own_kind_goes_beyond_the_limit) {
  EXPECT_EQ(narke::get(counting().remote(5)), 5);
}

// By way of another task, which a thread runs in place while it waits.
TEST_F(limits, so_does_one_that_is_run_within_it) {
  struct shared {
    narke::object_ref<int> through(int n) {
      return narke::task(
                 [this, n] { return n == 0 ? 0 : 1 + narke::get(counting().remote(n - 1)); })
          .remote();
    }
  } both;
  for (int i = 0; i != 20; ++i) EXPECT_EQ(narke::get(both.through(4)), 4);
}

template <typename Options>
std::string refusal(const Options& options) {
  return message_of<std::invalid_argument>([&] { narke::actor<taker>(options).remote(); });
}

TEST_F(limits, actor_options_that_make_no_sense_are_refused_by_name) {
  using options = narke::actor_options;
  EXPECT_THAT(refusal(options{.max_pending_calls = 0}),
              HasSubstr("max_pending_calls: 0 would take no call; -1 means without a limit"));
  EXPECT_THAT(refusal(options{.get_if_exists = true}),
              HasSubstr("get_if_exists: it needs a name to look for"));
  narke::resource_map groups;
  for (int i = 0; i != 11; ++i) groups["g" + std::to_string(i)] = 10'000;
  EXPECT_THAT(refusal(options{.concurrency_groups = groups}),
              HasSubstr("11 groups for 110001 methods at once"));
  groups.clear();
  for (int i = 0; i != 1'001; ++i) groups["g" + std::to_string(i)] = 1;
  EXPECT_THAT(refusal(options{.concurrency_groups = groups}),
              HasSubstr("there may be 1,000 groups"));
}

class thrower {
 public:
  thrower() { throw 7; }
  int get() { return 1; }
};

TEST_F(limits, a_constructor_may_throw_anything) {
  auto a = narke::actor<thrower>().remote();
  EXPECT_THAT(
      message_of<narke::actor_died_error>([&] { narke::get(a.task(&thrower::get).remote()); }),
      HasSubstr("something that is not a std::exception"));
}

class lonely {
 public:
  std::string own_handle(const narke_test::gate::waiter_type& wait,
                         const narke_test::tally& begun) {
    begun.add();
    wait();
    return message_of<narke::error>([] { narke::this_actor::handle<lonely>(); });
  }
};

TEST_F(limits, a_method_has_no_handle_once_the_last_is_gone) {
  narke_test::gate hold;
  const narke_test::tally begun;
  narke::object_ref<std::string> told;
  {
    auto a = narke::actor<lonely>({.name = "alone"}).remote();
    told = a.task(&lonely::own_handle).remote(hold.waiter(), begun);
    begun.wait_for(1);
  }
  hold.open();
  EXPECT_THAT(narke::get(told), HasSubstr("the last handle of actor 'alone' is gone"));
}

TEST_F(limits, what_completes_may_be_moved_on_while_it_does) {
  std::vector<narke::object_ref<int>> refs;
  for (int i = 0; i != 5; ++i) refs.push_back(narke::task([i] { return i; }).remote());
  auto completed = narke::as_completed(refs);
  auto moved = std::move(completed);
  completed = std::move(moved);
  int sum = 0;
  for (auto& ref : completed) sum += narke::get(ref);
  EXPECT_EQ(sum, 10);
}

TEST_F(limits, a_bundle_has_a_numa_node_of_the_machine) {
  const narke::placement_group group{{{.num_cpus = 1}}};
  narke::get(group.ready());
  EXPECT_GE(group.numa_node(0), -1);
  EXPECT_THROW(static_cast<void>(group.numa_node(1)), std::invalid_argument);
}

TEST_F(limits, a_token_outside_of_tasks_is_that_of_the_runtime) {
  const std::stop_token token = narke::stop_token();
  EXPECT_TRUE(token.stop_possible());
  EXPECT_FALSE(token.stop_requested());
  narke::shutdown();
  EXPECT_TRUE(token.stop_requested());
  narke::init({.num_cpus = 1});
  EXPECT_FALSE(narke::stop_token().stop_requested()) << "the next runtime has another";
}

TEST_F(limits, an_isolated_task_may_ask_for_its_token) {
  auto asks = narke::task(
      [] {
        const std::stop_token token = narke::stop_token();
        return token.stop_possible() && !token.stop_requested();
      },
      {.isolation = narke::isolation::process});
  EXPECT_TRUE(narke::get(asks.remote()));
  EXPECT_TRUE(narke::get(asks.remote())) << "of the same worker, another one";
}

}  // namespace
