// Actors on a GPU: the state stays there, and methods follow each other in stream order.
#include <conformance/gpu_fixture.hpp>

#include <optional>
#include <stdexcept>

using narke_test::counted;
using narke_test::elements;
using narke_test::gate;
using narke_test::plus_one;
using narke_test::tally;

namespace {

using floats = narke::array<float>;

/// Keeps an array on its GPU.
class model {
 public:
  model(narke::gpu_context& gpu, narke::device_span<const float> start)
      : state_{narke_test::transformed<float>(gpu, start, [](float each) { return each; })},
        device_{gpu.device()} {}

  void add(narke::gpu_context& gpu, float value) {
    narke_test::transform_in_place(gpu, state_, [=](float each) { return each + value; });
  }
  void twice(narke::gpu_context& gpu) {
    narke_test::transform_in_place(gpu, state_, [](float each) { return 2 * each; });
  }
  narke::array_builder<float> state(narke::gpu_context& gpu) const {
    return narke_test::transformed<float>(
        gpu, narke::device_span<const float>{state_.data(), state_.size()},
        [](float each) { return each; });
  }
  narke::array_builder<float> plus(narke::gpu_context& gpu,
                                   narke::device_span<const float> x) const {
    return narke_test::saxpy(gpu, 1, {state_.data(), state_.size()}, x);
  }
  std::pair<narke::array_builder<float>, int> state_and_device(narke::gpu_context& gpu) const {
    return {state(gpu), gpu.device()};
  }
  void fail(narke::gpu_context&) { throw narke_test::odd_error{"on purpose", 5}; }
  int device() const { return device_; }
  std::vector<int> gpu_ids() const { return narke::get_gpu_ids(); }
  std::size_t size() const { return state_.size(); }

