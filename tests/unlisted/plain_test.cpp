// Tasks that are nothing but a body, in a program whose tasks are not listed: they take the short
// way, and their nodes end without their destructors where nothing is left to be destroyed.
#include "given_up.hpp"

#include <algorithm>
#include <array>
#include <atomic>
#include <chrono>
#include <memory>
#include <stdexcept>
#include <thread>
#include <utility>
#include <vector>

#include <support/values.hpp>

using narke::object_ref;
using narke_test::tracked;

namespace {

class plain_tasks : public narke_test::on_cpus_test {};
NARKE_ON_1_2_4_CPUS(plain_tasks);

TEST_P(plain_tasks, let_their_arguments_and_callables_go_when_they_end) {
  const auto of_argument = narke_test::new_traffic();
  const auto of_callable = narke_test::new_traffic();
  const auto of_value = narke_test::new_traffic();
  std::vector<object_ref<tracked>> refs;
  {
    const auto task = narke::task(
        [callable = tracked{of_callable, 1}, of_value](const tracked& given) {
          return tracked{of_value, callable.value + given.value};
        });
    for (int i = 0; i != 100; ++i) refs.push_back(task.remote(tracked{of_argument, i}));
    for (int i = 0; i != 100; ++i) EXPECT_EQ(narke::get(refs[std::size_t(i)]).value, i + 1);
  }
  // Another task of the same thread ends after what these let go.
  narke::shutdown();
  EXPECT_EQ(of_argument->alive, 0);
  EXPECT_EQ(of_callable->alive, 0);
  EXPECT_EQ(of_value->alive, 100);
  refs.clear();
  EXPECT_EQ(of_value->alive, 0);
}

TEST_P(plain_tasks, whose_refs_go_at_once_let_everything_go) {
  const auto seen = narke_test::new_traffic();
  std::atomic<int> ran{0};
  for (int i = 0; i != 2'000; ++i) {
    static_cast<void>(narke::task([&ran](tracked given) {
                        ++ran;
                        return given;
                      }).remote(tracked{seen, i}));
  }
  while (ran < 2'000) std::this_thread::yield();  // nobody waits for them, and none is lost
  narke::shutdown();
  EXPECT_EQ(ran, 2'000);
  EXPECT_EQ(seen->alive, 0);
}

TEST_P(plain_tasks, come_to_their_results_however_far_behind) {
  struct large {
    std::array<int, 200'000> all;
  };
  auto given = std::make_unique<large>();
  given->all.fill(3);
  const auto ref = narke::task([](const large& its) { return its.all[199'999]; }).remote(*given);
  EXPECT_EQ(narke::get(ref), 3);
}

TEST_P(plain_tasks, fail_and_leave_the_error_to_each_ref) {
  const auto task = narke::task([](int i) -> int {
    if (i % 3 == 0) throw std::out_of_range{"third"};
    return i;
  });
  std::vector<object_ref<int>> refs;
  for (int i = 0; i != 300; ++i) refs.push_back(task.remote(i));
  const std::vector<object_ref<int>> others = refs;
  for (int i = 0; i != 300; ++i) {
    const auto& ref = refs[std::size_t(i)];
    if (i % 3 == 0) {
      EXPECT_THROW(narke::get(ref), std::out_of_range);
    } else {
      EXPECT_EQ(narke::get(ref), i);
    }
  }
  refs.clear();
  EXPECT_THROW(narke::get(others[0]), std::out_of_range);
}

// An error that keeps the ref of another one, which failed with such an error …
struct linked_error {
  object_ref<int> cause;
};

TEST_P(plain_tasks, whose_errors_hold_each_other_go_without_recursion) {
  object_ref<int> last;
  for (int i = 0; i != 1'000'000; ++i) {
    narke::promise<int> failed;
    auto next = failed.ref();
    failed.set_exception(std::make_exception_ptr(linked_error{std::move(last)}));
    last = std::move(next);
  }
  const auto task = narke::task([](object_ref<int> cause) -> int {
    throw linked_error{std::move(cause)};
  });
  last = task.remote(std::move(last));
  EXPECT_THROW(narke::get(last), linked_error);
  last = {};
}

// A value that runs another task as it goes.
struct runs_another {
  explicit runs_another(std::atomic<int>& where) : ran{&where} {}
  runs_another(runs_another&& other) noexcept : ran{std::exchange(other.ran, nullptr)} {}
  ~runs_another() {
    if (ran != nullptr) {
      *ran += narke::get(narke::task([] { return 1; }).remote());
    }
  }
  std::atomic<int>* ran;
};

TEST_P(plain_tasks, whose_values_run_others_as_they_go) {
  std::atomic<int> ran{0};
  {
    std::vector<object_ref<runs_another>> refs;
    for (int i = 0; i != 200; ++i) {
      refs.push_back(narke::task([&ran] { return runs_another{ran}; }).remote());
      if (i % 2 == 0) refs.pop_back();  // it may go where the task ends
    }
    for (const auto& ref : refs) static_cast<void>(narke::get(ref));
  }
  while (ran < 200) std::this_thread::yield();
  narke::shutdown();
  EXPECT_EQ(ran, 200);
}

// Who gets them one by one is not woken for each, and looks from time to time instead.
TEST_P(plain_tasks, are_got_one_by_one_while_many_are_made) {
  const auto task = narke::task([](int i) {
    const auto end = std::chrono::steady_clock::now() + std::chrono::microseconds{10};
    while (std::chrono::steady_clock::now() < end) {
    }
    return i;
  });
  std::vector<object_ref<int>> refs;
  for (int i = 0; i != 3'000; ++i) refs.push_back(task.remote(i));
  for (int i = 0; i != 3'000; ++i) ASSERT_EQ(narke::get(refs[std::size_t(i)]), i);
}

class plain_tasks_alone : public narke_test::one_cpu_test {};

TEST_F(plain_tasks_alone, from_one_thread_all_run_however_many_wait) {
  std::atomic<bool> may_begin{false};
  const auto gate = narke::task([&may_begin] {
                      while (!may_begin) std::this_thread::yield();
                    }).remote();
  std::vector<int> order;
  std::vector<object_ref<void>> refs;
  const auto task = narke::task([&order](int i) { order.push_back(i); });
  for (int i = 0; i != 5'000; ++i) refs.push_back(task.remote(i));
  may_begin = true;
  narke::get(refs);
  narke::get(gate);
  ASSERT_EQ(order.size(), 5'000U);
  std::vector<bool> seen(order.size());
  int behind = 0;  // by how much a task ran later than its place
  for (std::size_t at = 0; at != order.size(); ++at) {
    seen.at(std::size_t(order[at])) = true;
    behind = std::max(behind, int(at) - order[at]);
  }
  EXPECT_EQ(std::count(seen.begin(), seen.end(), true), 5'000);
  EXPECT_LE(behind, 200) << "the oldest are looked for all the time";
}

}  // namespace
