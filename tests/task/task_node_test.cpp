#include <gtest/gtest.h>

#include <atomic>
#include <stdexcept>

#include <narke/detail/task_info_ref.hpp>
#include <narke/options.hpp>
#include <support/hooked_task.hpp>
#include <support/stress_rounds.hpp>
#include <support/values.hpp>
#include <support/watchdog.hpp>
#include <task/open_slot.hpp>
#include <task/task_info.hpp>

namespace {

using narke::detail::dependent;
using narke::detail::result_slot;
using narke::detail::task_state;
using narke_test::hooked_task;
using narke_test::open_slot;

// Both references of a task that was never given to a runtime.
void drop(hooked_task& task) {
  task.fail(std::make_exception_ptr(1));
  task.slot(0)->settle();
  static_cast<void>(task.slot(0)->close());
  task.ref() = {};
  task.release_ref();
}

TEST(task_node, is_claimed_once) {
  auto* task = new hooked_task;
  EXPECT_EQ(task->state(), task_state::submitted);
  task->set_state(task_state::ready);
  EXPECT_FALSE(task->claim(task_state::waiting));
  EXPECT_TRUE(task->claim(task_state::ready));
  EXPECT_FALSE(task->claim(task_state::ready));
  EXPECT_EQ(task->state(), task_state::claimed);
  drop(*task);
}

TEST(task_node, is_not_made_ready_once_it_was_claimed_while_it_waited) {
  auto* task = new hooked_task;
  task->set_state(task_state::waiting);
  EXPECT_TRUE(task->claim(task_state::waiting));
  EXPECT_FALSE(task->make_ready());
  drop(*task);
}

TEST(task_node, is_gone_with_its_last_reference) {
  int gone = 0;
  auto* task = new hooked_task{{.gone = [&] { ++gone; }}};
  task->add_ref();
  drop(*task);
  EXPECT_EQ(gone, 0);
  task->release_ref();
  EXPECT_EQ(gone, 1);
}

TEST(task_node, its_result_keeps_it) {
  int gone = 0;
  auto* task = new hooked_task{{.gone = [&] { ++gone; }}};
  auto ref = task->ref();
  task->invoke();
  task->slot(0)->settle();
  static_cast<void>(task->slot(0)->close());
  task->release_ref();
  EXPECT_EQ(gone, 0);
  EXPECT_EQ(narke::detail::ref_access::typed<int>(*task->slot(0)).value(), 7);
  ref = {};
  EXPECT_EQ(gone, 1);
}

TEST(task_node, the_body_has_its_outcome_when_nothing_may_end_it_early) {
  auto* task = new hooked_task;
  EXPECT_TRUE(task->body_has_outcome());
  EXPECT_TRUE(task->body_has_outcome());
  drop(*task);
}

TEST(task_node, an_early_outcome_comes_too_late_after_the_body) {
  auto* task = new hooked_task;
  task->may_end_early = true;
  EXPECT_TRUE(task->body_has_outcome());
  EXPECT_FALSE(task->take_outcome_early());
  EXPECT_TRUE(task->body_has_outcome()) << "it may ask again";
  drop(*task);
}

TEST(task_node, the_body_comes_too_late_after_an_early_outcome) {
  auto* task = new hooked_task;
  task->may_end_early = true;
  EXPECT_TRUE(task->take_outcome_early());
  EXPECT_FALSE(task->take_outcome_early());
  EXPECT_FALSE(task->body_has_outcome());
  EXPECT_FALSE(task->body_has_outcome());
  drop(*task);
}

TEST(task_node, waits_for_every_open_slot_and_its_submitter) {
  auto* one = new open_slot<int>;
  auto* two = new open_slot<int>;
  auto* there = new open_slot<int>;
  there->emplace_from([] { return 0; });
  there->publish_unshared();
  auto* task = new hooked_task{{.arguments = {one, there, two}}};
  EXPECT_FALSE(task->end_registration(task->register_dependencies())) << "the submitter is done";
  for (auto* slot : {one, two}) {
    slot->emplace_from([] { return 0; });
    slot->settle();
    dependent* list = slot->close();
    ASSERT_NE(list, nullptr);
    EXPECT_EQ(list->waiting, task);
    EXPECT_EQ(list->waiting->one_ready(), slot == two);
  }
  drop(*task);
  for (auto* slot : {one, two, there}) slot->release_ref();
}

TEST(task_node, names_the_first_argument_that_failed) {
  std::vector<result_slot*> slots;
  for (int i = 0; i != 3; ++i) {
    auto* slot = new open_slot<int>;
    if (i != 0) slot->set_error(std::make_exception_ptr(narke_test::odd_error{"", i}));
    slot->publish_unshared();
    slots.push_back(slot);
  }
  auto* task = new hooked_task{{.arguments = slots}};
  EXPECT_EQ(task->first_failed_argument(), nullptr) << "they are not looked at before one is noted";
  task->note_argument(true);
  EXPECT_EQ(
      narke_test::odd_code([&] { std::rethrow_exception(task->first_failed_argument()); }), 1);
  drop(*task);
  for (auto* slot : slots) slot->release_ref();
}

TEST(task_node, is_called_by_its_name_else_by_its_place) {
  auto* task = new hooked_task;
  task->location = narke::source_location::current();
  const auto line = task->location.line();
  EXPECT_EQ(narke::internal::plain_name(*task), "task_node_test.cpp:" + std::to_string(line));
  narke::detail::task_info_ref info{{.name = "blur"}};
  narke::detail::add_ref(*info.get());
  task->info = info.get();
  EXPECT_EQ(narke::internal::plain_name(*task), "blur");
  EXPECT_EQ(narke::internal::display_name(*task), "task 'blur'");
  drop(*task);
}

struct alignas(256) page {
  char bytes[256];
};

TEST(task_node, has_the_alignment_that_its_result_needs) {
  auto make = [] { return page{}; };
  using holder = narke::detail::owned_callable<decltype(make)>;
  auto* task = new narke::detail::task_impl<holder, 0>{make};
  EXPECT_EQ(reinterpret_cast<std::uintptr_t>(task) % alignof(page), 0U);
  auto ref = task->make_refs();
  task->invoke();
  task->slot(0)->settle();
  static_cast<void>(task->slot(0)->close());
  task->release_ref();
  const auto& value = narke::detail::ref_access::typed<page>(
      *narke::detail::ref_access::slot(ref)).value();
  EXPECT_EQ(reinterpret_cast<std::uintptr_t>(&value) % alignof(page), 0U);
}

TEST(task_node_stress, one_of_many_claims_it) {
  for (int round = 0; round != narke_test::stress_rounds(200); ++round) {
    auto* task = new hooked_task;
    task->set_state(task_state::waiting);
    std::atomic<int> winners{0};
    narke_test::on_threads(3, [&](int index) {
      // One makes it ready, two take it from either state.
      if (index == 0) {
        static_cast<void>(task->make_ready());
      } else if (task->claim(task_state::waiting) || task->claim(task_state::ready)) {
        ++winners;
      }
    });
    ASSERT_LE(winners, 1);
    ASSERT_EQ(winners == 1, task->state() == task_state::claimed);
    drop(*task);
  }
}

TEST(task_node_stress, one_of_body_and_killer_has_the_outcome) {
  for (int round = 0; round != narke_test::stress_rounds(200); ++round) {
    auto* task = new hooked_task;
    task->may_end_early = true;
    std::atomic<int> winners{0};
    narke_test::on_threads(3, [&](int index) {
      winners += (index == 0 ? task->body_has_outcome() : task->take_outcome_early()) ? 1 : 0;
    });
    ASSERT_EQ(winners, 1);
    drop(*task);
  }
}

TEST(task_node_stress, one_of_the_producers_takes_the_last_argument) {
  for (int round = 0; round != narke_test::stress_rounds(300); ++round) {
    std::vector<result_slot*> slots;
    for (int i = 0; i != 3; ++i) slots.push_back(new open_slot<int>);
    auto* task = new hooked_task{{.arguments = slots}};
    std::atomic<int> last{0};
    narke_test::on_threads(4, [&](int index) {
      if (index == 3) {
        last += task->end_registration(task->register_dependencies()) ? 1 : 0;
        return;
      }
      auto& slot = static_cast<open_slot<int>&>(*slots[static_cast<std::size_t>(index)]);
      slot.emplace_from([] { return 0; });
      slot.settle();
      for (dependent* entry = slot.close(); entry != nullptr; entry = entry->next) {
        last += entry->waiting->one_ready() ? 1 : 0;
      }
    });
    ASSERT_EQ(last, 1);
    drop(*task);
    for (auto* slot : slots) slot->release_ref();
  }
}

}  // namespace
