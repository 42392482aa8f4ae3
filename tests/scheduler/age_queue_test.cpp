// Against std::multiset, by seed.
#include "scheduler/age_queue.hpp"

#include <cstdint>
#include <random>
#include <set>

#include <gtest/gtest.h>

namespace narke_test {
namespace {

using namespace narke::internal;

class mirrored_queue {
 public:
  explicit mirrored_queue(std::uint64_t seed) : random_{seed} {}

  void one_event() {
    const auto kind = random_() % 40;
    if (kind == 0) {
      keep_odd_ids();
    } else if (kind < 16 && !mirror_.empty()) {
      queue_.pop();
      mirror_.erase(mirror_.begin());
    } else {
      push();
    }
    ASSERT_EQ(queue_.size(), mirror_.size());
    ASSERT_EQ(queue_.empty(), mirror_.empty());
    if (!mirror_.empty()) {
      ASSERT_EQ(queue_.top(), *mirror_.begin());
    }
  }

  void drain() {
    for (; !mirror_.empty(); mirror_.erase(mirror_.begin())) {
      ASSERT_EQ(queue_.top(), *mirror_.begin());
      queue_.pop();
    }
    ASSERT_TRUE(queue_.empty());
  }

 private:
  // Mostly younger than all before.
  void push() {
    const auto ticks = random_() % 4 == 0 ? random_() % (now_ + 1) : ++now_;
    const age_key key{ticks, random_() % 5};
    queue_.push(key);
    mirror_.insert(key);
  }
  void keep_odd_ids() {
    queue_.keep_if([](const age_key& key) { return key.id % 2 == 1; });
    std::erase_if(mirror_, [](const age_key& key) { return key.id % 2 == 0; });
  }

  std::mt19937_64 random_;
  std::uint64_t now_ = 0;
  age_queue queue_;
  std::multiset<age_key> mirror_;
};

TEST(age_queue, the_oldest_is_always_on_top) {
  for (std::uint64_t seed = 0; seed < 50; ++seed) {
    SCOPED_TRACE(seed);
    mirrored_queue both{seed};
    for (int event = 0; event < 600; ++event) {
      both.one_event();
      if (testing::Test::HasFatalFailure()) return;
    }
    both.drain();
    if (testing::Test::HasFatalFailure()) return;
  }
}

// Quadratic work would run into the time limit of the test.
TEST(age_queue, any_order_of_many_is_fast) {
  constexpr std::uint64_t count = 200'000;
  for (const std::uint64_t stride : {std::uint64_t{1}, count - 1, std::uint64_t{77'777}}) {
    age_queue queue;
    for (std::uint64_t i = 0; i < count; ++i) {
      queue.push({i * stride % count, i});
    }
    for (std::uint64_t i = 0; i < count; ++i) {
      ASSERT_EQ(queue.top().ticks, i);
      queue.pop();
    }
  }
}

}  // namespace
}  // namespace narke_test
