// Placement groups: bundles of resources reserved together, and what runs in them.
#include <conformance/gpu_fixture.hpp>

#include <memory>
#include <string>
#include <vector>

using narke::placement_group;
using narke::placement_strategy;
using narke::scheduling;
using narke_test::available;
using narke_test::gate;
using narke_test::message_of;
using narke_test::tally;

namespace {

class placement_groups : public narke_test::runtime_test {
 protected:
  void SetUp() override {
    runtime_test::SetUp();
    narke::init({.num_cpus = 4,
                 .resources = {{"license", 2}},
                 .emulated_gpus = {.count = 2, .memory_bytes = 64 * narke_test::mebibyte}});
  }
};

TEST_F(placement_groups, hold_their_bundles_and_give_them_back) {
  {
    const placement_group group{{{.num_cpus = 1, .num_gpus = 1}, {.resources = {{"license", 2}}}}};
    narke::get(group.ready());
    EXPECT_EQ(group.size(), 2U);
    EXPECT_EQ(available("GPU"), 1.0);
    EXPECT_EQ(available("CPU"), 3.0);
    EXPECT_EQ(available("license"), 0.0);
    EXPECT_EQ(group.gpu_ids(0).size(), 1U);
    EXPECT_TRUE(group.gpu_ids(1).empty());
    const placement_group copy = group;
    EXPECT_EQ(copy, group);
  }
  EXPECT_EQ(available("GPU"), 2.0);
  EXPECT_EQ(available("license"), 2.0);
}

TEST_F(placement_groups, run_tasks_on_what_their_bundle_has) {
  const placement_group group{{{.num_cpus = 1, .num_gpus = 1}, {.num_cpus = 1, .num_gpus = 1}},
                              {.strategy = placement_strategy::strict_spread}};
  narke::get(group.ready());
  for (int bundle = 0; bundle != 2; ++bundle) {
    const auto at = static_cast<std::size_t>(bundle);
    auto ids = narke::task([] { return narke::get_gpu_ids(); },
                           {.num_gpus = 1, .scheduling = scheduling::bundle(group, bundle)})
                   .remote();
    EXPECT_EQ(narke::get(ids), group.gpu_ids(at));
  }
  EXPECT_NE(group.gpu_ids(0), group.gpu_ids(1));
}

TEST_F(placement_groups, run_no_more_at_once_than_a_bundle_has) {
  const placement_group group{{{.num_cpus = 2}}};
  const tally now;
  const auto most = std::make_shared<std::atomic<int>>(0);
  const auto body = [=] {
    const int running = now.add();
    for (int seen = *most; seen < running && !most->compare_exchange_weak(seen, running);) {
    }
    std::this_thread::yield();
    now.add(-1);
  };
  std::vector<narke::object_ref<void>> all;
  for (int i = 0; i != 60; ++i) {
    all.push_back(narke::task(body, {.scheduling = scheduling::bundle(group, 0)}).remote());
  }
  narke::get(all);
  EXPECT_LE(*most, 2);
  EXPECT_GE(*most, 1);
}

TEST_F(placement_groups, leave_the_rest_to_others) {
  const placement_group group{{{.num_cpus = 3}}};
  narke::get(group.ready());
  gate hold;
  const tally started;
  auto inside = narke::task([=, wait = hold.waiter()] {
    started.add();
    wait();
  }, {.num_cpus = 3, .scheduling = scheduling::bundle(group, 0)}).remote();
  started.wait_for(1);
  EXPECT_EQ(narke::get(narke::task([] { return 4; }).remote()), 4);
  auto waits = narke::task([] { return 5; }, {.scheduling = scheduling::bundle(group, 0)}).remote();
  EXPECT_FALSE(narke::is_ready(waits));
  hold.open();
  EXPECT_EQ(narke::get(waits), 5);
  narke::get(inside);
}

TEST_F(placement_groups, take_tasks_before_they_are_reserved) {
  auto first = std::make_unique<placement_group>(
      std::vector<narke::bundle>{{.num_gpus = 1}, {.num_gpus = 1}});
  narke::get(first->ready());
  const placement_group second{{{.num_cpus = 1, .num_gpus = 2}}};
  auto early = narke::task([] { return narke::get_gpu_ids().size(); },
                           {.num_gpus = 2, .scheduling = scheduling::bundle(second, 0)})
                   .remote();
  EXPECT_FALSE(narke::is_ready(second.ready()));
  EXPECT_FALSE(narke::is_ready(early));
  EXPECT_THROW(static_cast<void>(second.gpu_ids(0)), narke::error);
  first.reset();
  EXPECT_EQ(narke::get(early), 2U);
  EXPECT_NO_THROW(narke::get(second.ready()));
}

TEST_F(placement_groups, are_reserved_whole_or_not_at_all) {
  gate hold;
  const tally started;
  auto holder = narke::task([=, wait = hold.waiter()] {
    started.add();
    wait();
  }, {.num_cpus = 0, .resources = {{"license", 1}}}).remote();
  started.wait_for(1);
  const placement_group group{{{.num_gpus = 1}, {.resources = {{"license", 2}}}}};
  EXPECT_EQ(narke::get(narke::task([] { return 1; }, {.num_gpus = 2}).remote()), 1)
      << "a part of the group was reserved";
  EXPECT_FALSE(narke::is_ready(group.ready()));
  hold.open();
  narke::get(group.ready());
  narke::get(holder);
}

TEST_F(placement_groups, pack_shares_onto_few_gpus_and_spread_them) {
  const std::vector<narke::bundle> halves(2, narke::bundle{.num_gpus = 0.5});
  {
    const placement_group packed{halves, {.strategy = placement_strategy::strict_pack}};
    narke::get(packed.ready());
    EXPECT_EQ(packed.gpu_ids(0), packed.gpu_ids(1));
  }
  const placement_group apart{halves, {.strategy = placement_strategy::strict_spread}};
  narke::get(apart.ready());
  EXPECT_NE(apart.gpu_ids(0), apart.gpu_ids(1));
}

TEST_F(placement_groups, that_can_never_be_are_refused_with_the_reason) {
  const std::vector<narke::bundle> three(3, narke::bundle{.num_gpus = 0.5});
  const auto message = message_of<narke::infeasible_request>([&] {
    const placement_group group(three, {.strategy = placement_strategy::strict_spread,
                                        .name = "too far"});
  });
  EXPECT_NE(message.find("too far"), std::string::npos) << message;
  EXPECT_NE(message.find("strict_spread"), std::string::npos) << message;
  EXPECT_NO_THROW((placement_group{three, {.strategy = placement_strategy::spread}}));
  EXPECT_THROW((placement_group{{{.num_cpus = 3}, {.num_cpus = 2}}}), narke::infeasible_request);
  EXPECT_THROW((placement_group{{{.resources = {{"unheard-of", 1}}}}}), narke::infeasible_request);
  EXPECT_EQ(available("GPU"), 2.0);
}

TEST_F(placement_groups, that_are_badly_asked_for_are_refused) {
  EXPECT_THROW((placement_group{std::vector<narke::bundle>{}}), std::invalid_argument);
  EXPECT_THROW((placement_group{{{}}}), std::invalid_argument);
  EXPECT_THROW((placement_group{{{.num_cpus = -1}}}), std::invalid_argument);
  EXPECT_THROW((placement_group{{{.num_gpus = 1.5}}}), std::invalid_argument);
  const placement_group empty;
  EXPECT_FALSE(empty);
  EXPECT_EQ(empty.size(), 0U);
  EXPECT_THROW(static_cast<void>(empty.ready()), std::invalid_argument);
  EXPECT_THROW(scheduling::bundle(empty, 0), std::invalid_argument);
  const placement_group one{{{.num_cpus = 1}}};
  EXPECT_THROW(scheduling::bundle(one, 1), std::invalid_argument);
  EXPECT_THROW(scheduling::bundle(one, -1), std::invalid_argument);
  EXPECT_THROW(static_cast<void>(one.gpu_ids(1)), std::invalid_argument);
}

TEST_F(placement_groups, refuse_tasks_that_a_bundle_can_never_run) {
  const placement_group group{{{.num_cpus = 1}, {.num_gpus = 0.5}}};
  const auto ask = [&](narke::task_options options, int bundle) {
    options.scheduling = scheduling::bundle(group, bundle);
    return message_of<narke::infeasible_request>(
        [&] { narke::task([] {}, options).remote(); });
  };
  EXPECT_NE(ask({.num_cpus = 2}, 0).find("bundle 0"), std::string::npos);
  EXPECT_NE(ask({.num_gpus = 0.5}, 0).find("GPU: 0.5"), std::string::npos);
  EXPECT_NE(ask({.num_cpus = 0, .num_gpus = 1}, 1).find("bundle 1"), std::string::npos);
  EXPECT_NE(ask({.num_cpus = 1}, 1).find("CPU: 1"), std::string::npos);
  EXPECT_EQ(ask({.num_cpus = 0, .num_gpus = 0.25}, 1), "");
}

TEST_F(placement_groups, take_nothing_more_once_they_are_released) {
  std::optional<narke::task_options> options;
  {
    const placement_group group{{{.num_cpus = 1}}};
    options = narke::task_options{.scheduling = scheduling::bundle(group, 0)};
    EXPECT_EQ(narke::get(narke::task([] { return 1; }, *options).remote()), 1);
  }
  EXPECT_TRUE(narke_test::eventually([] { return available("CPU") == 4.0; }));
  const auto message = message_of<narke::infeasible_request>(
      [&] { narke::task([] {}, *options).remote(); });
  EXPECT_NE(message.find("released"), std::string::npos) << message;
}

TEST_F(placement_groups, released_while_a_task_waits_for_its_argument_fail_it) {
  gate hold;
  auto late = narke::task([wait = hold.waiter()] {
    wait();
    return 1;
  }).remote();
  narke::object_ref<int> waiting;
  {
    const placement_group group{{{.num_cpus = 2}}};
    narke::get(group.ready());
    waiting = narke::task([](int x) { return x; }, {.scheduling = scheduling::bundle(group, 0)})
                  .remote(late);
  }
  EXPECT_TRUE(narke_test::eventually([] { return available("CPU") == 3.0; }));
  hold.open();
  const auto message = message_of<narke::infeasible_request>([&] { narke::get(waiting); });
  EXPECT_NE(message.find("released"), std::string::npos) << message;
}

TEST_F(placement_groups, whose_handles_go_stay_for_what_waits_and_runs_in_them) {
  gate hold;
  const tally started;
  narke::object_ref<void> running;
  narke::object_ref<int> waiting;
  {
    const placement_group group{{{.num_cpus = 1}}};
    const narke::task_options inside{.scheduling = scheduling::bundle(group, 0)};
    running = narke::task([=, wait = hold.waiter()] {
      started.add();
      wait();
    }, inside).remote();
    waiting = narke::task([] { return 2; }, inside).remote();
  }
  started.wait_for(1);
  EXPECT_EQ(available("CPU"), 3.0);
  hold.open();
  EXPECT_EQ(narke::get(waiting), 2);
  EXPECT_TRUE(narke_test::eventually([] { return available("CPU") == 4.0; }));
}

TEST_F(placement_groups, a_task_that_waits_inside_lends_its_cpus_to_its_bundle) {
  const placement_group group{{{.num_cpus = 1}}};
  const narke::task_options inside{.scheduling = scheduling::bundle(group, 0)};
  const auto outer = [inside] {
    return narke::get(narke::task([] { return 3; }, inside).remote()) + 1;
  };
  EXPECT_EQ(narke::get(narke::task(outer, inside).remote()), 4);
}

TEST_F(placement_groups, hold_actors) {
  struct holder {
    std::vector<int> ids() { return narke::get_gpu_ids(); }
  };
  const placement_group group{{{.num_cpus = 1, .num_gpus = 1}}};
  narke::get(group.ready());
  {
    auto actor = narke::actor<holder>({.num_cpus = 1,
                                       .num_gpus = 1,
                                       .scheduling = scheduling::bundle(group, 0)})
                     .remote();
    EXPECT_EQ(narke::get(actor.task(&holder::ids).remote()), group.gpu_ids(0));
    auto waits = narke::task([] { return 1; },
                             {.num_cpus = 0, .num_gpus = 1,
                              .scheduling = scheduling::bundle(group, 0)})
                     .remote();
    EXPECT_FALSE(narke::is_ready(waits));
    narke::kill(actor);
    EXPECT_EQ(narke::get(waits), 1);
  }
  EXPECT_THROW(narke::actor<holder>({.num_gpus = 2, .scheduling = scheduling::bundle(group, 0)})
                   .remote(),
               narke::infeasible_request);
}

TEST_F(placement_groups, run_gpu_tasks) {
  const placement_group group{{{.num_gpus = 0.5}}};
  std::vector<narke::object_ref<narke::array<float>>> all;
  auto last = narke::put(narke::array<float>{narke_test::counted(8)});
  const narke::task_options inside{.num_gpus = 0.5, .scheduling = scheduling::bundle(group, 0)};
  for (int i = 0; i != 10; ++i) {
    last = narke::task(narke_test::plus_one, inside).remote(last);
  }
  EXPECT_EQ(narke_test::elements(last), narke_test::counted(8, 10));
}

TEST_F(placement_groups, drop_what_waits_in_them_with_the_runtime) {
  auto* first = new placement_group{{{.num_gpus = 2}}};
  narke::get(first->ready());
  const placement_group second{{{.num_gpus = 1}}};
  auto waits = narke::task([] { return 1; },
                           {.num_cpus = 0, .num_gpus = 1,
                            .scheduling = scheduling::bundle(second, 0)})
                   .remote();
  narke::shutdown();
  EXPECT_THROW(narke::get(waits), narke::task_cancelled_error);
  EXPECT_THROW(narke::get(second.ready()), narke::task_cancelled_error);
  delete first;
}

TEST_F(placement_groups, cancelled_tasks_leave_them) {
  const placement_group group{{{.num_cpus = 1}}};
  const narke::task_options inside{.scheduling = scheduling::bundle(group, 0)};
  gate hold;
  const tally started;
  auto running = narke::task([=, wait = hold.waiter()] {
    started.add();
    wait();
  }, inside).remote();
  started.wait_for(1);
  auto waiting = narke::task([] { return 1; }, inside).remote();
  EXPECT_TRUE(narke::cancel(waiting));
  hold.open();
  narke::get(running);
  EXPECT_EQ(narke::get(narke::task([] { return 2; }, inside).remote()), 2);
}

}  // namespace
