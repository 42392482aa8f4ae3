// Who is added while it ends, or after: what it has submitted is below it all the same.
#include "worker/cancel_tree.hpp"

#include <gtest/gtest.h>

#include <support/hooked_task.hpp>

#include <exception>
#include <stdexcept>

#include "worker/thread_state.hpp"

namespace narke::internal {
namespace {

using detail::task_state;

class cancel_tree_of : public testing::Test {
 protected:
  cancel_tree_of() {
    task.id = next_id();
    task.set_state(task_state::running);
  }
  ~cancel_tree_of() override {
    finishes();
    cancel_tree::forget(task);
    task.slot(0)->set_error(std::make_exception_ptr(std::runtime_error{"cancelled"}));
    EXPECT_TRUE(task.slot(0)->settle());
    EXPECT_EQ(task.slot(0)->close(), nullptr);
    task.release_ref();
  }
  void submits_another() { task.has_children = true; }
  void finishes() { task.set_state(task_state::finished); }
  [[nodiscard]] bool has_cancelled_children() const {
    return cancel_tree::is_below_cancelled(task.id);
  }

  narke_test::hooked_task& task = *new narke_test::hooked_task;
  narke::object_ref<int> ref = task.ref();
};

TEST_F(cancel_tree_of, a_task_that_runs_is_above_its_children) {
  cancel_tree::add(task);
  EXPECT_TRUE(has_cancelled_children());
  EXPECT_TRUE(cancel_tree::is_active());
}

TEST_F(cancel_tree_of, a_task_that_submitted_nothing_is_forgotten_at_its_end) {
  cancel_tree::add(task);
  finishes();
  cancel_tree::forget(task);
  EXPECT_FALSE(has_cancelled_children());
}

TEST_F(cancel_tree_of, a_task_that_submitted_others_is_kept_at_its_end) {
  submits_another();
  cancel_tree::add(task);
  finishes();
  cancel_tree::forget(task);
  EXPECT_TRUE(has_cancelled_children());
}

TEST_F(cancel_tree_of, a_parent_that_had_finished_before_it_was_added_is_kept) {
  submits_another();
  finishes();
  cancel_tree::forget(task);
  cancel_tree::add(task);
  EXPECT_TRUE(has_cancelled_children());
}

TEST_F(cancel_tree_of, a_finished_task_that_submitted_nothing_is_not_added) {
  finishes();
  cancel_tree::add(task);
  EXPECT_FALSE(has_cancelled_children());
}

}  // namespace
}  // namespace narke::internal
