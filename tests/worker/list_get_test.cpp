// get of a list: the thread sleeps for the last of many, and is told of failures.
#include "pool_fixture.hpp"

#include <memory>
#include <stdexcept>
#include <string>
#include <thread>

#include "worker/failure_watch.hpp"

using namespace std::chrono_literals;
using narke_test::gate;

namespace {

class list_get : public narke_test::pool_test {};

std::vector<narke::object_ref<int>> twenty(const gate& held, int failing) {
  std::vector<narke::object_ref<int>> refs;
  for (int i = 0; i != 20; ++i) {
    refs.push_back(narke::task([i, failing, wait = held.waiter()] {
                     if (i == failing) throw std::runtime_error{"of " + std::to_string(i)};
                     if (i > failing) wait();
                     return i;
                   }).remote());
  }
  return refs;
}

std::string error_of(const std::vector<narke::object_ref<int>>& refs) {
  try {
    static_cast<void>(narke::get(refs));
  } catch (const std::exception& error) {
    return error.what();
  }
  return {};
}

TEST_F(list_get, throws_what_failed_while_later_ones_run) {
  start(4);
  for (const int failing : {0, 3, 19}) {
    gate held;
    const auto refs = twenty(held, failing);
    EXPECT_NE(error_of(refs).find("of " + std::to_string(failing)), std::string::npos);
    if (failing != 19) {
      EXPECT_FALSE(narke::is_ready(refs.back()));
    }
    held.open();
    static_cast<void>(narke::wait(refs, {.num_returns = 20}));
  }
}

// A failure behind what is still running: the first in order is not known yet.
TEST_F(list_get, waits_for_those_before_the_one_that_failed) {
  start(3);
  gate first;
  gate second;
  std::vector<narke::object_ref<int>> refs;
  refs.push_back(narke::task([wait = first.waiter()]() -> int {
                   wait();
                   throw std::runtime_error{"of the first"};
                 }).remote());
  for (int i = 0; i != 12; ++i) {
    refs.push_back(narke::task([i]() -> int {
                     if (i == 6) throw std::runtime_error{"of a later one"};
                     return i;
                   }).remote());
  }
  refs.push_back(narke::task([wait = second.waiter()] {
                   wait();
                   return 1;
                 }).remote());
  std::jthread opens{[&] {
    EXPECT_TRUE(narke_test::eventually([&] { return narke::is_ready(refs[12]); }));
    std::this_thread::sleep_for(5ms);
    first.open();
  }};
  EXPECT_NE(error_of(refs).find("of the first"), std::string::npos);
  second.open();
  static_cast<void>(narke::wait(refs, {.num_returns = 14}));
}

TEST_F(list_get, is_not_ended_by_failures_of_others) {
  start(2);
  gate held;
  std::vector<narke::object_ref<int>> refs;
  for (int i = 0; i != 30; ++i) {
    refs.push_back(narke::task([i, wait = held.waiter()] {
                     wait();
                     return i;
                   }).remote());
  }
  std::jthread fails{[&] {
    for (int i = 0; i != 100; ++i) {
      narke::internal::failure_watcher::tell_all();
      std::this_thread::sleep_for(100us);
    }
    held.open();
  }};
  const std::vector<int> all = narke::get(refs);
  ASSERT_EQ(all.size(), 30U);
  EXPECT_EQ(all[29], 29);
}

TEST_F(list_get, with_a_time_limit_ends_in_time) {
  start(1);
  gate held;
  std::vector<narke::object_ref<int>> refs;
  for (int i = 0; i != 30; ++i) {
    refs.push_back(narke::task([wait = held.waiter()] {
                     wait();
                     return 1;
                   }).remote());
  }
  EXPECT_THROW(static_cast<void>(narke::get(refs, 10ms)), narke::get_timeout_error);
  held.open();
  EXPECT_EQ(narke::get(refs).size(), 30U);
}

TEST_F(list_get, counts_what_failed) {
  start(1);
  const std::uint64_t before = narke::internal::failure_watcher::failures();
  EXPECT_FALSE(
      error_of({narke::task([]() -> int { throw std::runtime_error{"it"}; }).remote()}).empty());
  EXPECT_TRUE(narke_test::eventually(
      [&] { return narke::internal::failure_watcher::failures() == before + 1; }));
}

// It failed without anybody else who could have known: a get that gave the ref up ran it.
TEST_F(list_get, throws_what_failed_in_a_get_before) {
  start(1);
  gate held;
  auto later = narke::task([wait = held.waiter()] {
                 wait();
                 return 1;
               }, {.num_cpus = 0}).remote();
  const auto never = std::make_shared<gate>();
  auto last = narke::task([wait = never->waiter()] {
                wait();
                return 1;
              }, {.num_cpus = 0}).remote();
  auto in_task = narke::task([later, last] {
                   auto fails = narke::task([]() -> int {
                                  throw std::runtime_error{"nobody knows"};
                                }).remote();
                   EXPECT_THROW(narke::get(std::move(fails)), std::runtime_error);
                   EXPECT_TRUE(fails);  // NOLINT: a get that throws leaves its ref
                   std::vector<narke::object_ref<int>> refs{later, fails};
                   refs.resize(20, last);
                   return error_of(refs);
                 }).remote();
  std::this_thread::sleep_for(5ms);
  held.open();
  EXPECT_NE(narke::get(in_task).find("nobody knows"), std::string::npos);
  never->open();
  EXPECT_EQ(narke::get(last), 1);
}

// Part by part: those of a long list, of which some run here, some are there and some sleep.
TEST_F(list_get, of_a_long_list_has_all_in_order) {
  start(2);
  for (const int size : {1, 9, 256, 257, 512, 513, 5'000}) {
    std::vector<narke::object_ref<int>> refs;
    for (int i = 0; i != size; ++i) {
      refs.push_back(narke::task([i] { return i; }).remote());
    }
    const std::vector<int> all = narke::get(refs);
    ASSERT_EQ(all.size(), static_cast<std::size_t>(size));
    for (int i = 0; i != size; ++i) ASSERT_EQ(all[static_cast<std::size_t>(i)], i);
    const std::vector<int> given_up = narke::get(std::move(refs));
    EXPECT_EQ(given_up, all);
  }
}

// The failure comes while the thread goes to sleep.
TEST_F(list_get, loses_no_failure) {
  start(3);
  for (int round = 0; round != narke_test::stress_rounds(500); ++round) {
    gate held;
    std::vector<narke::object_ref<int>> refs;
    for (int i = 0; i != 10; ++i) {
      refs.push_back(narke::task([i] { return i; }).remote());
    }
    gate fails;
    refs.push_back(narke::task([wait = fails.waiter()]() -> int {
                     wait();
                     throw std::runtime_error{"it does"};
                   }).remote());
    refs.push_back(narke::task([wait = held.waiter()] {
                     wait();
                     return 1;
                   }).remote());
    std::jthread opens{[&] { fails.open(); }};
    EXPECT_NE(error_of(refs).find("it does"), std::string::npos);
    held.open();
    EXPECT_EQ(narke::get(refs.back()), 1);
  }
}

}  // namespace
