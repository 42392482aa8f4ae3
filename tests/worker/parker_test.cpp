#include <worker/parker.hpp>

#include <gtest/gtest.h>

#include <atomic>
#include <chrono>
#include <memory>
#include <thread>

#include <support/stress_rounds.hpp>
#include <support/watchdog.hpp>

namespace {

using namespace std::chrono_literals;
using narke::internal::parker;
using time_point = std::chrono::steady_clock::time_point;

TEST(parker, a_wake_before_the_wait_is_not_lost) {
  parker place;
  place.wake();
  place.wait();
}

TEST(parker, wakes_are_not_counted) {
  parker place;
  place.wake();
  place.wake();
  EXPECT_TRUE(place.try_wait());
  EXPECT_FALSE(place.try_wait());
}

TEST(parker, gives_up_when_the_time_is_up) {
  parker place;
  const auto deadline = std::chrono::steady_clock::now() + 2ms;
  EXPECT_FALSE(place.wait_until(deadline));
  EXPECT_GE(std::chrono::steady_clock::now(), deadline);
}

TEST(parker, gives_up_at_once_when_the_time_was_up_before) {
  parker place;
  EXPECT_FALSE(place.wait_until(std::chrono::steady_clock::now() - 1s));
  EXPECT_FALSE(place.wait_until(time_point{}));
}

TEST(parker, gives_up_at_once_when_the_time_was_up_before_the_clock_began) {
  parker place;
  EXPECT_FALSE(place.wait_until(time_point{-1s}));
  EXPECT_FALSE(place.wait_until(time_point::min()));
}

TEST(parker, takes_a_wake_that_is_there_though_the_time_is_up) {
  parker place;
  place.wake();
  EXPECT_TRUE(place.wait_until(std::chrono::steady_clock::now() - 1s));
}

TEST(parker, can_be_woken_after_a_wait_that_gave_up) {
  parker place;
  EXPECT_FALSE(place.wait_until(std::chrono::steady_clock::now()));
  EXPECT_FALSE(place.try_wait());
  place.wake();
  EXPECT_TRUE(place.wait_until(time_point::max()));
}

TEST(parker_stress, no_wake_is_lost_between_two) {
  const int rounds = narke_test::stress_rounds(20'000);
  parker ping;
  parker pong;
  int at = 0;  // guarded by the wakes
  narke_test::on_threads(2, [&](int index) {
    for (int i = 0; i != rounds; ++i) {
      if (index == 0) {
        ++at;
        ping.wake();
        pong.wait();
      } else {
        ping.wait();
        ASSERT_EQ(at, i + 1);
        pong.wake();
      }
    }
  });
  EXPECT_EQ(at, rounds);
}

TEST(parker_stress, no_wake_is_lost_while_the_sleeper_gives_up) {
  const int rounds = narke_test::stress_rounds(3'000);
  parker place;
  std::atomic<int> received{0};
  narke_test::on_threads(2, [&](int index) {
    for (int i = 0; i != rounds; ++i) {
      if (index == 0) {
        place.wake();
        while (received != i + 1) std::this_thread::yield();
      } else {
        while (!place.wait_until(std::chrono::steady_clock::now() + 1us)) {
        }
        ++received;
      }
    }
  });
  EXPECT_FALSE(place.try_wait());
}

TEST(parker_stress, may_be_gone_when_its_sleeper_saw_the_wake) {
  for (int i = 0; i != narke_test::stress_rounds(500); ++i) {
    auto place = std::make_unique<parker>();
    parker* seen = place.get();
    std::jthread waker{[seen] { seen->wake(); }};
    place->wait();
    place.reset();
  }
}

}  // namespace
