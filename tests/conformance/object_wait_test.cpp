// wait and as_completed.
#include <support/runtime_fixture.hpp>
#include <support/values.hpp>

#include <deque>
#include <string>
#include <thread>

using namespace std::chrono_literals;
using narke_test::gate;
using narke_test::move_only;

namespace {

using refs_type = std::vector<narke::object_ref<int>>;
using refs_of_vectors = std::vector<narke::object_ref<std::vector<int>>>;

class object_wait : public narke_test::on_cpus_test {};
NARKE_ON_1_2_4_CPUS(object_wait);

/// Tasks 0 … count-1, each of which ends when it is told to, and gives its number.
class held_tasks {
 public:
  explicit held_tasks(int count) : gates_(count) {
    for (int i = 0; i < count; ++i) {
      refs.push_back(narke::task([i, wait = gates_[i].waiter()] {
                       wait();
                       return i;
                     }, {.num_cpus = 0}).remote());
    }
  }

  void finish(int i) {
    gates_[i].open();
    narke::get(refs[i]);
  }

  /// Lets task `i` end without waiting for it.
  void open(int i) { gates_[i].open(); }

  refs_type refs;

 private:
  std::deque<gate> gates_;
};

TEST_P(object_wait, gives_both_lists_in_input_order) {
  held_tasks tasks{5};
  tasks.finish(3);
  tasks.finish(1);
  const auto [ready, not_ready] = narke::wait(tasks.refs, {.num_returns = 2});
  EXPECT_EQ(ready, (refs_type{tasks.refs[1], tasks.refs[3]}));
  EXPECT_EQ(not_ready, (refs_type{tasks.refs[0], tasks.refs[2], tasks.refs[4]}));
}

TEST_P(object_wait, gives_at_most_num_returns_though_more_are_ready) {
  held_tasks tasks{4};
  tasks.finish(3);
  tasks.finish(1);
  tasks.finish(2);
  const auto result = narke::wait(tasks.refs, {.num_returns = 2});
  EXPECT_EQ(result.ready, (refs_type{tasks.refs[1], tasks.refs[2]}));
  EXPECT_EQ(result.not_ready, (refs_type{tasks.refs[0], tasks.refs[3]}));
}

TEST_P(object_wait, waits_for_one_by_default) {
  held_tasks tasks{3};
  std::jthread opener{[&] { tasks.open(2); }};
  const auto result = narke::wait(tasks.refs);
  EXPECT_EQ(result.ready, refs_type{tasks.refs[2]});
  EXPECT_EQ(result.not_ready.size(), 2U);
}

TEST_P(object_wait, without_time_limit_waits_for_all_it_was_asked_for) {
  held_tasks tasks{3};
  std::jthread opener{[&] {
    for (const int i : {2, 0, 1}) tasks.finish(i);
  }};
  const auto result = narke::wait(tasks.refs, {.num_returns = tasks.refs.size()});
  EXPECT_EQ(result.ready, tasks.refs);
  EXPECT_TRUE(result.not_ready.empty());
}

TEST_P(object_wait, with_a_time_limit_gives_what_there_is) {
  held_tasks tasks{3};
  EXPECT_TRUE(narke::wait(tasks.refs, {.timeout = 0s}).ready.empty());
  EXPECT_EQ(narke::wait(tasks.refs, {.timeout = 1ms}).not_ready, tasks.refs);
  tasks.finish(1);
  EXPECT_EQ(narke::wait(tasks.refs, {.timeout = 0s}).ready, refs_type{tasks.refs[1]});
  const auto late = narke::wait(tasks.refs, {.num_returns = 2, .timeout = 1ms});
  EXPECT_EQ(late.ready, refs_type{tasks.refs[1]});
  EXPECT_EQ(late.not_ready.size(), 2U);
  const auto fine = std::chrono::duration<float, std::micro>{10};
  EXPECT_EQ(narke::wait(tasks.refs, {.num_returns = 3, .timeout = fine}).ready.size(), 1U);
}

TEST_P(object_wait, counts_a_failed_task_as_ready) {
  auto failed = narke::task([]() -> int { throw narke_test::odd_error{"odd", 1}; }).remote();
  const auto result = narke::wait(refs_type{failed});
  EXPECT_EQ(result.ready, refs_type{failed});
}

TEST_P(object_wait, of_an_empty_list_gives_two_empty_lists) {
  const auto result = narke::wait(refs_type{});
  EXPECT_TRUE(result.ready.empty());
  EXPECT_TRUE(result.not_ready.empty());
  EXPECT_TRUE(narke::wait(refs_type{}, {.num_returns = 5, .timeout = 0s}).ready.empty());
}

TEST_P(object_wait, refuses_duplicates_and_bad_counts) {
  const auto one = narke::put(1);
  const auto two = narke::put(2);
  const auto bad = [](const refs_type& refs, const narke::wait_options& options) {
    EXPECT_THROW(narke::wait(refs, options), std::invalid_argument);
  };
  bad({one, one}, {});
  bad({one, two, one}, {.num_returns = 2, .timeout = 0s});
  bad({one, two}, {.num_returns = 0});
  bad({one, two}, {.num_returns = -1});
  bad({one, two}, {.num_returns = 3});
  bad({one, two}, {.timeout = -1s});
  std::vector<narke::object_ref<void>> mixed{one, narke::put(std::string{}), one};
  EXPECT_THROW(narke::wait(mixed), std::invalid_argument);
}

TEST_P(object_wait, refuses_duplicates_that_come_into_what_a_wait_left_over) {
  refs_type refs;
  for (int i = 0; i != 20; ++i) refs.push_back(narke::put(i));
  auto left = narke::wait(refs).not_ready;
  auto changed = left;
  changed.at(3) = changed.at(4);
  EXPECT_THROW(narke::wait(changed), std::invalid_argument);
  changed = left;
  changed.at(1) = changed.at(5);  // as far to one side as the next to the other
  changed.at(9) = changed.at(5);
  EXPECT_THROW(narke::wait(changed), std::invalid_argument);
  left.push_back(left.front());
  EXPECT_THROW(narke::wait(left), std::invalid_argument);
  left.pop_back();
  EXPECT_EQ(narke::get(narke::wait(left, {.num_returns = 3}).ready), (std::vector{1, 2, 3}));
}

TEST_P(object_wait, takes_out_refs_from_anywhere_in_the_list) {
  held_tasks tasks{4};
  const refs_type refs{narke::put(10), tasks.refs[0], narke::put(11), narke::put(12),
                       tasks.refs[1],  tasks.refs[2], narke::put(13), tasks.refs[3]};
  auto [ready, not_ready] = narke::wait(refs, {.num_returns = 8, .timeout = 0s});
  EXPECT_EQ(narke::get(ready), (std::vector{10, 11, 12, 13}));
  EXPECT_EQ(not_ready, tasks.refs);
}

TEST_P(object_wait, refuses_bad_lists_before_it_waits) {
  held_tasks tasks{2};
  EXPECT_THROW(narke::wait(refs_type{tasks.refs[0], tasks.refs[0]}), std::invalid_argument);
  EXPECT_THROW(narke::wait(tasks.refs, {.num_returns = 3}), std::invalid_argument);
}

TEST_P(object_wait, may_be_called_by_many_threads_on_the_same_refs) {
  held_tasks tasks{4};
  std::vector<std::jthread> threads;
  for (int i = 1; i <= 4; ++i) {
    threads.emplace_back([&, i] {
      EXPECT_EQ(narke::wait(tasks.refs, {.num_returns = i}).ready.size(), std::size_t(i));
    });
  }
  for (int i = 0; i < 4; ++i) tasks.open(i);
}

TEST_P(object_wait, leaves_nothing_behind_when_it_gives_up) {
  held_tasks tasks{2};
  for (int i = 0; i < 1000; ++i) narke::wait(tasks.refs, {.timeout = 0s});
  for (int i = 0; i < 10; ++i) narke::wait(tasks.refs, {.num_returns = 2, .timeout = 1us});
  tasks.finish(0);
  tasks.finish(1);
  EXPECT_EQ(narke::wait(tasks.refs, {.num_returns = 2}).ready.size(), 2U);
}

TEST_P(object_wait, drains_a_list_as_results_come) {
  std::vector<narke::object_ref<int>> pending;
  for (int i = 0; i < 200; ++i) pending.push_back(narke::task([](int x) { return x; }).remote(i));
  int sum = 0;
  while (!pending.empty()) {
    auto [ready, rest] = narke::wait(pending);
    for (auto& ref : ready) sum += narke::get(ref);
    pending = std::move(rest);
  }
  EXPECT_EQ(sum, 199 * 100);
}

TEST_P(object_wait, inside_a_task_gives_the_cpu_back) {
  const auto outer = [] {
    refs_type refs;
    for (int i = 0; i < 10; ++i) refs.push_back(narke::task([](int x) { return x; }).remote(i));
    return narke::wait(refs, {.num_returns = 10}).ready.size();
  };
  EXPECT_EQ(narke::get(narke::task(outer).remote()), 10U);
}

class as_completed : public narke_test::on_cpus_test {};
NARKE_ON_1_2_4_CPUS(as_completed);

TEST_P(as_completed, gives_refs_in_the_order_of_completion) {
  held_tasks tasks{5};
  tasks.finish(4);
  tasks.finish(2);
  const std::vector<int> then{0, 3, 1};
  std::vector<int> order;
  for (auto& ref : narke::as_completed(tasks.refs)) {
    order.push_back(narke::get(ref));
    if (order.size() >= 2 && order.size() < 5) tasks.finish(then[order.size() - 2]);
  }
  ASSERT_EQ(order.size(), 5U);
  EXPECT_EQ(std::vector(order.begin() + 2, order.end()), then);
  EXPECT_EQ(order[0] + order[1], 6);
}

TEST_P(as_completed, gives_nothing_for_an_empty_list) {
  for (auto& ref : narke::as_completed(refs_type{})) FAIL() << narke::get(ref);
}

TEST_P(as_completed, includes_failures) {
  refs_type refs;
  for (int i = 0; i < 10; ++i) {
    refs.push_back(narke::task([](int x) {
                     if (x % 2) throw narke_test::odd_error{"odd", x};
                     return x;
                   }).remote(i));
  }
  int failures = 0;
  int values = 0;
  for (auto& ref : narke::as_completed(refs)) {
    ++(narke_test::odd_code([&] { narke::get(ref); }) == -1 ? values : failures);
  }
  EXPECT_EQ(values, 5);
  EXPECT_EQ(failures, 5);
}

TEST_P(as_completed, owns_its_copies) {
  refs_type refs;
  for (int i = 0; i < 10; ++i) refs.push_back(narke::task([](int x) { return x; }).remote(i));
  auto range = narke::as_completed(refs);
  refs.clear();
  int sum = 0;
  for (auto& ref : range) sum += narke::get(ref);
  EXPECT_EQ(sum, 45);
}

TEST_P(as_completed, lets_the_last_ref_be_taken) {
  std::vector<narke::object_ref<move_only>> refs;
  for (int i = 0; i < 10; ++i) refs.push_back(narke::task([i] { return move_only{i}; }).remote());
  int sum = 0;
  for (auto& ref : narke::as_completed(std::move(refs))) sum += *narke::get(std::move(ref)).value;
  EXPECT_EQ(sum, 45);
}

TEST_P(as_completed, may_be_left_early) {
  held_tasks tasks{3};
  tasks.finish(1);
  for (auto& ref : narke::as_completed(tasks.refs)) {
    EXPECT_EQ(narke::get(ref), 1);
    break;
  }
  { const auto unused = narke::as_completed(tasks.refs); }
  tasks.finish(0);
  tasks.finish(2);
}

TEST_P(as_completed, takes_void_refs_and_ready_values) {
  std::vector<narke::object_ref<void>> refs{narke::put(1), narke::task([] {}).remote()};
  int count = 0;
  for (auto& ref : narke::as_completed(refs)) {
    narke::get(ref);
    ++count;
  }
  EXPECT_EQ(count, 2);
}

TEST_P(as_completed, inside_a_task_gives_the_cpu_back) {
  const auto outer = [] {
    refs_type refs;
    for (int i = 0; i < 10; ++i) refs.push_back(narke::task([](int x) { return x; }).remote(i));
    int sum = 0;
    for (auto& ref : narke::as_completed(refs)) sum += narke::get(ref);
    return sum;
  };
  EXPECT_EQ(narke::get(narke::task(outer).remote()), 45);
}

TEST_P(as_completed, handles_ten_thousand) {
  refs_type refs;
  for (int i = 0; i < 10000; ++i) refs.push_back(narke::task([](int x) { return x; }).remote(i));
  long sum = 0;
  for (auto& ref : narke::as_completed(refs)) sum += narke::get(ref);
  EXPECT_EQ(sum, 9999L * 5000);
}

TEST_P(as_completed, inside_a_task_may_be_taken_from_while_it_waits_long) {
  // The values die as they are taken; the wait for the last is long enough for a look around.
  gate hold;
  auto sum = narke::task([wait = hold.waiter()] {
    const auto make = narke::task([](int value) { return std::vector<int>(100'000, value); },
                                  {.num_cpus = 0});
    refs_of_vectors refs;
    for (int i = 0; i != 3; ++i) refs.push_back(make.remote(i));
    refs.push_back(narke::task([wait] {
                     wait();
                     return std::vector<int>(1, 7);
                   }, {.num_cpus = 0}).remote());
    int total = 0;
    for (auto& ref : narke::as_completed(std::move(refs))) {
      total += narke::get(std::move(ref)).front();
    }
    return total;
  }).remote();
  std::this_thread::sleep_for(200ms);
  hold.open();
  EXPECT_EQ(narke::get(sum), 10);
}

}  // namespace
