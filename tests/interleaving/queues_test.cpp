// The deque of a worker and the queue from outside.
#include <worker/injection_queue.hpp>
#include <worker/work_deque.hpp>

#include <array>
#include <cstddef>

#include <interleaving/exploring.hpp>

namespace narke_test {
namespace {

using explored::check;
using explored::random_below;
using narke::detail::runnable;

// An owner who pushes and pops, and two thieves, on a ring that has to grow.
class owner_and_thieves : public explored::scene {
 public:
  explored::bodies threads() override {
    const auto thief = [this] {
      for (int i = 0; i != 4; ++i) {
        take(items_.steal());
      }
    };
    return {[this] { own(); }, thief, thief};
  }
  void at_end() override {
    while (int* item = items_.steal()) {
      take(item);
    }
    for (const int times : taken_) {
      check(times == 1, "an item was lost");
    }
    check(items_.empty(), "the deque is not empty");
  }

 private:
  void own() {
    int* const both[2] = {&values_[5], &values_[6]};
    items_.push_backwards(both, 2);
    for (std::size_t i = 0; i != 5; ++i) {
      int& value = values_[i];
      items_.push(&value);
      if (random_below(3) == 0) {
        take(items_.pop());
      } else if (random_below(3) == 0 && items_.pop_if(&value)) {
        take(&value);
      }
    }
    while (int* item = items_.pop()) {
      take(item);
    }
  }
  void take(int* item) {
    if (item != nullptr) {
      check(++taken_[static_cast<std::size_t>(item - values_.data())] == 1, "an item came twice");
    }
  }

  narke::internal::work_deque<int> items_{2};
  std::array<int, 7> values_{};
  std::array<int, 7> taken_{};
};

TEST(work_deque, gives_every_item_once) {
  expect_holds<owner_and_thieves>();
}
TEST(work_deque, bug_the_last_item_without_a_race) {
  expect_found<owner_and_thieves>("deque: the last item is taken without a race for it");
}
TEST(work_deque, bug_the_top_before_the_bottom) {
  expect_found<owner_and_thieves>("deque: the owner reads the top before he lowers the bottom");
}
TEST(work_deque, bug_the_bottom_above_an_item_to_come) {
  expect_found<owner_and_thieves>("deque: the bottom is raised before several are there");
}
TEST(work_deque, bug_the_item_after_the_swap) {
  expect_found<owner_and_thieves>("deque: a thief reads the item after his swap");
}

struct item : runnable {
  std::size_t producer = 0;
  int number = 0;
  int taken = 0;
};

class producers_and_consumers : public explored::scene {
 public:
  producers_and_consumers() {
    for (std::size_t p = 0; p != items_.size(); ++p) {
      for (std::size_t i = 0; i != items_[p].size(); ++i) {
        items_[p][i].producer = p;
        items_[p][i].number = static_cast<int>(i);
      }
    }
  }
  explored::bodies threads() override {
    const auto produce = [this](std::size_t p) {
      for (item& each : items_[p]) {
        queue_.push(each);
      }
    };
    const auto consume = [this] {
      std::array<int, 2> last{-1, -1};
      while (missing_ > 0) {  // a pusher waits while the queue is full
        take(last);
        explored::yield();
      }
    };
    return {[=] { produce(0); }, [=] { produce(1); }, consume, consume};
  }
  void at_end() override {
    std::array<int, 2> last{-1, -1};
    for (int i = 0; i != 6; ++i) {
      take(last);
    }
    for (const auto& own : items_) {
      for (const item& each : own) {
        check(each.taken == 1, "an item was lost");
      }
    }
    check(queue_.empty(), "the queue is not empty");
  }

 private:
  void take(std::array<int, 2>& last) {
    std::array<runnable*, 3> batch{};
    const std::size_t count = queue_.pop_some(batch.data(), 1 + random_below(3));
    for (std::size_t i = 0; i != count; ++i) {
      auto& each = static_cast<item&>(*batch[i]);
      check(++each.taken == 1, "an item came twice");
      check(last[each.producer] < each.number, "out of the order of its producer");
      last[each.producer] = each.number;
      missing_.fetch_sub(1);
    }
  }

  narke::internal::basic_injection_queue<2, 2> queue_;  // of which six items are a round and a half
  std::array<std::array<item, 3>, 2> items_;
  explored::atomic<int> missing_{6};
};

TEST(injection_queue, gives_every_item_once_and_in_order) {
  expect_holds<producers_and_consumers>();
}
TEST(injection_queue, bug_two_consumers) {
  expect_found<producers_and_consumers>("queue: two consumers at once");
}
TEST(injection_queue, bug_a_segment_too_early) {
  expect_found<producers_and_consumers>(
      "queue: a segment may be pushed to before its place is free");
}
TEST(injection_queue, bug_two_segments_for_one) {
  expect_found<producers_and_consumers>("queue: two make a segment, and each uses his own");
}

// Who falls asleep and finds nothing has missed nothing: the pusher sees the sleeper, or whoever
// takes items looks again.
class pusher_and_sleeper : public explored::scene {
 public:
  pusher_and_sleeper() { queue_.push(before_); }
  explored::bodies threads() override {
    return {[this] {
              queue_.push(pushed_);
              note(sleeps_.load());
            },
            [this] {
              sleeps_.exchange(true);
              note(!queue_.empty());
            },
            [this] {
              runnable* taken = nullptr;
              for (int i = 0; i != 2 && queue_.pop_some(&taken, 1) == 1; ++i) {
                note(taken == &pushed_);
              }
              note(!queue_.empty());
            }};
  }
  void at_end() override { check(is_seen_, "an item, a sleeper, and nobody saw both"); }

 private:
  void note(bool is_seen) { is_seen_ = is_seen_ || is_seen; }

  narke::internal::basic_injection_queue<2, 2> queue_;
  item before_;
  item pushed_;
  explored::atomic<bool> sleeps_{false};
  bool is_seen_ = false;
};

TEST(injection_queue, either_the_sleeper_sees_the_item_or_another_sees_it) {
  expect_holds<pusher_and_sleeper>();
}
TEST(injection_queue, bug_empty_looks_at_one_end) {
  expect_found<pusher_and_sleeper>("queue: empty looks at the consumer's end alone");
}

}  // namespace
}  // namespace narke_test
