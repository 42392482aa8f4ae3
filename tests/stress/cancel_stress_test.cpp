// Cancel, completion, timeouts, further attempts, promises and shutdown at once, by seed: every ref
// has one outcome, which agrees with what cancel said, and nothing is left behind.
#include <stress/stress_fixture.hpp>

#include <memory>
#include <stdexcept>
#include <thread>

#include <support/values.hpp>

using narke_test::dice;
using narke_test::scaled;
using narke_test::tracked;

namespace {

enum class outcome { value, cancelled, timed_out, failed };

outcome outcome_of(const narke::object_ref<int>& ref) {
  try {
    narke::get(ref);
    return outcome::value;
  } catch (const narke::task_cancelled_error&) {
    return outcome::cancelled;
  } catch (const narke::task_timeout_error&) {
    return outcome::timed_out;
  } catch (const std::runtime_error&) {
    return outcome::failed;
  }
}

// A body of a random length, which submits, throws, or looks whether it is to stop.
int random_body(int seed, const tracked& argument) {
  dice random{seed};
  for (int i = random.below(4); i > 0; --i) {
    std::this_thread::yield();
    if (random.below(4) == 0 && narke::stop_requested()) break;
    if (random.below(8) == 0) static_cast<void>(narke::stop_token());
  }
  if (random.below(3) == 0) {
    auto child = narke::task([](int x) { return x; }).remote(seed);
    if (random.below(2) == 0) narke::get(child);
  }
  if (random.below(4) == 0) throw std::runtime_error{"by chance"};
  return argument.value;
}

narke::task_options random_options(dice& random) {
  narke::task_options options{.retry_delay = std::chrono::microseconds{random.below(200)}};
  if (random.below(3) == 0) options.timeout = std::chrono::microseconds{1 + random.below(300)};
  if (random.below(3) == 0) {
    options.max_retries = random.below(3);
    options.retry_exceptions = true;
  }
  if (random.below(4) == 0) options.num_cpus = 0.5;
  if (random.below(4) == 0) options.priority = random.below(5) - 2;
  return options;
}

class cancel_stress : public narke_test::on_cpus_test {
 protected:
  std::shared_ptr<narke_test::traffic> seen_ = narke_test::new_traffic();
};
NARKE_ON_1_2_4_CPUS(cancel_stress);

TEST_P(cancel_stress, every_ref_has_the_outcome_that_was_told) {
  for (int seed = 0; seed != scaled(150); ++seed) {
    dice random{seed};
    std::vector<narke::object_ref<int>> refs;
    std::vector<bool> may_time_out;
    narke::promise<int> promise;
    for (int i = 0; i != 8; ++i) {
      const auto options = random_options(random);
      may_time_out.push_back(options.timeout.has_value());
      refs.push_back(narke::task([](int body, const tracked& argument, int) {
                       return random_body(body, argument);
                     }, options)
                         .remote(seed * 8 + i, tracked{seen_, i},
                                 random.below(3) == 0 ? promise.ref() : narke::put(0)));
    }
    std::vector<char> in_time(refs.size());
    std::jthread canceller{[&, who = dice{~seed}]() mutable {
      for (int i = 0; i != 6; ++i) {
        const auto index = static_cast<std::size_t>(who.below(8));
        const bool told = narke::cancel(refs[index], {.recursive = who.below(2) == 0});
        in_time[index] = in_time[index] != 0 || told;
      }
    }};
    promise.set_value(1);
    canceller.join();
    for (std::size_t i = 0; i != refs.size(); ++i) {
      const outcome got = outcome_of(refs[i]);
      // A body that ends early by a timeout at the same moment may have been first.
      const bool is_told = got == outcome::cancelled ||
                           (got == outcome::timed_out && may_time_out[i]);
      ASSERT_EQ(in_time[i] != 0 ? is_told : got != outcome::cancelled, true)
          << "seed " << seed << ", task " << i << ", outcome " << static_cast<int>(got);
      ASSERT_FALSE(narke::cancel(refs[i])) << "seed " << seed;
    }
  }
  EXPECT_TRUE(narke_test::eventually([&] { return seen_->alive == 0; }));
}

// The body ends by the mark itself, while cancel is still about to answer.
TEST_P(cancel_stress, who_ends_at_once_was_told_in_time) {
  for (int round = 0; round != scaled(3'000); ++round) {
    std::atomic<bool> has_begun{false};
    auto ref = narke::task([&] {
      has_begun = true;
      while (!narke::stop_requested()) {
      }
      return 1;
    }).remote();
    while (!has_begun) std::this_thread::yield();
    ASSERT_TRUE(narke::cancel(ref)) << "round " << round;
    ASSERT_EQ(outcome_of(ref), outcome::cancelled);
  }
}

TEST_P(cancel_stress, parents_are_cancelled_while_they_submit) {
  for (int seed = 0; seed != scaled(40); ++seed) {
    auto children = std::make_shared<std::vector<narke::object_ref<int>>>();
    auto parent = narke::task([=] {
      for (int i = 0; i != 10 && !narke::stop_requested(); ++i) {
        children->push_back(narke::task([](int x) {
          auto grandchild = narke::task([](int y) { return y; }).remote(x);
          return narke::get(grandchild);
        }).remote(i));
      }
      return 1;
    }).remote();
    dice random{seed};
    for (int spin = random.below(300); spin > 0; --spin) std::this_thread::yield();
    const bool in_time = narke::cancel(parent);
    EXPECT_EQ(outcome_of(parent), in_time ? outcome::cancelled : outcome::value);
    for (const auto& child : *children) {
      const outcome got = outcome_of(child);
      ASSERT_TRUE(got == outcome::value || (in_time && got == outcome::cancelled));
    }
  }
}

TEST_P(cancel_stress, shutdown_in_the_middle) {
  for (int seed = 0; seed != scaled(40); ++seed) {
    dice random{seed};
    std::vector<narke::object_ref<int>> refs;
    narke::promise<int> open;
    for (int i = 0; i != 12; ++i) {
      refs.push_back(narke::task([](int body, const tracked& argument, int) {
                       try {
                         return random_body(body, argument);
                       } catch (const narke::error&) {
                         return 0;  // it submitted too late
                       }
                     }, random_options(random))
                         .remote(seed + i, tracked{seen_, i},
                                 random.below(6) == 0 ? open.ref() : narke::put(0)));
    }
    std::jthread canceller{[&] { narke::cancel(refs[3]); }};
    narke::shutdown();
    canceller.join();
    for (const auto& ref : refs) static_cast<void>(outcome_of(ref));
    EXPECT_EQ(seen_->alive, 0) << "seed " << seed;
    start(GetParam());
  }
}

}  // namespace
