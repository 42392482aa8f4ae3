// What the advisor finds in small programs that do it wrong, and that it finds nothing in those
// that do it right. Time decides nothing here: gates do, where what a rule asks for is time itself.
#include <support/runtime_fixture.hpp>

#include <gmock/gmock.h>

#include <set>
#include <string>
#include <thread>
#include <vector>

#include <nlohmann/json.hpp>

namespace {

using testing::HasSubstr;
using testing::IsEmpty;
using testing::UnorderedElementsAre;

std::set<std::string> codes() {
  std::set<std::string> all;
  for (const auto& each : narke::advice()) all.insert(each.code);
  return all;
}

class advice : public narke_test::two_cpus_test {};

int identity(int x) {
  return x;
}
// Longer than it takes to submit a task, in any build.
int some_work(int x) {
  unsigned seed = static_cast<unsigned>(x);
  for (int i = 0; i < 20'000; ++i) seed = seed * 1'664'525U + 1'013'904'223U;
  return static_cast<int>(seed % 1'000U);
}

TEST_F(advice, is_empty_at_first) {
  EXPECT_THAT(narke::advice(), IsEmpty());
}

TEST_F(advice, names_get_in_a_loop) {
  auto work = narke::task(some_work, {.name = "work"});
  unsigned line = 0;
  for (int i = 0; i < 20; ++i) {
    line = narke::source_location::current().line() + 1;
    narke::get(work.remote(i));
  }
  const auto found = narke::advice();
  ASSERT_EQ(found.size(), 1U);
  EXPECT_EQ(found[0].code, "get-in-loop");
  EXPECT_EQ(found[0].location.line(), line);
  EXPECT_THAT(found[0].location.file_name(), HasSubstr("advice_test.cpp"));
  EXPECT_GE(found[0].count, 8U);
  EXPECT_LE(found[0].count, 20U);
  EXPECT_THAT(found[0].message, HasSubstr("'work'"));
}

TEST_F(advice, has_none_for_get_at_the_end) {
  std::vector<narke::object_ref<int>> refs;
  for (int i = 0; i < 100; ++i) refs.push_back(narke::task(some_work).remote(i));
  narke::get(refs);
  for (auto& ref : refs) narke::get(ref);
  EXPECT_THAT(codes(), IsEmpty());
}

TEST_F(advice, has_none_for_a_loop_that_is_too_short_to_matter) {
  for (int i = 0; i < 7; ++i) narke::get(narke::task(some_work).remote(i));
  EXPECT_THAT(codes(), IsEmpty());
}

TEST_F(advice, has_none_for_gets_with_other_tasks_outstanding) {
  narke_test::gate hold;
  auto other = narke::task([wait = hold.waiter()] { wait(); }).remote();
  for (int i = 0; i < 20; ++i) narke::get(narke::task(some_work).remote(i));
  EXPECT_THAT(codes(), IsEmpty());
  hold.open();
  narke::get(other);
}

TEST_F(advice, has_none_for_tasks_that_use_the_machine_themselves) {
  const auto nested = [](int x) {
    auto first = narke::task(some_work).remote(x);
    auto second = narke::task(some_work).remote(x + 1);
    return narke::get(first) + narke::get(second);
  };
  for (int i = 0; i < 20; ++i) narke::get(narke::task(nested).remote(i));
  for (int i = 0; i < 20; ++i) narke::get(narke::task(some_work, {.num_cpus = 2}).remote(i));
  EXPECT_THAT(codes(), IsEmpty());
}

TEST_F(advice, has_none_for_a_chain_that_asks_for_its_end) {
  auto state = narke::task(some_work).remote(1);
  for (int i = 0; i < 20; ++i) {
    state = narke::task(some_work).remote(state);
    EXPECT_GE(narke::get(state), 0);
  }
  EXPECT_THAT(codes(), IsEmpty());
}

class counter {
 public:
  int add(int n) { return value_ += n; }

 private:
  int value_ = 0;
};

TEST_F(advice, has_none_for_calls_of_actors) {
  auto c = narke::actor<counter>().remote();
  for (int i = 0; i < 2'000; ++i) narke::get(c.task(&counter::add).remote(1));
  EXPECT_THAT(codes(), IsEmpty());
}

int fibonacci(int n) {
  if (n < 2) return n;
  auto one = narke::task(fibonacci).remote(n - 1);
  auto two = narke::task(fibonacci).remote(n - 2);
  return narke::get(one) + narke::get(two);
}
int fibonacci_half(int n) {
  if (n < 2) return n;
  auto one = narke::task(fibonacci_half).remote(n - 1);
  const int two = fibonacci_half(n - 2);
  return narke::get(one) + two;
}

TEST_F(advice, has_none_for_recursion) {
  EXPECT_EQ(narke::get(narke::task(fibonacci).remote(17)), 1'597);
  EXPECT_EQ(narke::get(narke::task(fibonacci_half).remote(17)), 1'597);
  const auto found = codes();
  EXPECT_THAT(found, IsEmpty());
}

TEST_F(advice, names_tasks_that_are_too_fine) {
  unsigned line = 0;
  std::vector<narke::object_ref<int>> refs;
  for (int i = 0; i < 20'000; ++i) {
    line = narke::source_location::current().line() + 1;
    refs.push_back(narke::task(identity, {.name = "tiny"}).remote(i));
  }
  narke::get(refs);
  const auto found = narke::advice();
  ASSERT_EQ(found.size(), 1U);
  EXPECT_EQ(found[0].code, "tasks-too-fine");
  EXPECT_EQ(found[0].count, 20'000U);
  EXPECT_EQ(found[0].location.line(), line);
  EXPECT_THAT(found[0].message, HasSubstr("'tiny'"));
}

TEST_F(advice, has_none_for_many_tasks_with_enough_to_do) {
  std::vector<narke::object_ref<int>> refs;
  for (int i = 0; i < 2'000; ++i) refs.push_back(narke::task(some_work).remote(i));
  narke::get(refs);
  EXPECT_THAT(codes(), IsEmpty());
}

double first_of(const std::vector<double>& values) {
  return values.front();
}
double first_of_own(std::vector<double> values) {
  return values.front();
}

TEST_F(advice, names_a_large_argument_that_is_handed_over_by_value) {
  const std::vector<double> values(200'000, 0.5);
  std::vector<narke::object_ref<double>> refs;
  for (int i = 0; i < 10; ++i) refs.push_back(narke::task(first_of_own).remote(values));
  narke::get(refs);
  const auto found = narke::advice();
  ASSERT_EQ(found.size(), 1U);
  EXPECT_EQ(found[0].code, "large-argument-copied");
  EXPECT_EQ(found[0].count, 10U);
  EXPECT_THAT(found[0].message, HasSubstr("15.3 MiB"));
}

TEST_F(advice, names_it_as_well_where_equal_bytes_are_shared) {
  const std::vector<double> values(200'000, 0.5);
  std::vector<narke::object_ref<double>> refs;
  for (int i = 0; i < 10; ++i) refs.push_back(narke::task(first_of).remote(values));
  narke::get(refs);
  EXPECT_THAT(codes(), UnorderedElementsAre("large-argument-copied"));
}

TEST_F(advice, has_none_for_a_value_that_is_put_or_given_away) {
  std::vector<double> values(200'000, 0.5);
  std::vector<narke::object_ref<double>> refs;
  for (int i = 0; i < 10; ++i) {
    refs.push_back(narke::task(first_of).remote(std::vector<double>(200'000, 0.5)));
  }
  auto stored = narke::put(std::move(values));
  for (int i = 0; i < 10; ++i) refs.push_back(narke::task(first_of).remote(stored));
  narke::get(refs);
  EXPECT_THAT(codes(), IsEmpty());
}

TEST_F(advice, has_none_for_a_buffer_that_is_filled_anew) {
  std::vector<double> buffer(200'000);
  std::vector<narke::object_ref<double>> refs;
  for (int i = 0; i < 10; ++i) {
    std::fill(buffer.begin(), buffer.end(), i);
    refs.push_back(narke::task(first_of).remote(buffer));
  }
  const auto firsts = narke::get(refs);
  for (int i = 0; i < 10; ++i) EXPECT_EQ(firsts[static_cast<std::size_t>(i)], i);
  EXPECT_THAT(codes(), IsEmpty());
}

int wait_if_first(const narke_test::gate::waiter_type& wait, const narke_test::tally& done, int x) {
  if (x == 0) {
    wait();
  } else {
    done.add();
  }
  return x;
}

// The results of ten tasks, of which the first is the last to end, in the order that `take` gives.
template <class Take>
void first_is_last(Take&& take) {
  narke_test::gate hold;
  const narke_test::tally done;
  std::vector<narke::object_ref<int>> refs;
  for (int i = 0; i < 10; ++i) {
    refs.push_back(narke::task(wait_if_first).remote(hold.waiter(), done, i));
  }
  done.wait_for(9);
  std::thread late{[&] {
    std::this_thread::sleep_for(std::chrono::milliseconds{100});
    hold.open();
  }};
  take(refs);
  late.join();
}

void some_pause() {
  std::this_thread::sleep_for(std::chrono::milliseconds{10});
}

TEST_F(advice, names_submission_order_where_the_thread_waits_with_work_at_hand) {
  first_is_last([](std::vector<narke::object_ref<int>>& refs) {
    for (auto& ref : refs) {
      narke::get(ref);
      some_pause();
    }
  });
  const auto found = narke::advice();
  ASSERT_EQ(found.size(), 1U);
  EXPECT_EQ(found[0].code, "results-in-submission-order");
  EXPECT_EQ(found[0].count, 10U);
}

TEST_F(advice, has_none_for_results_as_they_come) {
  first_is_last([](std::vector<narke::object_ref<int>>& refs) {
    for (auto& ref : narke::as_completed(refs)) {
      narke::get(ref);
      some_pause();
    }
  });
  first_is_last([](std::vector<narke::object_ref<int>> refs) {
    while (!refs.empty()) {
      auto [ready, rest] = narke::wait(refs);
      narke::get(ready[0]);
      refs = std::move(rest);
    }
  });
  EXPECT_THAT(codes(), IsEmpty());
}

TEST_F(advice, has_none_for_submission_order_where_nothing_is_done_in_between) {
  first_is_last([](std::vector<narke::object_ref<int>>& refs) {
    int sum = 0;
    for (auto& ref : refs) sum += narke::get(ref);
    EXPECT_EQ(sum, 45);
  });
  EXPECT_THAT(codes(), IsEmpty());
}

TEST_F(advice, names_get_on_arguments) {
  narke_test::gate hold;
  std::vector<narke::object_ref<int>> made;
  std::vector<narke::object_ref<int>> sums;
  const auto add_one = [](narke::object_ref<int> ref) { return narke::get(ref) + 1; };
  for (int i = 0; i < 10; ++i) {
    made.push_back(narke::task([wait = hold.waiter()](int x) {
                     wait();
                     return x;
                   }).remote(i));
  }
  for (auto& ref : made) sums.push_back(narke::task(add_one, {.name = "add one"}).remote(ref));
  hold.open();
  narke::get(sums);
  // Each has waited, or found its argument ready: eight of them are enough, one that waited too.
  const narke_test::tally held;
  narke_test::gate late;
  auto slow = narke::task([wait = late.waiter()] {
                wait();
                return 1;
              }).remote();
  auto waits = narke::task([held](narke::object_ref<int> ref) {
    held.add();
    return narke::get(ref);
  });
  sums.clear();
  for (int i = 0; i < 10; ++i) sums.push_back(waits.remote(slow));
  held.wait_for(10);
  late.open();
  narke::get(sums);
  EXPECT_THAT(codes(), testing::Contains("get-on-task-argument"));
}

TEST_F(advice, names_get_on_a_list_of_arguments) {
  narke_test::gate late;
  const narke_test::tally begun;
  const narke_test::tally busy;
  std::vector<narke::object_ref<int>> refs;
  for (int i = 0; i < 8; ++i) {
    refs.push_back(narke::task([busy, wait = late.waiter()] {
                     busy.add();
                     wait();
                     return 1;
                   }).remote());
  }
  busy.wait_for(2);  // no CPU is left to run one of them in place of waiting
  auto all = narke::task(
                 [begun](std::vector<narke::object_ref<int>> list) {
                   begun.add();
                   return narke::get(list).size();
                 },
                 {.num_cpus = 0})
                 .remote(refs);
  begun.wait_for(1);
  EXPECT_TRUE(narke_test::eventually(
      [&] { return narke::explain(all).find("RUNNING_IN_RAY_GET") != std::string::npos; }));
  late.open();
  EXPECT_EQ(narke::get(all), 8U);
  EXPECT_THAT(codes(), UnorderedElementsAre("get-on-task-argument"));
}

TEST_F(advice, has_none_for_arguments_that_are_values_or_taken_by_wait) {
  std::vector<narke::object_ref<int>> refs;
  for (int i = 0; i < 20; ++i) refs.push_back(narke::task(some_work).remote(i));
  auto gathered = narke::task([](const std::vector<int>& all) { return all.size(); }).remote(refs);
  auto taken = narke::task([](std::vector<narke::object_ref<int>> list) {
                 int sum = 0;
                 for (auto& ref : narke::as_completed(list)) sum += narke::get(ref);
                 return sum;
               }).remote(refs);
  EXPECT_EQ(narke::get(gathered), 20U);
  EXPECT_GE(narke::get(taken), 0);
  EXPECT_THAT(codes(), IsEmpty());
}

TEST_F(advice, names_too_many_pending_tasks) {
  narke_test::gate hold;
  std::vector<narke::object_ref<void>> refs;
  for (int i = 0; i < 103'000; ++i) {
    refs.push_back(narke::task([wait = hold.waiter()] {
                     wait();
                     some_work(1);
                   }).remote());
  }
  EXPECT_THAT(codes(), UnorderedElementsAre("too-many-pending-tasks"));
  hold.open();
  narke::shutdown();  // drops what has not begun
}

// They cannot run anyway, and who waits for them waits for the one.
TEST_F(advice, leaves_many_that_wait_for_a_result_alone) {
  narke_test::gate hold;
  const auto first = narke::task([wait = hold.waiter()] {
                       wait();
                       return 1;
                     }).remote();
  std::vector<narke::object_ref<int>> refs;
  for (int i = 0; i < 103'000; ++i) {
    refs.push_back(narke::task([](int x) { return some_work(x); }).remote(first));
  }
  EXPECT_THAT(codes(), IsEmpty());
  hold.open();
  narke::shutdown();  // drops what has not begun
}

class advice_life : public narke_test::runtime_test {};

void get_in_a_loop() {
  for (int i = 0; i < 20; ++i) narke::get(narke::task(some_work).remote(i));
}

TEST_F(advice_life, is_there_after_shutdown_and_gone_with_the_next_init) {
  start(2);
  get_in_a_loop();
  narke::shutdown();
  EXPECT_THAT(codes(), UnorderedElementsAre("get-in-loop"));
  start(2);
  EXPECT_THAT(codes(), IsEmpty());
}

TEST_F(advice_life, is_told_once_a_finding_at_shutdown) {
  start(2);
  get_in_a_loop();
  testing::internal::CaptureStderr();
  narke::shutdown();
  const std::string said = testing::internal::GetCapturedStderr();
  EXPECT_THAT(said, HasSubstr("get-in-loop"));
  EXPECT_THAT(said, HasSubstr("advice_test.cpp:"));
  EXPECT_EQ(std::count(said.begin(), said.end(), '\n'), 1) << said;
}

TEST_F(advice_life, can_be_turned_off) {
  narke::init({.num_cpus = 2, .advisor = false});
  get_in_a_loop();
  EXPECT_THAT(codes(), IsEmpty());
  testing::internal::CaptureStderr();
  narke::shutdown();
  EXPECT_EQ(testing::internal::GetCapturedStderr(), "");
}

TEST_F(advice_life, of_one_cpu_has_no_loop_of_gets) {
  start(1);
  get_in_a_loop();
  EXPECT_THAT(codes(), IsEmpty());
}

TEST_F(advice_life, stands_in_the_report) {
  start(2);
  get_in_a_loop();
  const auto report = nlohmann::json::parse(narke::report());
  ASSERT_EQ(report.at("advice").size(), 1U);
  EXPECT_EQ(report.at("advice")[0].at("code"), "get-in-loop");
  EXPECT_GE(report.at("advice")[0].at("count"), 8);
}

}  // namespace
