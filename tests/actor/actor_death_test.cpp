// Kill, in every phase of an actor's life, and the end by the last handle.
#include <actor/actor_fixture.hpp>

#include <array>
#include <thread>

#include <support/hooked_task.hpp>
#include <worker/thread_state.hpp>

namespace {

using narke::object_ref;
using narke_test::busy_cpus;
using narke_test::gate;
using narke_test::hooked_task;
using narke_test::stress_rounds;
using narke_test::tally;
using narke_test::witness;

class actor_death : public narke_test::actor_test {
 protected:
  void TearDown() override {
    actor_test::TearDown();
    EXPECT_TRUE(narke_test::eventually([this] { return seen_->alive == 0; }))
        << seen_->alive << " states are left";
  }
  static object_ref<int> held(const gate& until) {
    return narke::task([wait = until.waiter()] {
             wait();
             return 0;
           }).remote();
  }
  template <class T>
  static void expect_dead(const object_ref<T>& ref) {
    EXPECT_THROW(narke::get(ref), narke::actor_died_error);
  }
  const std::shared_ptr<narke_test::traffic> seen_ = narke_test::new_traffic();
};

TEST_F(actor_death, before_the_constructor_has_its_arguments) {
  gate opened;
  auto a = narke::actor<witness>().remote(seen_, held(opened));
  auto call = a.task(&witness::next).remote();
  narke::kill(a);
  expect_dead(call);
  expect_dead(a.task(&witness::next).remote());
  opened.open();
}

TEST_F(actor_death, before_the_constructor_has_its_resources) {
  gate opened;
  const tally begun;
  auto holder = narke::task(
                    [=, wait = opened.waiter()] {
                      begun.add();
                      wait();
                    },
                    {.num_cpus = 0, .resources = {{"license", 2}}})
                    .remote();
  begun.wait_for(1);
  auto a = narke::actor<witness>({.resources = {{"license", 1}}}).remote(seen_);
  auto call = a.task(&witness::next).remote();
  narke::kill(a);
  expect_dead(call);
  opened.open();
  narke::get(holder);
  EXPECT_EQ(seen_->alive, 0);
}

TEST_F(actor_death, while_the_constructor_is_queued) {
  busy_cpus busy{2};
  auto a = narke::actor<witness>().remote(seen_);
  auto call = a.task(&witness::next).remote();
  narke::kill(a);
  expect_dead(call);
  busy.release();
}

TEST_F(actor_death, while_the_constructor_runs) {
  gate opened;
  const tally begun;
  auto a = narke::actor<witness>().remote(seen_, opened.waiter(), begun);
  auto call = a.task(&witness::next).remote();
  begun.wait_for(1);
  narke::kill(a);
  expect_dead(call);
  opened.open();
}

TEST_F(actor_death, while_a_method_runs) {
  gate opened;
  const tally begun;
  auto a = narke::actor<witness>({.resources = {{"license", 1}}}).remote(seen_);
  auto running = a.task(&witness::hold).remote(begun, opened.waiter());
  auto queued = a.task(&witness::next).remote();
  auto waiting = a.task(&witness::after).remote(held(opened));
  auto behind = a.task(&witness::next).remote();
  begun.wait_for(1);
  narke::kill(a);
  expect_dead(running);
  expect_dead(queued);
  expect_dead(waiting);
  expect_dead(behind);
  EXPECT_EQ(seen_->alive, 1) << "the state stays until the body ends";
  EXPECT_EQ(narke_test::available("license"), 1.0);
  opened.open();
}

TEST_F(actor_death, while_it_is_idle_and_twice) {
  auto a = narke::actor<witness>().remote(seen_);
  EXPECT_EQ(narke::get(a.task(&witness::next).remote()), 0);
  narke::kill(a);
  narke::kill(a);
  expect_dead(a.task(&witness::next).remote());
}

TEST_F(actor_death, of_the_last_handle_comes_after_the_calls_made) {
  gate opened;
  const tally begun;
  std::vector<object_ref<int>> refs;
  {
    auto a = narke::actor<witness>().remote(seen_);
    a.task(&witness::hold).remote(begun, opened.waiter());
    for (int i = 0; i != 5; ++i) refs.push_back(a.task(&witness::next).remote());
    refs.push_back(a.task(&witness::after).remote(held(opened)));
  }
  opened.open();
  EXPECT_EQ(narke::get(refs), (std::vector{0, 1, 2, 3, 4, 5}));
}

TEST_F(actor_death, of_the_last_handle_while_a_cancelled_call_was_all_that_kept_it) {
  gate opened;
  auto call = [&] {
    auto a = narke::actor<witness>().remote(seen_);
    return a.task(&witness::after).remote(held(opened));
  }();
  EXPECT_TRUE(narke::cancel(call));
  EXPECT_TRUE(narke_test::eventually([&] { return seen_->alive == 0; }));
  opened.open();
}

TEST_F(actor_death, of_a_detached_one_comes_by_kill) {
  narke::actor<witness>({.name = "stays", .lifetime = narke::actor_lifetime::detached})
      .remote(seen_);
  {
    auto a = narke::get_actor<witness>("stays");
    EXPECT_EQ(narke::get(a.task(&witness::next).remote()), 0);
  }
  auto again = narke::get_actor<witness>("stays");
  narke::kill(again);
  EXPECT_THROW(narke::get_actor<witness>("stays"), narke::actor_not_found);
}

TEST_F(actor_death, of_a_detached_one_comes_by_shutdown) {
  narke::actor<witness>({.name = "stays", .lifetime = narke::actor_lifetime::detached})
      .remote(seen_);
  narke::shutdown();
  EXPECT_EQ(seen_->alive, 0);
}

TEST_F(actor_death, of_one_whose_constructor_failed_names_the_cause) {
  struct fails {
    fails() { throw narke_test::odd_error{"no luck", 3}; }
    void call() {}
  };
  auto a = narke::actor<fails>({.resources = {{"license", 1}}}).remote();
  auto call = a.task(&fails::call).remote();
  const auto message =
      narke_test::message_of<narke::actor_died_error>([&] { narke::get(call); });
  EXPECT_NE(message.find("no luck"), std::string::npos) << message;
}

// Each waits for the one before it; the last ones fail by those.
TEST_F(actor_death, fails_a_long_chain_of_calls_without_a_long_stack) {
  gate opened;
  const int length = 100'000;
  auto a = narke::actor<witness>().remote(seen_);
  auto last = a.task(&witness::after).remote(held(opened));
  for (int i = 0; i != length; ++i) last = a.task(&witness::after).remote(std::move(last));
  narke::kill(a);
  expect_dead(last);
  opened.open();
}

// While kill fails one waiting call, the argument of another comes: that call fails on the
// producer's thread, which then lets it go. Kill still has it to look at.
TEST_F(actor_death, while_the_argument_of_another_waiting_call_comes) {
  std::array<gate, 2> gates;
  const tally failed;
  const tally gone;
  int gone_early = 0;
  auto a = narke::actor<witness>().remote(seen_);
  const auto let_the_other_come = [&](int other) {
    const auto finished = narke::internal::count_tasks().finished;
    gates[static_cast<std::size_t>(other)].open();
    // The other call, and then the task that its argument came from.
    EXPECT_TRUE(narke_test::eventually(
        [&] { return narke::internal::count_tasks().finished >= finished + 2; }));
    gone_early = gone.value();
  };
  std::array<object_ref<int>, 2> sources{held(gates[0]), held(gates[1])};
  for (int i = 0; i != 2; ++i) {
    auto& source = sources[static_cast<std::size_t>(i)];
    auto* call = new hooked_task{{.fail =
                                      [&, i] {
                                        if (failed.add() == 1) let_the_other_come(1 - i);
                                      },
                                  .gone = [gone] { gone.add(); },
                                  .arguments = {narke::detail::ref_access::slot(source)}}};
    call->ref() = {};
    // Submitted by two, so that neither holds the other back.
    std::jthread{[&] { core_of(a).submit_call(*call); }}.join();
  }
  narke::kill(a);
  EXPECT_EQ(failed.value(), 2);
  EXPECT_EQ(gone_early, 0);
  for (auto& one : gates) one.open();
  gone.wait_for(2);
}

// A call is in its line before it is on the lists of its arguments. Nobody may take those from it.
TEST_F(actor_death, while_a_call_is_being_submitted) {
  gate opened;
  const tally failed;
  auto source = held(opened);
  auto a = narke::actor<witness>().remote(seen_);
  int failed_while_registering = -1;
  auto* call = new hooked_task{
      {.fail = [&] { failed.add(); },
       .registering =
           [&] {
             narke::kill(a);
             failed_while_registering = failed.value();
           },
       .arguments = {narke::detail::ref_access::slot(source)}}};
  auto ref = call->ref();
  core_of(a).submit_call(*call);
  EXPECT_EQ(failed_while_registering, 0);
  EXPECT_TRUE(narke::is_ready(ref)) << "the actor is dead, whatever the argument does";
  opened.open();
  narke::get(source);
  expect_dead(ref);
}

TEST_F(actor_death, before_the_constructor_is_submitted) {
  const auto made = narke::detail::make_or_find_actor({.name = "early"}, typeid(witness));
  narke::kill(narke::get_actor<witness>("early"));
  auto* constructor = new hooked_task;
  auto ref = constructor->ref();
  made.actor->submit_constructor(*constructor);
  expect_dead(ref);
  made.actor->release_handle();
}

TEST_F(actor_death, races_with_arguments_that_come) {
  for (int round = 0; round != stress_rounds(150); ++round) {
    gate opened;
    auto source = held(opened);
    auto a = narke::actor<witness>({.resources = {{"license", 1}}}).remote(seen_, source);
    for (int i = 0; i != 4; ++i) a.task(&witness::after).remote(source);
    source = {};
    narke_test::on_threads(2, [&](int index) {
      if (index == 0) {
        opened.open();
      } else {
        narke_test::spin_for(round * 50);
        narke::kill(a);
        a = {};
      }
    });
  }
  EXPECT_TRUE(narke_test::eventually([] { return narke_test::available("license") == 2.0; }))
      << "a dead actor holds a license";
}

TEST_F(actor_death, races_with_get_of_its_last_call) {
  for (int round = 0; round != stress_rounds(1'000); ++round) {
    object_ref<int> call;
    {
      auto a = narke::actor<witness>().remote(seen_);
      if (round % 2 == 0) narke::get(a.task(&witness::next).remote());
      call = a.task(&witness::next).remote();
    }
    ASSERT_EQ(narke::get(call), round % 2 == 0 ? 1 : 0);
  }
}

TEST_F(actor_death, races_with_calls_that_are_made_and_cancelled) {
  for (int round = 0; round != stress_rounds(100); ++round) {
    auto a = narke::actor<witness>({.resources = {{"license", 1}}}).remote(seen_);
    narke_test::on_threads(3, [&](int index) {
      auto mine = a;
      std::vector<object_ref<int>> refs;
      for (int i = 0; i != 10; ++i) {
        refs.push_back(mine.task(&witness::next).remote());
        if (index == 0 && i == 5) narke::kill(mine);
        try {
          if (index == 1) narke::cancel(refs.back());
        } catch (const narke::error&) {  // it runs
        }
      }
      for (auto& ref : refs) {
        try {
          EXPECT_GE(narke::get(ref), 0);
        } catch (const narke::actor_died_error&) {
        } catch (const narke::task_cancelled_error&) {
        }
      }
    });
  }
}

}  // namespace
