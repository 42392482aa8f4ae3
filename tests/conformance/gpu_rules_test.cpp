// Attempts, timeouts and cancelling of GPU tasks.
#include <conformance/gpu_fixture.hpp>

#include <stdexcept>

using narke_test::counted;
using narke_test::elements;
using narke_test::gate;
using narke_test::plus_one;
using narke_test::tally;
using namespace std::chrono_literals;

namespace {

class gpu_rules : public narke_test::on_gpus_test {};
NARKE_ON_1_2_GPUS(gpu_rules);

TEST_P(gpu_rules, a_body_that_throws_is_called_again) {
  const tally calls;
  const auto task = narke::task(
      [=](narke::gpu_context& gpu, narke::device_span<const float> x, std::string text) {
        if (text != "kept") throw std::logic_error{"the argument is gone"};
        if (calls.add() < 3) throw std::runtime_error{"again"};
        return plus_one(gpu, x);
      },
      {.max_retries = 5, .retry_exceptions = true, .retry_delay = 0ms});
  const auto ref = task.remote(counted(5), std::string{"kept"});
  const auto next = narke::task(plus_one).remote(ref);
  EXPECT_EQ(elements(next), counted(5, 2));
  EXPECT_EQ(calls.value(), 3);
}

TEST_P(gpu_rules, the_last_exception_is_thrown) {
  const auto ref = narke::task([](narke::gpu_context&) { throw std::runtime_error{"no"}; },
                               {.max_retries = 2, .retry_exceptions = true, .retry_delay = 0ms})
                       .remote();
  EXPECT_THROW(narke::get(ref), std::runtime_error);
}

TEST_P(gpu_rules, a_timeout_counts_to_the_end_of_the_stream) {
  gate hold;
  const tally started;
  const auto ref = narke_test::hold_stream(hold, started, {.timeout = 1ms});
  EXPECT_THROW(narke::get(ref), narke::task_timeout_error);
  hold.open();
}

TEST_P(gpu_rules, work_in_a_stream_goes_on_when_it_is_cancelled) {
  gate hold;
  const tally started;
  const auto ref = narke_test::hold_stream(hold, started);
  started.wait_for(1);
  EXPECT_TRUE(narke::cancel(ref));
  EXPECT_FALSE(narke::is_ready(ref));
  hold.open();
  EXPECT_THROW(narke::get(ref), narke::task_cancelled_error);
}

}  // namespace