 private:
  narke::array_builder<float> state_;
  int device_;
};

class gpu_actors : public narke_test::on_gpus_test {
 protected:
  static narke::actor_handle<model> make(double num_gpus = 1) {
    return narke::actor<model>({.num_gpus = num_gpus}).remote(floats{counted(4)});
  }
};
NARKE_ON_1_2_GPUS(gpu_actors);

TEST_P(gpu_actors, keep_their_state_on_the_device) {
  auto actor = make();
  actor.task(&model::add).remote(1.0f);
  actor.task(&model::twice).remote();
  actor.task(&model::add).remote(1.0f);
  EXPECT_EQ(elements(actor.task(&model::state).remote()), (std::vector<float>{3, 5, 7, 9}));
}

TEST_P(gpu_actors, run_methods_in_the_order_submitted) {
  auto actor = make();
  std::vector<float> expected = counted(4);
  for (int i = 0; i != 60; ++i) {
    if (i % 3 == 0) {
      actor.task(&model::add).remote(float(i));
      for (float& each : expected) each += float(i);
    } else if (i % 15 == 1) {
      actor.task(&model::twice).remote();
      for (float& each : expected) each *= 2;
    } else {
      actor.task(&model::size).remote();
    }
  }
  EXPECT_EQ(elements(actor.task(&model::state).remote()), expected);
}

TEST_P(gpu_actors, a_method_sees_what_the_one_before_it_wrote) {
  auto actor = make();
  std::vector<narke::object_ref<floats>> states;
  for (int i = 0; i != 50; ++i) {
    actor.task(&model::add).remote(1.0f);
    states.push_back(actor.task(&model::state).remote());
  }
  for (int i = 0; i != 50; ++i) {
    EXPECT_EQ(elements(states[std::size_t(i)]), counted(4, float(i + 1)));
  }
}

TEST_P(gpu_actors, take_and_give_what_other_tasks_made) {
  auto actor = make();
  const auto made = narke::task([] { return floats{counted(4, 10)}; }).remote();
  const auto sum = actor.task(&model::plus).remote(made);
  EXPECT_EQ(elements(sum), (std::vector<float>{10, 12, 14, 16}));
  const auto on_cpu = narke::task(
      [](std::span<const float> x) { return std::accumulate(x.begin(), x.end(), 0.0f); });
  EXPECT_EQ(narke::get(on_cpu.remote(sum)), 52);
}

TEST_P(gpu_actors, hold_their_gpu_for_life) {
  auto actor = std::make_optional(make());
  const int device = narke::get(actor->task(&model::device).remote());
  EXPECT_EQ(narke::get(actor->task(&model::gpu_ids).remote()), std::vector<int>{device});
  EXPECT_EQ(narke_test::available("GPU"), GetParam() - 1);
  actor.reset();
  EXPECT_TRUE(narke_test::eventually([&] { return narke_test::available("GPU") == GetParam(); }));
}

TEST_P(gpu_actors, may_share_one) {
  auto one = make(0.5);
  auto two = make(0.5);
  EXPECT_EQ(narke::get(one.task(&model::device).remote()),
            narke::get(two.task(&model::device).remote()));
  for (int i = 0; i != 20; ++i) {
    one.task(&model::add).remote(1.0f);
    two.task(&model::add).remote(2.0f);
  }
  EXPECT_EQ(elements(one.task(&model::state).remote()), counted(4, 20));
  EXPECT_EQ(elements(two.task(&model::state).remote()), counted(4, 40));
}

TEST_P(gpu_actors, results_of_several_kinds_become_refs_of_their_own) {
  auto actor = make();
  auto [state, device] = actor.task(&model::state_and_device).num_returns<2>().remote();
  static_assert(std::is_same_v<decltype(state), narke::object_ref<floats>>);
  EXPECT_EQ(elements(state), counted(4));
  EXPECT_EQ(narke::get(device), narke::get(actor.task(&model::device).remote()));
}

TEST_P(gpu_actors, live_on_after_a_method_that_throws) {
  auto actor = make();
  const auto failed = actor.task(&model::fail).remote();
  actor.task(&model::add).remote(1.0f);
  EXPECT_EQ(elements(actor.task(&model::state).remote()), counted(4, 1));
  EXPECT_EQ(narke_test::odd_code([&] { narke::get(failed); }), 5);
}

TEST_P(gpu_actors, a_result_outlives_its_actor) {
  auto actor = std::make_optional(make());
  const auto state = actor->task(&model::state).remote();
  actor.reset();
  EXPECT_EQ(elements(state), counted(4));
}

TEST_P(gpu_actors, a_call_that_waits_for_an_argument_holds_the_later_ones_back) {
  gate hold;
  auto actor = make();
  const auto late = narke::task([wait = hold.waiter()] {
    wait();
    return 5.0f;
  }).remote();
  actor.task(&model::add).remote(late);
  actor.task(&model::twice).remote();
  const auto state = actor.task(&model::state).remote();
  EXPECT_FALSE(narke::is_ready(state));
  hold.open();
  EXPECT_EQ(elements(state), (std::vector<float>{10, 12, 14, 16}));
}

TEST_P(gpu_actors, die_when_killed_and_give_their_gpu_back) {
  auto actor = make();
  narke::get(actor.task(&model::size).remote());
  narke::kill(actor);
  EXPECT_THROW(narke::get(actor.task(&model::state).remote()), narke::actor_died_error);
  EXPECT_TRUE(narke_test::eventually([&] { return narke_test::available("GPU") == GetParam(); }));
}

struct refuses {
  explicit refuses(narke::gpu_context&) { throw narke_test::odd_error{"not today", 3}; }
  int any(narke::gpu_context&) { return 1; }
};

TEST_P(gpu_actors, whose_constructor_throws_are_dead) {
  auto actor = narke::actor<refuses>({.num_gpus = 1}).remote();
  const auto ref = actor.task(&refuses::any).remote();
  try {
    narke::get(ref);
    FAIL() << "it has no state";
  } catch (const narke::actor_died_error& died) {
    ASSERT_NE(died.cause(), nullptr);
    EXPECT_EQ(narke_test::odd_code([&] { std::rethrow_exception(died.cause()); }), 3);
  }
}

struct consumes {
  consumes(narke::gpu_context& gpu, narke::array_builder<float> all) : all_{std::move(all)} {
    narke_test::transform_in_place(gpu, all_, [](float each) { return -each; });
  }
  narke::array_builder<float> take(narke::gpu_context&) { return std::move(all_); }

 private:
  narke::array_builder<float> all_;
};

TEST_P(gpu_actors, a_constructor_may_consume_an_array) {
  const auto kept = narke::put(floats{counted(3, 1)});
  auto actor = narke::actor<consumes>({.num_gpus = 1}).remote(kept);
  EXPECT_EQ(elements(actor.task(&consumes::take).remote()), (std::vector<float>{-1, -2, -3}));
  EXPECT_EQ(elements(kept), counted(3, 1));
}

struct on_cpus_alone {
  int method(narke::gpu_context&) { return 1; }
  int other() { return 2; }
};

TEST_P(gpu_actors, without_a_gpu_refuse_methods_that_need_one) {
  auto actor = narke::actor<on_cpus_alone>().remote();
  const auto refused = [&] { narke::get(actor.task(&on_cpus_alone::method).remote()); };
  EXPECT_NE(narke_test::message_of<narke::error>(refused).find("num_gpus"), std::string::npos);
  EXPECT_EQ(narke::get(actor.task(&on_cpus_alone::other).remote()), 2);
}

struct needs_one {
  explicit needs_one(narke::gpu_context& gpu) : device{gpu.device()} {}
  int where() const { return device; }
  int device;
};

TEST_P(gpu_actors, whose_constructor_needs_a_gpu_have_one) {
  auto actor = narke::actor<needs_one>().remote();
  EXPECT_GE(narke::get(actor.task(&needs_one::where).remote()), 0);
  EXPECT_EQ(narke_test::available("GPU"), GetParam() - 1);
}

}  // namespace
