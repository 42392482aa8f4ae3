// The steps of a task that are the same in every lane.
#include <worker/pool_fixture.hpp>

#include <stdexcept>
#include <string>

namespace {

using narke::detail::result_slot;
using narke::detail::task_lane;
using narke::detail::task_node;
using narke::detail::task_state;
using narke_test::hooked_task;

struct view {
  bool came = false;
  bool was_ready = false;
  bool had_failed = false;
  bool was_last_ref = false;
};

// What publish tells a dependent at once, on the producer's thread, with nothing else going on.
class publishing : public narke_test::pool_test {
 protected:
  void SetUp() override {
    seen = {};
    narke::internal::the_actor_hooks.call_is_ready = [](task_node& node) noexcept {
      node.visit_arguments(
          [](void*, const result_slot& slot) {
            seen = {true, slot.is_ready(), slot.failed(), slot.is_last_ref()};
            return true;
          },
          nullptr);
      EXPECT_TRUE(node.claim(task_state::ready));
      narke::internal::finish_with_error(node, std::make_exception_ptr(1));
      node.release_ref();
    };
    start(1);
  }
  void TearDown() override {
    pool_test::TearDown();
    narke::internal::the_actor_hooks = {};
  }
  // A call that waits for the result of a task, of which nobody else has a ref.
  template <class Body>
  static void make_dependent_of(Body body) {
    narke_test::gate opened;
    auto source = narke::task([body, wait = opened.waiter()] {
                    wait();
                    return body();
                  }).remote();
    narke_test::tally gone;
    auto* call = new hooked_task{{.gone = [gone] { gone.add(); },
                                  .arguments = {narke::detail::ref_access::slot(source)}}};
    call->ref() = {};
    narke::internal::submit_node(*call, task_lane::actor_call);
    source = {};
    opened.open();
    gone.wait_for(1);
  }

  static inline view seen;
};

TEST_F(publishing, a_dependent_that_has_the_last_ref_knows_it) {
  make_dependent_of([] { return 1; });
  EXPECT_TRUE(seen.came);
  EXPECT_TRUE(seen.was_ready);
  EXPECT_FALSE(seen.had_failed);
  EXPECT_TRUE(seen.was_last_ref) << "the producer's own hold does not count";
}

TEST_F(publishing, a_dependent_of_a_failure_sees_the_error) {
  make_dependent_of([]() -> int { throw std::runtime_error{"no"}; });
  EXPECT_TRUE(seen.came);
  EXPECT_TRUE(seen.had_failed);
}

TEST_F(publishing, a_task_that_was_claimed_by_another_is_left_to_him) {
  const narke_test::busy_workers busy{1};
  auto ref = narke::task([] { return 1; }).remote();
  auto* node = narke::detail::ref_access::slot(ref)->producer();
  ASSERT_TRUE(node->claim(task_state::ready));
  EXPECT_FALSE(narke::internal::try_run_in_place(*narke::detail::ref_access::slot(ref)));
  narke::internal::finish_with_error(*node, std::make_exception_ptr(narke::error{"taken"}));
  EXPECT_THROW(narke::get(ref), narke::error);
}

TEST_F(publishing, an_early_error_is_there_while_the_body_runs_and_stays) {
  narke_test::gate opened;
  const narke_test::tally begun;
  auto* node = new hooked_task{{.invoke = [begun, wait = opened.waiter()] {
    begun.add();
    wait();
  }}};
  node->may_end_early = true;
  auto ref = node->ref();
  narke::internal::submit_node(*node, task_lane::fast);
  begun.wait_for(1);
  node->add_ref();
  narke::internal::publish_early(*node, std::make_exception_ptr(narke::error{"early"}));
  EXPECT_TRUE(narke::is_ready(ref));
  EXPECT_THROW(narke::get(ref), narke::error);
  opened.open();
  expect_idle();
  EXPECT_THROW(narke::get(ref), narke::error);
  node->release_ref();
}

class one_error : public narke_test::pool_test {};

// Each rethrows the same exception object; the last to let it go destroys it.
TEST_F(one_error, is_read_by_many_threads_at_once) {
  start(2);
  for (int round = 0; round != narke_test::stress_rounds(100); ++round) {
    auto failed = narke::task([round]() -> int {
                    throw std::runtime_error{"round " + std::to_string(round)};
                  }).remote();
    std::vector<narke::object_ref<int>> refs(3, failed);
    failed = {};
    narke_test::on_threads(3, [&](int index) {
      try {
        narke::get(std::move(refs[static_cast<std::size_t>(index)]));
        ADD_FAILURE() << "it has failed";
      } catch (const std::runtime_error& caught) {
        refs[static_cast<std::size_t>(index)] = {};
        EXPECT_EQ(caught.what(), "round " + std::to_string(round));
      }
    });
  }
}

}  // namespace
