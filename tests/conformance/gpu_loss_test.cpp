// A device that fails: what was there is lost, and everything else goes on.
#include <conformance/gpu_fixture.hpp>

using narke_test::counted;
using narke_test::elements;
using narke_test::gate;
using narke_test::plus_one;
using narke_test::tally;

namespace {

using floats = narke::array<float>;

class gpu_loss : public narke_test::on_gpus_test {
 protected:
  // The GPU that is lost is not free again: all else is.
  void TearDown() override {
    if (!narke::is_initialized()) return;  // skipped
    EXPECT_TRUE(narke_test::eventually([] { return narke_test::available("CPU") == 2; }));
    EXPECT_LE(narke_test::available("GPU"), GetParam());
    narke::shutdown();
    on_gpus_test::TearDown();
  }
  static narke::object_ref<void> lose_a_device(const narke::task_options& options = {}) {
    return narke::task([](narke::gpu_context& gpu) {
             narke_test::trap_on_stream(gpu);
           }, options).remote();
  }
  static bool all_are_lost() { return GetParam() == 1; }
};
NARKE_ON_1_2_GPUS(gpu_loss);

TEST_P(gpu_loss, arrives_as_a_typed_error) {
  const auto message = narke_test::message_of<narke::device_lost_error>(
      [] { narke::get(lose_a_device()); });
  EXPECT_NE(message.find("GPU"), std::string::npos) << message;
}

TEST_P(gpu_loss, leaves_cpu_tasks_alone) {
  EXPECT_THROW(narke::get(lose_a_device()), narke::device_lost_error);
  EXPECT_EQ(narke::get(narke::task([] { return 5; }).remote()), 5);
  EXPECT_EQ(narke::get(narke::put(floats{counted(3)})).to_vector(), counted(3));
}

TEST_P(gpu_loss, fails_what_is_submitted_later_when_no_gpu_is_left) {
  const auto on_cpu = narke::task([] { return 1; }, {.num_gpus = 1});
  EXPECT_EQ(narke::get(on_cpu.remote()), 1);
  for (int i = 0; i != GetParam(); ++i) {
    EXPECT_THROW(narke::get(lose_a_device()), narke::device_lost_error);
  }
  EXPECT_THROW(narke::get(on_cpu.remote()), narke::device_lost_error);
  EXPECT_THROW(narke::task(plus_one, {.num_gpus = 1}).remote(counted(3)),
               narke::infeasible_request);
}

// Without retry_exceptions: it is no fault of the body's.
TEST_P(gpu_loss, another_attempt_goes_to_another_device) {
  const auto ref = narke::task([](narke::gpu_context& gpu) {
    auto out = gpu.allocate<int>(1);
    gpu.emulate([first = narke::this_task::attempt() == 0, to = out.data()] {
      if (first) throw std::runtime_error{"a trap"};
      *to = 5;
    });
    return out;
  }, {.max_retries = 5}).remote();
  if (all_are_lost()) {
    EXPECT_THROW(narke::get(ref), narke::device_lost_error);
  } else {
    EXPECT_EQ(elements(ref), std::vector{5});
  }
}

TEST_P(gpu_loss, takes_what_was_there_alone) {
  const auto on_gpu = narke::task(plus_one).remote(counted(10));
  narke::wait(std::vector{on_gpu});
  const auto on_host = narke::task(plus_one).remote(counted(10));
  EXPECT_EQ(elements(on_host), counted(10, 1));
  for (int i = 0; i != GetParam(); ++i) {
    try {
      narke::get(lose_a_device());
    } catch (const narke::error&) {  // the second may find none left
    }
  }
  EXPECT_EQ(elements(on_host), counted(10, 1));
  if (all_are_lost()) {
    EXPECT_THROW(elements(on_gpu), narke::device_lost_error);
  }
}

TEST_P(gpu_loss, fails_the_tasks_behind_it) {
  gate hold;
  const tally started;
  const auto trap = narke::task([=, wait = hold.waiter()](narke::gpu_context& gpu) {
    auto out = gpu.allocate<float>(1);
    narke_test::on_stream(gpu, [=] { started.add(); });
    narke_test::hold_on_stream(gpu, wait);
    narke_test::trap_on_stream(gpu);
    return out;
  }).remote();
  const auto next = narke::task(plus_one).remote(trap);
  const auto on_cpu =
      narke::task([](std::span<const float> x) { return x.size(); }).remote(next);
  started.wait_for(1);
  hold.open();
  EXPECT_THROW(narke::get(trap), narke::device_lost_error);
  EXPECT_THROW(narke::get(next), narke::device_lost_error);
  EXPECT_THROW(narke::get(on_cpu), narke::device_lost_error);
}

TEST_P(gpu_loss, of_one_device_leaves_the_other_to_work) {
  EXPECT_THROW(narke::get(lose_a_device()), narke::device_lost_error);
  int done = 0;
  for (int i = 0; i != 20; ++i) {
    try {
      EXPECT_EQ(elements(narke::task(plus_one).remote(counted(5))), counted(5, 1));
      ++done;
    } catch (const narke::error&) {
    }
  }
  EXPECT_EQ(done, all_are_lost() ? 0 : 20);
}

TEST_P(gpu_loss, while_memory_is_short_lets_everybody_go_on) {
  narke::shutdown();
  narke_test::start_with_gpus(GetParam(), 64 * narke_test::mebibyte);
  constexpr std::size_t size = 2 * narke_test::mebibyte;  // 8 MiB of floats
  std::vector<narke::object_ref<floats>> all;
  for (int i = 0; i != 12; ++i) {
    all.push_back(narke::task(plus_one).remote(std::vector<float>(size, float(i))));
  }
  const auto trap = lose_a_device();
  for (int i = 0; i != 12; ++i) all.push_back(narke::task(plus_one).remote(all[std::size_t(i)]));
  EXPECT_THROW(narke::get(trap), narke::device_lost_error);
  int done = 0;
  int failed = 0;
  for (const auto& ref : all) {
    try {
      static_cast<void>(narke::get(ref).host());
      ++done;
    } catch (const narke::device_lost_error&) {
      ++failed;
    }
  }
  EXPECT_EQ(done + failed, 24);
}

TEST_P(gpu_loss, fails_the_actors_that_lived_there) {
  struct holder {
    int on_gpu(narke::gpu_context& gpu) { return gpu.size(); }
    void trap(narke::gpu_context& gpu) {
      narke_test::trap_on_stream(gpu);
    }
  };
  auto actor = narke::actor<holder>({.num_gpus = 1}).remote();
  EXPECT_EQ(narke::get(actor.task(&holder::on_gpu).remote()), 1);
  EXPECT_THROW(narke::get(actor.task(&holder::trap).remote()), narke::device_lost_error);
  EXPECT_THROW(narke::get(actor.task(&holder::on_gpu).remote()), narke::error);
}

// Its calls are given again there, in their order.
TEST_P(gpu_loss, moves_an_actor_with_its_calls_to_another_device) {
  class model {
   public:
    narke::array_builder<int> trap_once(narke::gpu_context& gpu, int result) {
      auto out = gpu.allocate<int>(1);
      gpu.emulate([first = narke::this_task::attempt() == 0, result, to = out.data()] {
        if (first) throw std::runtime_error{"a trap"};
        *to = result;
      });
      return out;
    }
    narke::array_builder<int> count(narke::gpu_context& gpu) {
      auto out = gpu.allocate<int>(1);
      narke_test::on_stream(gpu, [value = ++calls_](auto to) { to[0] = value; }, out);
      return out;
    }
    int restarts() { return narke::this_actor::restarts(); }

   private:
    int calls_ = 0;
  };
  auto actor = narke::actor<model>({.num_gpus = 1, .max_restarts = 5, .max_task_retries = 5})
                   .remote();
  const auto trapped = actor.task(&model::trap_once).remote(5);
  const auto one = actor.task(&model::count).remote();
  const auto two = actor.task(&model::count).remote();
  if (all_are_lost()) {
    EXPECT_THROW(narke::get(trapped), narke::error);
    EXPECT_THROW(narke::get(actor.task(&model::restarts).remote()), narke::error);
    return;
  }
  EXPECT_EQ(elements(trapped), std::vector{5});
  EXPECT_EQ(elements(one), std::vector{1});
  EXPECT_EQ(elements(two), std::vector{2});
  EXPECT_EQ(narke::get(actor.task(&model::restarts).remote()), 1);
}

TEST_P(gpu_loss, without_retries_fails_the_calls_that_were_on_it) {
  class model {
   public:
    void trap(narke::gpu_context& gpu) { narke_test::trap_on_stream(gpu); }
    int restarts() { return narke::this_actor::restarts(); }
  };
  auto actor = narke::actor<model>({.num_gpus = 1, .max_restarts = 5}).remote();
  EXPECT_THROW(narke::get(actor.task(&model::trap).remote()), narke::device_lost_error);
  if (!all_are_lost()) {
    EXPECT_EQ(narke::get(actor.task(&model::restarts).remote()), 1);
  }
}

TEST_P(gpu_loss, is_over_with_the_next_runtime) {
  if (narke_test::uses_cuda()) GTEST_SKIP() << "a process whose CUDA context died has no other";
  EXPECT_THROW(narke::get(lose_a_device()), narke::device_lost_error);
  narke::shutdown();
  narke_test::start_with_gpus(GetParam());
  EXPECT_EQ(elements(narke::task(plus_one).remote(counted(5))), counted(5, 1));
}

}  // namespace
