#include "worker/cpu_places.hpp"

#include <gtest/gtest.h>

#include <thread>
#include <vector>

#include <support/own_cpus.hpp>

using narke::internal::cpu_places;
using narke_test::own_cpus;
using narke_test::run_on;

namespace {

// Each test on a thread of its own, which it may bind.
template <class Body>
void on_a_thread(Body&& body) {
  std::jthread{body};
}

TEST(cpu_places, knows_where_a_worker_arrived_until_it_leaves) {
  on_a_thread([] {
    ASSERT_TRUE(run_on({own_cpus().back()}));
    cpu_places places;
    EXPECT_FALSE(places.is_used(own_cpus().front()));
    const int cpu = places.arrive();
    EXPECT_EQ(cpu, own_cpus().front());
    EXPECT_TRUE(places.is_used(cpu));
    places.leave(cpu);
    EXPECT_FALSE(places.is_used(cpu));
  });
}

TEST(cpu_places, sends_the_second_of_two_to_a_cpu_without_one) {
  if (own_cpus().size() < 2) GTEST_SKIP() << "there is one CPU";
  on_a_thread([] {
    const std::vector<int> allowed = own_cpus();
    cpu_places places;
    const int first = places.arrive();
    for (std::size_t i = 0; i != 20; ++i) {
      ASSERT_TRUE(run_on({first}));  // where the first one still is
      ASSERT_TRUE(run_on(allowed));
      const int second = places.arrive();
      EXPECT_NE(second, first);
      EXPECT_EQ(own_cpus(), allowed) << "the thread may run where it might before";
      places.leave(second);
    }
    EXPECT_TRUE(places.is_used(first));
  });
}

TEST(cpu_places, leaves_a_thread_where_it_is_when_there_is_no_better_place) {
  on_a_thread([] {
    ASSERT_TRUE(run_on({own_cpus().front()}));
    cpu_places places;
    const int first = places.arrive();
    const int second = places.arrive();
    EXPECT_EQ(second, first);
    places.leave(first);
    EXPECT_TRUE(places.is_used(second));
    places.leave(second);
    EXPECT_FALSE(places.is_used(second));
  });
}

TEST(cpu_places, follows_a_worker_that_was_moved) {
  if (own_cpus().size() < 2) GTEST_SKIP() << "there is one CPU";
  on_a_thread([] {
    const std::vector<int> allowed = own_cpus();
    ASSERT_TRUE(run_on({allowed[0]}));
    cpu_places places;
    const int before = places.arrive();
    EXPECT_EQ(places.follow(before), allowed[0]);
    ASSERT_TRUE(run_on({allowed[1]}));
    EXPECT_EQ(places.follow(before), allowed[1]);
    EXPECT_FALSE(places.is_used(allowed[0]));
    EXPECT_TRUE(places.is_used(allowed[1]));
  });
}

}  // namespace
