// Cancelling GPU tasks, and shutdown while they wait and run.
#include <conformance/gpu_fixture.hpp>

#include <chrono>

using narke_test::counted;
using narke_test::elements;
using narke_test::gate;
using narke_test::plus_one;
using narke_test::tally;
using namespace std::chrono_literals;

namespace {

using floats = narke::array<float>;

class gpu_cancel : public narke_test::on_gpus_test {
 protected:
  /// A ref that becomes ready when the gate opens.
  narke::object_ref<floats> late() {
    return narke::task([begun = begun_, wait = hold_.waiter()] {
             begun.add();
             wait();
             return floats{counted(3)};
           }).remote();
  }
  auto count_body() {
    return narke::task([bodies = bodies_](narke::gpu_context& gpu,
                                          narke::device_span<const float> x) {
      bodies.add();
      return plus_one(gpu, x);
    });
  }

  gate hold_;
  tally begun_;
  tally bodies_;
};
NARKE_ON_1_2_GPUS(gpu_cancel);

TEST_P(gpu_cancel, a_task_that_waits_for_an_argument_never_runs) {
  const auto input = late();
  const auto ref = count_body().remote(input);
  const auto behind = count_body().remote(ref);
  EXPECT_TRUE(narke::cancel(ref));
  EXPECT_THROW(narke::get(ref), narke::task_cancelled_error);
  EXPECT_THROW(narke::get(behind), narke::task_cancelled_error);
  EXPECT_FALSE(narke::cancel(ref)) << "too late";
  hold_.open();
  EXPECT_EQ(elements(input), counted(3));
  EXPECT_EQ(bodies_.value(), 0);
}

TEST_P(gpu_cancel, a_task_that_waits_for_the_device_never_runs) {
  const tally started;
  std::vector<narke::object_ref<void>> holders;
  for (int i = 0; i != GetParam(); ++i) {
    holders.push_back(narke::task([=, wait = hold_.waiter()] {
      started.add();
      wait();
    }, {.num_cpus = 0, .num_gpus = 1}).remote());
  }
  started.wait_for(GetParam());
  const auto ref = count_body().remote(counted(3));
  const auto other = count_body().remote(counted(3));
  EXPECT_TRUE(narke::cancel(ref));
  EXPECT_THROW(narke::get(ref), narke::task_cancelled_error);
  hold_.open();
  EXPECT_EQ(elements(other), counted(3, 1));
  EXPECT_EQ(bodies_.value(), 1);
  narke::get(holders);
}

TEST_P(gpu_cancel, has_no_effect_on_what_is_done) {
  const auto ref = count_body().remote(counted(3));
  narke::get(ref);
  EXPECT_FALSE(narke::cancel(ref));
  EXPECT_EQ(elements(ref), counted(3, 1));
}

TEST_P(gpu_cancel, shutdown_drops_what_waits) {
  const auto input = late();
  const auto ref = count_body().remote(input);
  begun_.wait_for(1);
  EXPECT_FALSE(narke::shutdown(1ms));
  hold_.open();
  narke::shutdown();
  EXPECT_THROW(narke::get(ref), narke::task_cancelled_error);
  EXPECT_EQ(bodies_.value(), 0);
}

TEST_P(gpu_cancel, shutdown_waits_for_what_runs) {
  const tally done;
  const tally started;
  const auto ref = narke::task([=, wait = hold_.waiter()](narke::gpu_context& gpu) {
    auto out = gpu.allocate<int>(1);
    narke_test::on_stream(gpu, [=] { started.add(); });
    narke_test::hold_on_stream(gpu, wait);
    narke_test::on_stream(gpu, [=](auto to) {
      to[0] = 5;
      done.add();
    }, out);
    return out;
  }).remote();
  started.wait_for(1);
  EXPECT_FALSE(narke::shutdown(1ms));
  hold_.open();
  narke::shutdown();
  EXPECT_EQ(done.value(), 1);
  EXPECT_EQ(elements(ref), std::vector{5});
}

// A task may be cancelled when its work is enqueued and others have taken its result over in stream
// order: it fails then, and they go on.
TEST_P(gpu_cancel, many_at_random_end_one_way_or_the_other) {
  std::vector<narke::object_ref<floats>> refs{count_body().remote(counted(3))};
  for (int i = 0; i != 200; ++i) refs.push_back(count_body().remote(refs.back()));
  std::vector<bool> is_cancelled(refs.size());
  for (std::size_t i = 5; i < refs.size(); i += 20) is_cancelled[i] = narke::cancel(refs[i]);
  int failed = 0;
  bool any_was_cancelled = false;
  for (std::size_t i = 0; i != refs.size(); ++i) {
    any_was_cancelled = any_was_cancelled || is_cancelled[i];
    try {
      EXPECT_EQ(elements(refs[i]), counted(3, float(i + 1)));
      EXPECT_FALSE(is_cancelled[i]) << i;
    } catch (const narke::task_cancelled_error&) {
      EXPECT_TRUE(any_was_cancelled) << i << " fails for nobody";
      ++failed;
    }
  }
  EXPECT_EQ(failed > 0, any_was_cancelled);
  EXPECT_GE(bodies_.value() + failed, static_cast<int>(refs.size()));
}

}  // namespace
