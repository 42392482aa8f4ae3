#include <worker/injection_queue.hpp>

#include <gtest/gtest.h>

#include <algorithm>
#include <array>
#include <atomic>
#include <chrono>
#include <thread>
#include <vector>

#include <support/gate.hpp>
#include <support/stress_rounds.hpp>
#include <support/watchdog.hpp>

namespace {

using narke::detail::runnable;
using narke::internal::basic_injection_queue;
using narke::internal::injection_queue;

struct item : runnable {
  int producer = 0;
  int number = 0;
};

template <class Queue>
runnable* pop(Queue& queue) {
  runnable* taken = nullptr;
  return queue.pop_some(&taken, 1) == 1 ? taken : nullptr;
}

TEST(injection_queue, is_empty_at_first_and_after_the_last) {
  injection_queue queue;
  EXPECT_TRUE(queue.empty());
  EXPECT_EQ(pop(queue), nullptr);
  item only;
  for (int i = 0; i != 3; ++i) {
    queue.push(only);
    EXPECT_FALSE(queue.empty());
    EXPECT_EQ(pop(queue), &only);
    EXPECT_TRUE(queue.empty());
    EXPECT_EQ(pop(queue), nullptr);
  }
}

TEST(injection_queue, is_first_in_first_out) {
  injection_queue queue;
  std::array<item, 10> items;
  for (auto& each : items) queue.push(each);
  for (auto& each : items) {
    EXPECT_FALSE(queue.empty());
    EXPECT_EQ(pop(queue), &each);
  }
  EXPECT_TRUE(queue.empty());
}

TEST(injection_queue, gives_no_more_than_was_asked_for) {
  injection_queue queue;
  std::array<item, 5> items;
  for (auto& each : items) queue.push(each);
  std::array<runnable*, 8> taken{};
  EXPECT_EQ(queue.pop_some(taken.data(), 3), 3U);
  EXPECT_EQ(taken[2], &items[2]);
  EXPECT_EQ(queue.pop_some(taken.data(), 8), 2U);
  EXPECT_EQ(taken[1], &items[4]);
}

TEST(injection_queue, keeps_its_order_when_pushes_and_pops_mix) {
  injection_queue queue;
  std::array<item, 30> items;
  std::size_t oldest = 0;
  for (std::size_t i = 0; i != items.size(); ++i) {
    queue.push(items[i]);
    if (i % 2 == 1) {
      ASSERT_EQ(pop(queue), &items[oldest++]);
    }
  }
  while (oldest != items.size()) ASSERT_EQ(pop(queue), &items[oldest++]);
}

TEST(injection_queue, goes_through_its_directory_in_rounds) {
  basic_injection_queue<4, 2> queue;
  std::array<item, 5> items;  // and a part of a segment that is not free yet
  for (int round = 0; round != 10; ++round) {
    for (auto& each : items) queue.push(each);
    for (auto& each : items) {
      ASSERT_FALSE(queue.empty());
      ASSERT_EQ(pop(queue), &each);
    }
    ASSERT_TRUE(queue.empty());
    queue.push(items[0]);  // so that the next round begins elsewhere
    ASSERT_EQ(pop(queue), &items[0]);
  }
}

TEST(injection_queue, that_is_full_has_pushers_wait) {
  basic_injection_queue<4, 2> queue;
  std::array<item, 20> items;
  std::atomic<int> pushed{0};
  std::jthread pushes{[&] {
    for (auto& each : items) {
      queue.push(each);
      ++pushed;
    }
  }};
  EXPECT_TRUE(narke_test::eventually([&] { return pushed >= 8; }));
  std::this_thread::sleep_for(std::chrono::milliseconds{2});
  EXPECT_EQ(pushed, 8);
  for (auto& each : items) {
    runnable* taken = nullptr;
    EXPECT_TRUE(narke_test::eventually([&] { return (taken = pop(queue)) != nullptr; }));
    EXPECT_EQ(taken, &each);
  }
  EXPECT_TRUE(queue.empty());
}

TEST(injection_queue, lets_go_of_what_nobody_took) {
  std::array<item, 7> items;
  basic_injection_queue<2, 8> queue;
  for (auto& each : items) queue.push(each);
  EXPECT_EQ(pop(queue), &items[0]);
}

// Small, so that segments come and go, or as it is.
template <class Queue>
void each_item_once_and_in_order_of_its_producer(int rounds) {
  constexpr int producers = 2;
  const int each = narke_test::stress_rounds(rounds);
  std::array<std::vector<item>, producers> items;
  for (int p = 0; p != producers; ++p) {
    auto& own = items[static_cast<std::size_t>(p)];
    own = std::vector<item>(static_cast<std::size_t>(each));
    for (int i = 0; i != each; ++i) {
      own[static_cast<std::size_t>(i)].producer = p;
      own[static_cast<std::size_t>(i)].number = i;
    }
  }
  Queue queue;
  std::atomic<int> missing{producers * each};
  // Consumers change; what each took is in order, and together they took everything once.
  std::array<std::vector<item*>, 2> taken;
  narke_test::on_threads(producers + 2, [&](int index) {
    if (index < producers) {
      for (auto& own : items[static_cast<std::size_t>(index)]) queue.push(own);
      return;
    }
    auto& mine = taken[static_cast<std::size_t>(index - producers)];
    std::array<runnable*, 7> batch{};
    while (missing > 0) {
      const std::size_t count = queue.pop_some(batch.data(), 1 + mine.size() % batch.size());
      for (std::size_t i = 0; i != count; ++i) mine.push_back(static_cast<item*>(batch[i]));
      missing -= static_cast<int>(count);
    }
  });
  EXPECT_TRUE(queue.empty());
  std::array<std::vector<int>, producers> times;
  for (auto& of : times) of.assign(static_cast<std::size_t>(each), 0);
  for (auto& mine : taken) {
    std::array<int, producers> last{-1, -1};
    for (item* one : mine) {
      const auto p = static_cast<std::size_t>(one->producer);
      ASSERT_GT(one->number, last[p]);
      last[p] = one->number;
      ++times[p][static_cast<std::size_t>(one->number)];
    }
  }
  for (auto& of : times) ASSERT_EQ(std::count(of.begin(), of.end(), 1), each);
}
TEST(injection_queue_stress, each_item_once_and_in_order_of_its_producer) {
  each_item_once_and_in_order_of_its_producer<injection_queue>(30'000);
}
TEST(injection_queue_stress, each_item_once_when_segments_come_and_go) {
  each_item_once_and_in_order_of_its_producer<basic_injection_queue<2, 4>>(2'000);
  each_item_once_and_in_order_of_its_producer<basic_injection_queue<8, 64>>(2'000);
}

TEST(injection_queue_stress, holds_on_to_none_of_the_items_of_two_that_push_and_pop) {
  injection_queue queue;
  const auto each = static_cast<std::size_t>(narke_test::stress_rounds(20'000));
  std::array<std::vector<item>, 2> items;  // outlive both: each may take the other's
  for (auto& own : items) own = std::vector<item>(each);
  narke_test::on_threads(2, [&](int index) {
    for (auto& one : items[static_cast<std::size_t>(index)]) queue.push(one);
    runnable* taken = nullptr;
    for (std::size_t missing = each; missing != 0;) missing -= queue.pop_some(&taken, 1);
  });
  EXPECT_TRUE(queue.empty());
}

// Also when the last item was taken at the moment that another came in.
TEST(injection_queue_stress, is_not_empty_while_an_item_is_in_it) {
  std::vector<item> items(static_cast<std::size_t>(narke_test::stress_rounds(100'000)));
  injection_queue queue;
  std::atomic<std::size_t> pushed{0};
  narke_test::on_threads(2, [&](int index) {
    if (index == 0) {
      for (auto& one : items) {
        queue.push(one);
        ++pushed;
      }
      return;
    }
    for (std::size_t taken = 0; taken != items.size();) {
      taken += pop(queue) != nullptr ? 1 : 0;
      if (pushed > taken) {
        ASSERT_FALSE(queue.empty());
      }
    }
  });
  EXPECT_TRUE(queue.empty());
}

// The rule that sleepers rely on: who finds it empty after he said so has missed nothing.
TEST(injection_queue_stress, either_the_sleeper_sees_the_item_or_the_pusher_the_sleeper) {
  for (int round = 0; round != narke_test::stress_rounds(5'000); ++round) {
    injection_queue queue;
    item one;
    std::atomic<bool> sleeps{false};
    bool pusher_saw = false;
    bool sleeper_saw = false;
    narke_test::on_threads(2, [&](int index) {
      if (index == 0) {
        queue.push(one);
        pusher_saw = sleeps.load(std::memory_order_seq_cst);
      } else {
        sleeps.exchange(true, std::memory_order_seq_cst);
        sleeper_saw = !queue.empty();
      }
    });
    ASSERT_TRUE(pusher_saw || sleeper_saw) << "round " << round;
  }
}

}  // namespace
