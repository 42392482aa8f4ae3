#include <worker/thread_state.hpp>

#include <gtest/gtest.h>

#include <algorithm>
#include <set>
#include <thread>
#include <vector>

#include <pthread.h>

#include <support/hooked_task.hpp>
#include <support/stress_rounds.hpp>
#include <support/watchdog.hpp>

namespace {

using narke::internal::count_one;
using narke::internal::count_tasks;
using narke::internal::for_each_record;
using narke::internal::next_id;
using narke::internal::this_record;
using narke::internal::this_submitter_id;

int record_count() {
  int count = 0;
  for_each_record([&](const auto&) { ++count; });
  return count;
}

TEST(thread_state, a_thread_has_one_record) {
  EXPECT_EQ(&this_record(), &this_record());
  const auto* mine = &this_record();
  std::jthread{[=] { EXPECT_NE(&this_record(), mine); }};
}

TEST(thread_state, records_of_ended_threads_are_used_again) {
  std::jthread{[] { static_cast<void>(this_record()); }}.join();
  const int before = record_count();
  for (int i = 0; i != 50; ++i) {
    std::jthread{[] { static_cast<void>(this_record()); }}.join();
  }
  EXPECT_EQ(record_count(), before);
}

TEST(thread_state, counts_outlive_their_thread) {
  const auto before = count_tasks();
  for (int i = 0; i != 10; ++i) {
    std::jthread{[] {
      count_one(this_record().submitted);
      count_one(this_record().finished);
      count_one(this_record().failed);
    }}.join();
  }
  const auto after = count_tasks();
  EXPECT_EQ(after.submitted - before.submitted, 10U);
  EXPECT_EQ(after.finished - before.finished, 10U);
  EXPECT_EQ(after.failed - before.failed, 10U);
}

TEST(thread_state, ids_are_unique_over_threads) {
  std::vector<std::vector<std::uint64_t>> ids(4);
  narke_test::on_threads(4, [&](int index) {
    auto& mine = ids[static_cast<std::size_t>(index)];
    for (int i = 0; i != 5'000; ++i) mine.push_back(next_id());
    mine.push_back(this_submitter_id());
  });
  std::set<std::uint64_t> all;
  for (const auto& mine : ids) all.insert(mine.begin(), mine.end());
  EXPECT_EQ(all.size(), 4U * 5'001);
  EXPECT_FALSE(all.contains(0)) << "0 means nobody";
}

TEST(thread_state, a_thread_outside_is_one_submitter_and_each_task_another) {
  const std::uint64_t outside = this_submitter_id();
  EXPECT_EQ(this_submitter_id(), outside);
  narke::internal::execution running{nullptr, nullptr, 42, nullptr};
  narke::internal::this_thread_state.current = &running;
  EXPECT_EQ(this_submitter_id(), 42U);
  narke::internal::this_thread_state.current = nullptr;
  EXPECT_EQ(this_submitter_id(), outside);
}

TEST(thread_state, a_small_stack_has_no_room_for_a_nested_task) {
  const auto answer_on = [](std::size_t stack_bytes) {
    pthread_attr_t attributes;
    pthread_attr_init(&attributes);
    pthread_attr_setstacksize(&attributes, stack_bytes);
    pthread_t thread;
    bool has_room = false;
    const auto body = [](void* to) -> void* {
      *static_cast<bool*>(to) = narke::internal::has_stack_for_nested_task();
      return nullptr;
    };
    EXPECT_EQ(pthread_create(&thread, &attributes, body, &has_room), 0);
    pthread_join(thread, nullptr);
    pthread_attr_destroy(&attributes);
    return has_room;
  };
  EXPECT_FALSE(answer_on(std::size_t{192} * 1'024));
  EXPECT_TRUE(answer_on(std::size_t{4} * 1'024 * 1'024));
}

TEST(thread_state_stress, never_counts_a_task_finished_that_it_does_not_count_submitted) {
  std::atomic<bool> done{false};
  narke_test::on_threads(3, [&](int index) {
    if (index == 0) {
      for (int i = 0; i != narke_test::stress_rounds(3'000); ++i) {
        const auto totals = count_tasks();
        EXPECT_LE(totals.finished, totals.submitted);
        if (HasFailure()) break;
      }
      done = true;
      return;
    }
    while (!done) {
      count_one(this_record().submitted);
      count_one(this_record().finished);
    }
  });
}

TEST(ids, of_a_thread_go_on_above_one_that_another_gave) {
  const std::uint64_t own = narke::internal::next_id();
  std::uint64_t others = 0;
  std::thread{[&] { others = narke::internal::next_id(); }}.join();
  ASSERT_GT(others, own) << "blocks rise";
  narke::internal::ids_above(own);
  EXPECT_LT(narke::internal::next_id(), others) << "its own block was high enough";
  narke::internal::ids_above(others);
  EXPECT_GT(narke::internal::next_id(), others);
}

}  // namespace
