// Concurrency groups, and the limit on calls that are not done.
#include <support/runtime_fixture.hpp>
#include <support/values.hpp>

#include <memory>
#include <string>
#include <vector>

using narke_test::gate;
using narke_test::message_of;
using narke_test::tally;

namespace {

class actor_groups : public narke_test::on_cpus_test {};
NARKE_ON_1_2_4_CPUS(actor_groups);

/// Blocks inside the runtime, so that it needs no CPU while it waits.
class server {
 public:
  server() = default;
  server(const tally& begun, const narke::object_ref<void>& until) {
    begun.add();
    narke::get(until);
  }
  void hold(const tally& begun, const narke::object_ref<void>& until) {
    begun.add();
    narke::get(until);
  }
  int quick() { return 1; }
  int after(int x) { return x; }
};

narke::object_ref<void> opened_by(const gate& gate) {
  return narke::task([wait = gate.waiter()] { wait(); }, {.num_cpus = 0}).remote();
}

TEST_P(actor_groups, run_beside_each_other_each_with_its_own_concurrency) {
  gate closed;
  auto until = opened_by(closed);
  const tally io;
  const tally compute;
  auto a = narke::actor<server>({.concurrency_groups = {{"io", 2}, {"compute", 1}}}).remote();
  auto in_io = a.task(&server::hold).options({.concurrency_group = "io"});
  auto in_compute = a.task(&server::hold).options({.concurrency_group = "compute"});
  std::vector<narke::object_ref<void>> held;
  for (int i = 0; i != 3; ++i) held.push_back(in_io.remote(io, until));
  for (int i = 0; i != 2; ++i) held.push_back(in_compute.remote(compute, until));
  io.wait_for(2);
  compute.wait_for(1);
  EXPECT_EQ(narke::get(a.task(&server::quick).remote()), 1);  // its own group is free
  EXPECT_EQ(io.value(), 2);
  EXPECT_EQ(compute.value(), 1);
  closed.open();
  narke::get(held);
  EXPECT_EQ(io.value(), 3);
  EXPECT_EQ(compute.value(), 2);
}

TEST_P(actor_groups, one_that_is_full_does_not_hold_up_the_own_one_nor_it_them) {
  gate closed;
  auto until = opened_by(closed);
  const tally begun;
  auto a = narke::actor<server>({.concurrency_groups = {{"side", 1}}}).remote();
  auto own = a.task(&server::hold).remote(begun, until);
  begun.wait_for(1);
  auto aside = a.task(&server::quick).options({.concurrency_group = "side"}).remote();
  EXPECT_EQ(narke::get(aside), 1);
  auto behind = a.task(&server::quick).remote();
  EXPECT_FALSE(narke::is_ready(behind));
  closed.open();
  EXPECT_EQ(narke::get(behind), 1);
}

TEST_P(actor_groups, a_call_that_waits_for_its_argument_holds_back_its_group_alone) {
  gate closed;
  auto late = narke::task([wait = closed.waiter()] {
                wait();
                return 5;
              }, {.num_cpus = 0}).remote();
  auto a = narke::actor<server>({.concurrency_groups = {{"side", 1}}}).remote();
  auto waits = a.task(&server::after).remote(late);
  auto behind = a.task(&server::quick).remote();
  EXPECT_EQ(narke::get(a.task(&server::quick).options({.concurrency_group = "side"}).remote()), 1);
  EXPECT_FALSE(narke::is_ready(behind));
  closed.open();
  EXPECT_EQ(narke::get(waits), 5);
  EXPECT_EQ(narke::get(behind), 1);
}

TEST_P(actor_groups, begin_after_the_constructor) {
  gate closed;
  auto until = opened_by(closed);
  const tally begun;
  auto a =
      narke::actor<server>({.concurrency_groups = {{"one", 1}, {"two", 2}}}).remote(begun, until);
  begun.wait_for(1);
  std::vector<narke::object_ref<int>> calls;
  for (const char* group : {"one", "two", "one", "two", ""}) {
    calls.push_back(a.task(&server::quick).options({.concurrency_group = group}).remote());
  }
  for (auto& call : calls) EXPECT_FALSE(narke::is_ready(call));
  closed.open();
  EXPECT_EQ(narke::get(calls), std::vector<int>(5, 1));
}

TEST_P(actor_groups, fail_with_the_actor) {
  gate closed;
  auto until = opened_by(closed);
  const tally begun;
  auto a = narke::actor<server>({.concurrency_groups = {{"side", 1}}}).remote();
  auto aside = a.task(&server::hold).options({.concurrency_group = "side"});
  auto runs = aside.remote(begun, until);
  auto waits = aside.remote(begun, until);
  begun.wait_for(1);
  narke::kill(a);
  EXPECT_THROW(narke::get(runs), narke::actor_died_error);
  EXPECT_THROW(narke::get(waits), narke::actor_died_error);
  closed.open();
}

TEST_P(actor_groups, of_another_name_are_refused_with_the_names_there_are) {
  auto a = narke::actor<server>({.name = "shop", .concurrency_groups = {{"io", 1}}}).remote();
  const auto message = message_of<std::invalid_argument>(
      [&] { a.task(&server::quick).options({.concurrency_group = "oi"}); });
  EXPECT_NE(message.find("'oi'"), std::string::npos) << message;
  EXPECT_NE(message.find("io"), std::string::npos) << message;
  EXPECT_NE(message.find("shop"), std::string::npos) << message;
}

TEST_P(actor_groups, bad_ones_are_refused_when_the_class_is_made) {
  EXPECT_THROW(narke::actor<server>({.concurrency_groups = {{"io", 0}}}), std::invalid_argument);
  EXPECT_THROW(narke::actor<server>({.concurrency_groups = {{"io", 1.5}}}), std::invalid_argument);
  EXPECT_THROW(narke::actor<server>({.concurrency_groups = {{"", 1}}}), std::invalid_argument);
  auto a = narke::actor<server>().remote();
  EXPECT_THROW(a.task(&server::quick).options({.max_task_retries = -2}), std::invalid_argument);
  EXPECT_THROW(narke::actor_handle<server>{}.task(&server::quick).options({}),
               std::invalid_argument);
}

class pending_calls : public narke_test::on_cpus_test {};
NARKE_ON_1_2_4_CPUS(pending_calls);

TEST_P(pending_calls, above_the_limit_are_refused_and_the_limit_is_named) {
  gate closed;
  auto until = opened_by(closed);
  const tally begun;
  auto a = narke::actor<server>({.name = "busy", .max_pending_calls = 3}).remote();
  std::vector<narke::object_ref<void>> held;
  for (int i = 0; i != 3; ++i) held.push_back(a.task(&server::hold).remote(begun, until));
  const auto message = message_of<narke::pending_calls_limit_exceeded>(
      [&] { a.task(&server::quick).remote(); });
  EXPECT_NE(message.find("'busy'"), std::string::npos) << message;
  EXPECT_NE(message.find("max_pending_calls is 3"), std::string::npos) << message;
  closed.open();
  narke::get(held);
  EXPECT_EQ(narke::get(a.task(&server::quick).remote()), 1);
}

TEST_P(pending_calls, are_done_before_their_results_are_there) {
  auto a = narke::actor<server>({.max_pending_calls = 1}).remote();
  for (int i = 0; i != 200; ++i) ASSERT_EQ(narke::get(a.task(&server::quick).remote()), 1);
}

// The node of a call may lie where that of the constructor lay.
TEST_P(pending_calls, of_many_actors_are_done_before_their_results_are_there) {
  for (int i = 0; i != 200; ++i) {
    auto a = narke::actor<server>({.max_pending_calls = 1}).remote();
    for (int k = 0; k != 3; ++k) ASSERT_EQ(narke::get(a.task(&server::quick).remote()), 1);
  }
}

TEST_P(pending_calls, that_fail_or_are_cancelled_count_no_more) {
  gate closed;
  auto until = opened_by(closed);
  auto late = narke::task([](int x) { return x; }).remote(
      narke::task([wait = closed.waiter()] {
        wait();
        return 5;
      }, {.num_cpus = 0}).remote());
  auto a = narke::actor<server>({.max_pending_calls = 2}).remote();
  auto waits = a.task(&server::after).remote(late);
  auto behind = a.task(&server::after).remote(late);
  EXPECT_TRUE(narke::cancel(waits));
  EXPECT_TRUE(narke::cancel(behind));
  auto failed = narke::task([]() -> int { throw narke_test::odd_error{"no", 1}; }).remote();
  auto fails = a.task(&server::after).remote(failed);
  EXPECT_THROW(narke::get(fails), narke_test::odd_error);
  EXPECT_EQ(narke::get(a.task(&server::quick).remote()), 1);
  closed.open();
}

TEST_P(pending_calls, whose_arguments_cannot_be_made_do_not_count) {
  class copier {
   public:
    int take(narke_test::throws_when_copied) { return 1; }
  };
  auto a = narke::actor<copier>({.max_pending_calls = 1}).remote();
  const narke_test::throws_when_copied value;
  for (int i = 0; i != 3; ++i) {
    EXPECT_THROW(a.task(&copier::take).remote(value), narke_test::odd_error);
  }
  EXPECT_EQ(narke::get(a.task(&copier::take).remote(narke_test::throws_when_copied{})), 1);
}

TEST_P(pending_calls, of_a_dead_actor_have_no_limit) {
  auto a = narke::actor<server>({.max_pending_calls = 1}).remote();
  narke::kill(a);
  for (int i = 0; i != 5; ++i) {
    EXPECT_THROW(narke::get(a.task(&server::quick).remote()), narke::actor_died_error);
  }
}

TEST_P(pending_calls, from_many_threads_never_exceed_it) {
  auto a = narke::actor<server>({.max_pending_calls = 4}).remote();
  std::atomic<int> done{0};
  std::atomic<int> refused{0};
  {
    std::vector<std::jthread> threads;
    for (int t = 0; t != 4; ++t) {
      threads.emplace_back([&] {
        for (int i = 0; i != 200; ++i) {
          try {
            done += narke::get(a.task(&server::quick).remote());
          } catch (const narke::pending_calls_limit_exceeded&) {
            ++refused;
          }
        }
      });
    }
  }
  EXPECT_EQ(done + refused, 800);
  EXPECT_EQ(refused, 0) << "four threads with one call each are four calls";
}

}  // namespace
