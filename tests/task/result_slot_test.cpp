#include <gtest/gtest.h>

#include <array>
#include <atomic>
#include <memory>
#include <stdexcept>

#include <narke/object_ref.hpp>
#include <support/stress_rounds.hpp>
#include <support/values.hpp>
#include <support/watchdog.hpp>
#include <task/open_slot.hpp>

namespace {

using narke::object_ref;
using narke::detail::dependent;
using narke::detail::ref_access;
using narke::detail::result_slot;
using narke_test::open_slot;

// Settles and closes as a producer does, and gives up the producer's place.
dependent* publish(result_slot& slot) {
  slot.settle();
  return slot.close();
}

TEST(result_slot, is_open_until_it_is_closed) {
  auto* slot = new open_slot<int>;
  EXPECT_FALSE(slot->is_ready());
  slot->emplace_from([] { return 3; });
  EXPECT_FALSE(slot->is_ready());
  EXPECT_EQ(publish(*slot), nullptr);
  EXPECT_TRUE(slot->is_ready());
  EXPECT_FALSE(slot->failed());
  EXPECT_EQ(slot->value(), 3);
  slot->release_ref();
}

TEST(result_slot, hands_dependents_out_first_come_first) {
  auto* slot = new open_slot<int>;
  std::array<dependent, 3> entries;
  for (auto& entry : entries) EXPECT_TRUE(slot->add_dependent(entry));
  slot->emplace_from([] { return 0; });
  dependent* list = publish(*slot);
  for (auto& entry : entries) {
    ASSERT_EQ(list, &entry);
    list = list->next;
  }
  EXPECT_EQ(list, nullptr);
  slot->release_ref();
}

TEST(result_slot, takes_no_dependent_and_no_thread_once_closed) {
  auto* slot = new open_slot<int>;
  slot->emplace_from([] { return 0; });
  publish(*slot);
  dependent late;
  EXPECT_FALSE(slot->add_dependent(late));
  EXPECT_FALSE(slot->mark_thread_waits());
  slot->release_ref();
}

TEST(result_slot, keeps_its_dependents_when_a_thread_waits_too) {
  auto* slot = new open_slot<int>;
  std::array<dependent, 2> entries;
  EXPECT_TRUE(slot->add_dependent(entries[0]));
  EXPECT_TRUE(slot->mark_thread_waits());
  EXPECT_TRUE(slot->mark_thread_waits());
  EXPECT_TRUE(slot->add_dependent(entries[1]));
  slot->emplace_from([] { return 0; });
  dependent* list = publish(*slot);
  ASSERT_EQ(list, &entries[0]);
  ASSERT_EQ(list->next, &entries[1]);
  EXPECT_EQ(list->next->next, nullptr);
  slot->release_ref();
}

TEST(result_slot, does_not_count_its_producer_as_a_ref) {
  auto* slot = new open_slot<int>;
  slot->emplace_from([] { return 0; });
  EXPECT_TRUE(slot->is_last_ref()) << "as a GPU task sees it, before it is published";
  slot->add_ref();
  EXPECT_FALSE(slot->is_last_ref());
  slot->release_ref();
  slot->settle();
  EXPECT_TRUE(slot->is_last_ref());
  slot->add_ref();
  EXPECT_FALSE(slot->is_last_ref());
  slot->release_ref();
  static_cast<void>(slot->close());
  slot->release_ref();
}

TEST(result_slot, lets_a_value_go_that_nobody_wants_when_it_settles) {
  const auto seen = narke_test::new_traffic();
  int gone = 0;
  auto* slot = new open_slot<narke_test::tracked>{&gone};
  slot->release_ref();
  EXPECT_EQ(gone, 0) << "the producer is still at work";
  slot->emplace_from([&] { return narke_test::tracked{seen, 1}; });
  EXPECT_EQ(seen->alive, 1);
  slot->settle();
  EXPECT_EQ(gone, 1);
  EXPECT_EQ(seen->alive, 0);
}

TEST(result_slot, says_that_it_is_unwanted_as_it_is_settled_and_closed) {
  int gone = 0;
  auto* slot = new open_slot<int>{&gone};
  slot->release_ref();
  slot->emplace_from([] { return 1; });
  EXPECT_FALSE(slot->settle_and_close_alone(false));
  dependent* first = nullptr;
  bool leaves_node = false;
  ASSERT_EQ(slot->settle_and_close(first, leaves_node), result_slot::settled::unwanted);
  EXPECT_EQ(gone, 0) << "that is for the producer";
  slot->let_go_unwanted();
  EXPECT_EQ(gone, 1);
}

TEST(result_slot, leaves_no_node_while_a_thread_waits) {
  for (const bool waits : {false, true}) {
    auto* slot = new open_slot<int>;
    dependent entry;
    EXPECT_TRUE(slot->add_dependent(entry));
    if (waits) {
      EXPECT_TRUE(slot->mark_thread_waits());
    }
    slot->emplace_from([] { return 1; });
    EXPECT_FALSE(slot->settle_and_close_alone(true)) << "not alone";
    dependent* first = nullptr;
    bool leaves_node = true;
    ASSERT_EQ(slot->settle_and_close(first, leaves_node), result_slot::settled::done);
    EXPECT_EQ(leaves_node, !waits);
    EXPECT_EQ(first, &entry);
    slot->release_ref();
  }
}

TEST(result_slot, is_not_closed_when_it_was_to_stop) {
  auto* slot = new open_slot<int>;
  EXPECT_TRUE(slot->mark_stop());
  dependent* first = nullptr;
  bool leaves_node = true;
  EXPECT_EQ(slot->settle_and_close(first, leaves_node), result_slot::settled::stopped);
  EXPECT_FALSE(leaves_node);
  EXPECT_FALSE(slot->is_ready());
  slot->settle_stopped();
  EXPECT_FALSE(slot->mark_stop()) << "too late";
  static_cast<void>(slot->close());
  slot->release_ref();
}

TEST(result_slot, is_taken_through_the_last_ref_while_it_is_held) {
  int gone = 0;
  auto* slot = new open_slot<int>{&gone};
  slot->hold();  // the reference that it was made with
  slot->add_ref();
  slot->emplace_from([] { return 1; });
  publish(*slot);
  EXPECT_TRUE(slot->is_last_ref());
  slot->add_ref();
  EXPECT_FALSE(slot->is_last_ref());
  slot->end_hold();
  EXPECT_FALSE(slot->is_last_ref());
  slot->release_ref();
  EXPECT_TRUE(slot->is_last_ref());
  EXPECT_EQ(gone, 0);
  slot->release_ref();
  EXPECT_EQ(gone, 1);
}

TEST(result_slot, keeps_a_value_until_the_last_ref_goes) {
  const auto seen = narke_test::new_traffic();
  int gone = 0;
  auto* slot = new open_slot<narke_test::tracked>{&gone};
  slot->emplace_from([&] { return narke_test::tracked{seen, 1}; });
  publish(*slot);
  slot->add_ref();
  slot->release_ref();
  EXPECT_EQ(gone, 0);
  slot->release_ref();
  EXPECT_EQ(gone, 1);
  EXPECT_EQ(seen->alive, 0);
}

TEST(result_slot, rethrows_the_error_with_its_type) {
  auto* slot = new open_slot<int>;
  slot->throw_if_failed();
  slot->set_error(std::make_exception_ptr(narke_test::odd_error{"no", 5}));
  publish(*slot);
  EXPECT_TRUE(slot->failed());
  EXPECT_EQ(narke_test::odd_code([&] { slot->throw_if_failed(); }), 5);
  slot->release_ref();
}

TEST(result_slot, stays_until_it_settles_when_it_was_closed_early) {
  int gone = 0;
  auto* slot = new open_slot<int>{&gone};
  slot->set_error(std::make_exception_ptr(std::runtime_error{"early"}));
  static_cast<void>(slot->close());
  EXPECT_TRUE(slot->is_ready());
  slot->release_ref();
  EXPECT_EQ(gone, 0) << "the body still runs";
  slot->settle();
  EXPECT_EQ(gone, 1);
}

TEST(result_slot, is_as_before_when_its_value_throws_while_it_is_made) {
  auto* slot = new open_slot<narke_test::throws_when_copied>;
  const narke_test::throws_when_copied original;
  EXPECT_EQ(narke_test::odd_code([&] {
              slot->emplace_from([&] { return narke_test::throws_when_copied(original); });
            }),
            7);
  EXPECT_FALSE(slot->is_ready());
  slot->set_error(std::make_exception_ptr(1));
  publish(*slot);
  slot->release_ref();
}

// A value that holds a ref whose value holds a ref …
struct link {
  object_ref<link> next;
};

TEST(result_slot, lets_a_chain_of_a_million_go_without_recursion) {
  object_ref<link> first;
  for (int i = 0; i != 1'000'000; ++i) {
    auto* slot = new open_slot<link>;
    slot->emplace_from([&] { return link{std::move(first)}; });
    slot->publish_unshared();
    first = ref_access::adopt<link>(*slot);
  }
  first = {};
}

// A value whose end lets another slot go in the middle of a release.
struct keeps_two {
  object_ref<int> a;
  object_ref<int> b;
};

TEST(result_slot, lets_all_go_that_a_value_holds) {
  int gone = 0;
  const auto make = [&] {
    auto* slot = new open_slot<int>{&gone};
    slot->emplace_from([] { return 0; });
    slot->publish_unshared();
    return ref_access::adopt<int>(*slot);
  };
  auto* slot = new open_slot<keeps_two>{&gone};
  slot->emplace_from([&] { return keeps_two{make(), make()}; });
  slot->publish_unshared();
  slot->release_ref();
  EXPECT_EQ(gone, 3);
}

TEST(result_slot_stress, each_dependent_is_on_the_list_or_refused) {
  constexpr int adders = 3;
  constexpr int each = 4;
  for (int round = 0; round != narke_test::stress_rounds(400); ++round) {
    auto* slot = new open_slot<int>;
    std::array<dependent, adders * each> entries;
    std::atomic<int> refused{0};
    int listed = 0;
    narke_test::on_threads(adders + 1, [&](int index) {
      if (index == adders) {
        slot->emplace_from([] { return 9; });
        for (dependent* entry = publish(*slot); entry != nullptr; entry = entry->next) ++listed;
        return;
      }
      for (int i = 0; i != each; ++i) {
        if (!slot->add_dependent(entries[static_cast<std::size_t>(index * each + i)])) {
          ++refused;
          ASSERT_EQ(slot->value(), 9) << "refused, so the value is there";
        }
      }
    });
    ASSERT_EQ(listed + refused, adders * each);
    slot->release_ref();
  }
}

TEST(result_slot_stress, the_value_goes_once_whoever_is_last) {
  const auto seen = narke_test::new_traffic();
  for (int round = 0; round != narke_test::stress_rounds(400); ++round) {
    int gone = 0;
    auto* slot = new open_slot<narke_test::tracked>{&gone};
    const auto shared = ref_access::adopt<narke_test::tracked>(*slot);
    std::array<object_ref<narke_test::tracked>, 3> own{shared, shared, shared};
    const_cast<object_ref<narke_test::tracked>&>(shared) = {};
    narke_test::on_threads(4, [&](int index) {
      if (index == 3) {
        slot->emplace_from([&] { return narke_test::tracked{seen, round}; });
        if (round % 2 == 0) {
          slot->settle();  // may be the last: not touched any more
          return;
        }
        dependent* first = nullptr;
        bool leaves_node = false;
        if (!slot->settle_and_close_alone(false) &&
            slot->settle_and_close(first, leaves_node) == result_slot::settled::unwanted) {
          slot->let_go_unwanted();
        }
        return;
      }
      auto& mine = own[static_cast<std::size_t>(index)];
      for (int i = 0; i != 20; ++i) {
        const auto copy = mine;
      }
      mine = {};
    });
    ASSERT_EQ(gone, 1);
    ASSERT_EQ(seen->alive, 0);
  }
}

}  // namespace
