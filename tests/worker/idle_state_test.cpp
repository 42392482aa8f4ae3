#include <worker/idle_state.hpp>

#include <gtest/gtest.h>

#include <atomic>

#include <support/stress_rounds.hpp>
#include <support/watchdog.hpp>

namespace {

using narke::internal::idle_state;

TEST(idle_state, gives_as_many_permits_as_there_are) {
  idle_state idle;
  idle.reset(3);
  EXPECT_EQ(idle.try_take_permits(2), 2);
  EXPECT_EQ(idle.try_take_permits(2), 1);
  EXPECT_EQ(idle.try_take_permits(2), 0);
  EXPECT_FALSE(idle.try_take_permit());
  idle.give_permits(1);
  EXPECT_TRUE(idle.try_take_permit());
}

TEST(idle_state, gives_none_while_it_is_below_zero) {
  idle_state idle;
  idle.reset(0);
  idle.give_permits(-2);
  EXPECT_EQ(idle.read().permits, -2);
  EXPECT_EQ(idle.try_take_permits(1), 0);
  EXPECT_EQ(idle.read().permits, -2);
  idle.give_permits(3);
  EXPECT_EQ(idle.try_take_permits(5), 1);
}

TEST(idle_state, keeps_its_counts_apart) {
  idle_state idle;
  idle.reset(1);
  idle.give_permits(-3);
  EXPECT_TRUE(idle.update([](idle_state::counts& now) {
    now.searching = idle_state::workers_max;
    now.waking = 5;
    now.parked = 1'024;
    return true;
  }));
  EXPECT_EQ(idle.read().permits, -2);
  EXPECT_EQ(idle.read().searching, idle_state::workers_max);
  EXPECT_EQ(idle.read().waking, 5);
  EXPECT_EQ(idle.glance().parked, 1'024);
}

TEST(idle_state, changes_nothing_when_the_change_says_no) {
  idle_state idle;
  idle.reset(2);
  EXPECT_FALSE(idle.update([](idle_state::counts& now) {
    now.permits = 9;
    return false;
  }));
  EXPECT_EQ(idle.read().permits, 2);
}

TEST(idle_state, begins_anew) {
  idle_state idle;
  idle.update([](idle_state::counts& now) {
    now = {-1, 2, 3, 4};
    return true;
  });
  idle.reset(4);
  EXPECT_EQ(idle.read().permits, 4);
  EXPECT_EQ(idle.read().searching, 0);
  EXPECT_EQ(idle.read().waking, 0);
  EXPECT_EQ(idle.read().parked, 0);
}

TEST(idle_state, has_room_for_many_permits) {
  idle_state idle;
  idle.reset(100'000'000);
  EXPECT_EQ(idle.try_take_permits(99'999'999), 99'999'999);
  idle.give_permits(-100'000'000);
  EXPECT_EQ(idle.read().permits, -99'999'999);
}

TEST(idle_state_stress, never_gives_more_permits_than_there_are) {
  idle_state idle;
  idle.reset(3);
  std::atomic<int> held{0};
  narke_test::on_threads(3, [&](int index) {
    for (int i = 0; i != narke_test::stress_rounds(20'000); ++i) {
      const int got = idle.try_take_permits(1 + (index + i) % 3);
      ASSERT_LE(held += got, 3);
      held -= got;
      idle.give_permits(got);
    }
  });
  EXPECT_EQ(idle.read().permits, 3);
}

}  // namespace
