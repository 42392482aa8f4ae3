// Who waits for memory and who is refused: by the new-handler, as operator new calls it.
#include "base/needed_memory.hpp"

#include <gtest/gtest.h>

#include <new>
#include <thread>

namespace narke::internal {
namespace {

int handler_calls = 0;

class needed_memory_test : public testing::Test {
 protected:
  static void SetUpTestSuite() {
    std::set_new_handler([] {
      ++handler_calls;
      throw std::bad_alloc{};
    });
    wait_for_needed_memory();
    wait_for_needed_memory();  // once is enough
  }
  void SetUp() override { handler_calls = 0; }
  static void find_no_memory() { std::get_new_handler()(); }
};

TEST_F(needed_memory_test, elsewhere_the_program_s_handler_decides) {
  EXPECT_THROW(find_no_memory(), std::bad_alloc);
  EXPECT_EQ(handler_calls, 1);
}

TEST_F(needed_memory_test, a_step_that_needs_it_tries_again_after_the_program_s_handler) {
  const memory_needed needed;
  EXPECT_NO_THROW(find_no_memory());
  EXPECT_NO_THROW(find_no_memory());
  EXPECT_EQ(handler_calls, 2);
}

TEST_F(needed_memory_test, the_users_part_of_a_step_is_refused) {
  const memory_needed needed;
  {
    const memory_refusable users;
    EXPECT_THROW(find_no_memory(), std::bad_alloc);
    const memory_needed inner;
    EXPECT_NO_THROW(find_no_memory());
  }
  EXPECT_NO_THROW(find_no_memory());
}

TEST_F(needed_memory_test, other_threads_are_refused) {
  const memory_needed needed;
  std::thread{[] { EXPECT_THROW(find_no_memory(), std::bad_alloc); }}.join();
}

TEST_F(needed_memory_test, the_need_ends_with_its_scope) {
  { const memory_needed needed; }
  EXPECT_THROW(find_no_memory(), std::bad_alloc);
}

}  // namespace
}  // namespace narke::internal
