// co_await of a ref that is given up, in a program whose tasks are not listed: the task runs in
// place, to its end or its first co_await, and nobody else has to do with it. Unless its body sees
// to that.
#include "given_up.hpp"

#include <stdexcept>
#include <utility>
#include <vector>

using narke::co_task;
using narke::object_ref;
using narke_test::in_task;

namespace {

class co_given_up : public narke_test::on_cpus_test {};
NARKE_ON_1_2_4_CPUS(co_given_up);

class co_given_up_alone : public narke_test::one_cpu_test {};

co_task<long> fibonacci(int n) {
  if (n < 2) co_return n;
  auto one = narke::task(fibonacci).remote(n - 1);
  const long other = co_await fibonacci(n - 2);
  co_return co_await std::move(one) + other;
}

TEST_P(co_given_up, in_recursion) {
  for (int i = 0; i != 20; ++i) {
    EXPECT_EQ(narke::get(narke::task(fibonacci).remote(15)), 610);
  }
}

co_task<int> awaits(object_ref<int> ref) {
  co_return co_await ref;
}

// Each of a chain suspends in place of the one that awaits it, which then suspends in turn.
co_task<int> chain(int n, object_ref<int> last) {
  if (n == 0) co_return co_await last;
  auto next = narke::task(chain).remote(n - 1, last);
  co_return 1 + co_await std::move(next);
}

TEST_P(co_given_up, may_suspend_where_it_was_begun_in_place) {
  for (int i = 0; i != 20; ++i) {
    narke::promise<int> last;
    auto first = narke::task(chain).remote(30, last.ref());
    if (i % 2 == 0) {
      EXPECT_THROW(narke::get(first, std::chrono::milliseconds{2}), narke::get_timeout_error);
    }
    last.set_value(12);
    EXPECT_EQ(narke::get(std::move(first)), 42);
  }
}

TEST_P(co_given_up, fails_where_it_is_awaited_and_leaves_the_ref) {
  EXPECT_TRUE(in_task([]() -> co_task<bool> {
    auto ref = narke::task([]() -> co_task<int> {
                 throw std::out_of_range{"here"};
                 co_return 0;
               }).remote();
    for (int i = 0; i != 2; ++i) {
      try {
        co_await std::move(ref);
        co_return false;
      } catch (const std::out_of_range&) {
      }
    }
    co_return bool{ref};
  }));
}

TEST_F(co_given_up_alone, keeps_the_value_for_a_copy_that_the_body_made) {
  EXPECT_EQ(in_task([]() -> co_task<int> {
              object_ref<int> given;
              object_ref<int> copy;
              given = narke::task([&]() -> co_task<int> {
                        copy = given;
                        co_return 6;
                      }).remote();
              const int value = co_await std::move(given);
              co_return value * 10 + co_await copy;
            }),
            66);
}

TEST_F(co_given_up_alone, resumes_who_began_to_wait_for_it_in_the_body) {
  EXPECT_EQ(in_task([]() -> co_task<int> {
              object_ref<int> given;
              object_ref<int> next;
              given = narke::task([&]() -> co_task<int> {
                        next = narke::task(awaits).remote(given);
                        co_return 6;
                      }).remote();
              const int value = co_await std::move(given);
              co_return value * 10 + co_await std::move(next);
            }),
            66);
}

TEST_F(co_given_up_alone, fails_when_the_body_asked_itself_to_stop) {
  EXPECT_THROW(in_task([]() -> co_task<int> {
                 object_ref<int> given;
                 given = narke::task([&]() -> co_task<int> {
                           narke::cancel(given);
                           co_return narke::stop_requested() ? 1 : 0;
                         }).remote();
                 co_return co_await std::move(given);
               }),
               narke::task_cancelled_error);
}

// Of one that suspended in place others get hold: here by a cancel from above.
TEST_P(co_given_up, ends_with_the_task_that_awaits_it) {
  narke::promise<int> never;
  narke_test::tally begun;
  auto outer = narke::task([=](object_ref<int> last) -> co_task<int> {
    auto inner = narke::task([=](object_ref<int> ref) -> co_task<int> {
                   begun.add();
                   co_return co_await ref;
                 }).remote(last);
    co_return co_await std::move(inner);
  }).remote(never.ref());
  ASSERT_TRUE(narke_test::eventually([&] { return begun.value() == 1; }));
  narke::cancel(outer, {.recursive = true});
  EXPECT_THROW(narke::get(outer), narke::task_cancelled_error);
}

}  // namespace
