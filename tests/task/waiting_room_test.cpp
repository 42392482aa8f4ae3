#include <task/waiting_room.hpp>

#include <gtest/gtest.h>

#include <array>
#include <atomic>
#include <vector>

#include <support/stress_rounds.hpp>
#include <support/watchdog.hpp>
#include <task/open_slot.hpp>

namespace {

using narke::internal::wait_entry;
using narke::internal::wait_group;
using narke::internal::waiting_room;
using narke_test::open_slot;

struct counting_group final : wait_group {
  void on_ready(wait_entry& entry) noexcept override {
    ++told;
    last = entry.index;
  }
  std::atomic<int> told{0};
  std::atomic<std::size_t> last{0};
};

void publish(open_slot<int>& slot) {
  slot.emplace_from([] { return 0; });
  slot.settle();
  static_cast<void>(slot.close());
}

TEST(waiting_room, tells_who_waits) {
  auto* slot = new open_slot<int>;
  counting_group group;
  wait_entry entry{.index = 5};
  ASSERT_TRUE(waiting_room::enter(entry, *slot, group));
  EXPECT_EQ(group.told, 0);
  publish(*slot);
  EXPECT_EQ(group.told, 1);
  EXPECT_EQ(group.last, 5U);
  waiting_room::leave(entry, *slot);
  slot->release_ref();
}

TEST(waiting_room, lets_nobody_wait_for_what_is_there) {
  auto* slot = new open_slot<int>;
  publish(*slot);
  counting_group group;
  wait_entry entry;
  EXPECT_FALSE(waiting_room::enter(entry, *slot, group));
  EXPECT_EQ(group.told, 0);
  slot->release_ref();
}

TEST(waiting_room, does_not_tell_who_left) {
  auto* slot = new open_slot<int>;
  counting_group group;
  std::array<wait_entry, 3> entries;
  for (auto& entry : entries) ASSERT_TRUE(waiting_room::enter(entry, *slot, group));
  waiting_room::leave(entries[1], *slot);
  waiting_room::leave(entries[1], *slot);
  publish(*slot);
  EXPECT_EQ(group.told, 2);
  waiting_room::leave(entries[0], *slot);
  waiting_room::leave(entries[2], *slot);
  slot->release_ref();
}

TEST(waiting_room, tells_only_of_the_slot_that_is_there) {
  // More slots than the room has buckets: some share one.
  std::vector<open_slot<int>*> slots(1'000);
  std::vector<wait_entry> entries(slots.size());
  counting_group group;
  for (std::size_t i = 0; i != slots.size(); ++i) {
    slots[i] = new open_slot<int>;
    entries[i].index = i;
    ASSERT_TRUE(waiting_room::enter(entries[i], *slots[i], group));
  }
  for (std::size_t i = 0; i != slots.size(); ++i) {
    publish(*slots[i]);
    ASSERT_EQ(group.told, static_cast<int>(i) + 1);
    ASSERT_EQ(group.last, i);
  }
  for (std::size_t i = 0; i != slots.size(); ++i) {
    waiting_room::leave(entries[i], *slots[i]);
    slots[i]->release_ref();
  }
}

TEST(waiting_room_stress, each_is_told_once_or_refused_once) {
  constexpr int waiters = 3;
  for (int round = 0; round != narke_test::stress_rounds(800); ++round) {
    auto* slot = new open_slot<int>;
    // Somebody waits already, so that the producer looks for entries.
    counting_group early;
    wait_entry first;
    ASSERT_TRUE(waiting_room::enter(first, *slot, early));
    std::array<counting_group, waiters> groups;
    std::array<int, waiters> refused{};
    narke_test::on_threads(waiters + 1, [&](int index) {
      if (index == waiters) {
        publish(*slot);
        return;
      }
      const auto own = static_cast<std::size_t>(index);
      wait_entry entry;
      if (waiting_room::enter(entry, *slot, groups[own])) {
        while (groups[own].told == 0) std::this_thread::yield();
        waiting_room::leave(entry, *slot);
      } else {
        refused[own] = 1;
      }
    });
    ASSERT_EQ(early.told, 1);
    for (std::size_t i = 0; i != waiters; ++i) {
      ASSERT_EQ(groups[i].told + refused[i], 1) << "waiter " << i << " in round " << round;
    }
    waiting_room::leave(first, *slot);
    slot->release_ref();
  }
}

}  // namespace
