// Methods of actors: what can be called, with what, and what comes back.
#include <support/runtime_fixture.hpp>
#include <support/values.hpp>

#include <array>
#include <mutex>
#include <numeric>
#include <string>
#include <string_view>
#include <tuple>

using narke_test::gate;
using narke_test::move_only;
using narke_test::tally;
using narke_test::tracked;

namespace {

class actor_calls : public narke_test::on_cpus_test {};
NARKE_ON_1_2_4_CPUS(actor_calls);

class counter {
 public:
  explicit counter(int start) : value_{start} {}
  int add(int n) { return value_ += n; }
  int value() const { return value_; }
  int twice() const noexcept { return 2 * value_; }
  void reset() noexcept { value_ = 0; }
  int add(int a, int b) { return value_ += a + b; }
  int fail(int code) { throw narke_test::odd_error{"failed", code + 0 * value_}; }

 private:
  int value_;
};

using add_one = int (counter::*)(int);
using add_two = int (counter::*)(int, int);

TEST_P(actor_calls, state_lasts_from_call_to_call) {
  auto c = narke::actor<counter>().remote(10);
  static_assert(std::is_same_v<decltype(c), narke::actor_handle<counter>>);
  narke::object_ref<int> r = c.task(static_cast<add_one>(&counter::add)).remote(5);
  EXPECT_EQ(narke::get(r), 15);
  EXPECT_EQ(narke::get(c.task(static_cast<add_two>(&counter::add)).remote(1, 2)), 18);
  EXPECT_EQ(narke::get(c.task(&counter::value).remote()), 18);
  EXPECT_EQ(narke::get(c.task(&counter::twice).remote()), 36);
  narke::object_ref<void> reset = c.task(&counter::reset).remote();
  narke::get(reset);
  EXPECT_EQ(narke::get(c.task(&counter::value).remote()), 0);
}

TEST_P(actor_calls, a_method_that_throws_leaves_the_actor_alive) {
  auto c = narke::actor<counter>().remote(1);
  EXPECT_EQ(narke_test::odd_code([&] { narke::get(c.task(&counter::fail).remote(7)); }), 7);
  EXPECT_EQ(narke::get(c.task(&counter::value).remote()), 1);
}

TEST_P(actor_calls, a_call_whose_argument_failed_never_runs) {
  auto c = narke::actor<counter>().remote(1);
  auto failed = narke::task([]() -> int { throw narke_test::odd_error{"odd", 3}; }).remote();
  auto call = c.task(static_cast<add_one>(&counter::add)).remote(failed);
  EXPECT_EQ(narke_test::odd_code([&] { narke::get(call); }), 3);
  EXPECT_EQ(narke::get(c.task(&counter::value).remote()), 1);
}

class tuple_actor {
 public:
  std::tuple<std::string, int, double> tuple3(std::string text, int n) { return {text, n, 0.5}; }
  std::pair<move_only, int> pair() { return {move_only{1}, 2}; }
  std::array<int, 2> array() const { return {3, 4}; }
};

TEST_P(actor_calls, several_results_become_refs) {
  auto a = narke::actor<tuple_actor>().remote();
  auto [x, y, z] = a.task(&tuple_actor::tuple3).num_returns<3>().remote("ray rocks!", 7);
  EXPECT_EQ(narke::get(x, y, z), (std::tuple{std::string{"ray rocks!"}, 7, 0.5}));
  auto [only, two] = a.task(&tuple_actor::pair).num_returns<2>().remote();
  EXPECT_EQ(*narke::get(std::move(only)).value, 1);
  auto [three, four] = a.task(&tuple_actor::array).num_returns<2>().remote();
  EXPECT_EQ(narke::get(two) + narke::get(three) + narke::get(four), 9);
}

struct base {
  int inherited() { return ++calls; }
  virtual int chosen() { return 1; }
  virtual ~base() = default;
  int calls = 0;
};
struct derived : base {
  int chosen() override { return 2; }
};

TEST_P(actor_calls, inherited_and_virtual_methods_work) {
  auto a = narke::actor<derived>().remote();
  EXPECT_EQ(narke::get(a.task(&derived::inherited).remote()), 1);
  EXPECT_EQ(narke::get(a.task(&base::inherited).remote()), 2);
  EXPECT_EQ(narke::get(a.task(&base::chosen).remote()), 2);
}

class pinned {
 public:
  pinned() = default;
  pinned(const pinned&) = delete;
  pinned& operator=(const pinned&) = delete;
  int get() {
    const std::lock_guard lock{mutex_};
    return 1;
  }

 private:
  std::mutex mutex_;
};

TEST_P(actor_calls, an_actor_need_not_be_movable) {
  auto a = narke::actor<pinned>().remote();
  EXPECT_EQ(narke::get(a.task(&pinned::get).remote()), 1);
}

class picky {
 public:
  picky(std::string name, std::unique_ptr<int> number, const std::vector<int>& values)
      : sum_{*number + static_cast<int>(name.size()) +
             std::accumulate(values.begin(), values.end(), 0)} {}
  int sum() const { return sum_; }

 private:
  int sum_;
};

TEST_P(actor_calls, constructors_take_values_and_refs) {
  auto a = narke::actor<picky>().remote("four", std::make_unique<int>(10), std::vector{1, 2});
  EXPECT_EQ(narke::get(a.task(&picky::sum).remote()), 17);
  auto values = narke::put(std::vector{5, 5});
  auto text = narke::task([] { return std::string{"ab"}; }).remote();
  auto b = narke::actor<picky>().remote(text, std::make_unique<int>(1), values);
  EXPECT_EQ(narke::get(b.task(&picky::sum).remote()), 13);
}

TEST_P(actor_calls, calls_wait_until_the_constructor_has_its_arguments) {
  gate hold;
  auto slow = narke::task([wait = hold.waiter()] {
    wait();
    return 5;
  }, {.num_cpus = 0}).remote();
  auto c = narke::actor<counter>().remote(slow);
  auto call = c.task(static_cast<add_one>(&counter::add)).remote(1);
  EXPECT_FALSE(narke::is_ready(call));
  hold.open();
  EXPECT_EQ(narke::get(call), 6);
}

class taker {
 public:
  int take(tracked t) { return t.value; }
  int look(const tracked& t) { return t.value; }
  int view(std::string_view s) { return static_cast<int>(s.size()); }
  int own(move_only m) { return *m.value; }
  int gather(const std::vector<int>& v) { return std::accumulate(v.begin(), v.end(), 0); }
  bool as_it_is(narke::object_ref<int> ref) { return narke::is_ready(ref); }
  tracked give(std::shared_ptr<narke_test::traffic> seen) { return {std::move(seen), 8}; }
};

TEST_P(actor_calls, arguments_follow_the_rules_of_tasks) {
  const auto seen = narke_test::new_traffic();
  auto a = narke::actor<taker>().remote();
  auto stored = narke::put(tracked{seen, 5});
  EXPECT_EQ(narke::get(a.task(&taker::look).remote(stored)), 5);
  EXPECT_EQ(seen->copies, 0);
  EXPECT_EQ(narke::get(a.task(&taker::take).remote(std::move(stored))), 5);
  EXPECT_EQ(seen->copies, 0);
  EXPECT_EQ(seen->alive, 0);
  EXPECT_EQ(narke::get(a.task(&taker::view).remote("four")), 4);
  EXPECT_EQ(narke::get(a.task(&taker::own).remote(move_only{6})), 6);
  EXPECT_EQ(narke::get(a.task(&taker::own).remote(narke::put(move_only{7}))), 7);
  const std::vector refs{narke::put(1), narke::put(2)};
  EXPECT_EQ(narke::get(a.task(&taker::gather).remote(refs)), 3);
  EXPECT_TRUE(narke::get(a.task(&taker::as_it_is).remote(narke::put(1))));
  EXPECT_EQ(narke::get(a.task(&taker::give).remote(seen)).value, 8);
  EXPECT_EQ(seen->copies, 0);
  EXPECT_EQ(seen->alive, 0);
}

TEST_P(actor_calls, results_are_arguments_of_tasks_and_of_other_actors) {
  auto a = narke::actor<counter>().remote(1);
  auto b = narke::actor<counter>().remote(100);
  auto sum = narke::task([](int x, int y) { return x + y; })
                 .remote(a.task(&counter::value).remote(), b.task(&counter::value).remote());
  EXPECT_EQ(narke::get(sum), 101);
  auto twice = a.task(&counter::twice).remote();
  auto chained = b.task(static_cast<add_one>(&counter::add)).remote(twice);
  EXPECT_EQ(narke::get(chained), 102);
}

TEST_P(actor_calls, handles_are_values_that_tasks_can_take) {
  auto c = narke::actor<counter>().remote(0);
  const auto use = [](narke::actor_handle<counter> handle, int n) {
    return narke::get(handle.task(static_cast<add_one>(&counter::add)).remote(n));
  };
  EXPECT_EQ(narke::get(narke::task(use).remote(c, 5)), 5);
  auto stored = narke::put(c);
  EXPECT_EQ(narke::get(narke::task(use).remote(stored, 5)), 10);
  const auto by_reference = [](const narke::actor_handle<counter>& handle) {
    return narke::get(handle.task(&counter::value).remote());
  };
  EXPECT_EQ(narke::get(narke::task(by_reference).remote(c)), 10);
  const narke::actor_handle<counter> copy = narke::get(stored);
  EXPECT_EQ(narke::get(copy.task(&counter::value).remote()), 10);
}

class parent {
 public:
  int sum(int n) {
    std::vector<narke::object_ref<int>> refs;
    for (int i = 0; i < n; ++i) refs.push_back(narke::task([](int x) { return x; }).remote(i));
    const auto all = narke::get(refs);
    return std::accumulate(all.begin(), all.end(), 0);
  }
  int child_value() {
    auto child = narke::actor<counter>().remote(3);
    return narke::get(child.task(&counter::value).remote());
  }
  int ask(const narke::actor_handle<counter>& other) {
    return narke::get(other.task(static_cast<add_one>(&counter::add)).remote(1));
  }
};

TEST_P(actor_calls, methods_may_wait_for_tasks_and_other_actors) {
  auto a = narke::actor<parent>().remote();
  EXPECT_EQ(narke::get(a.task(&parent::sum).remote(100)), 4950);
  EXPECT_EQ(narke::get(a.task(&parent::child_value).remote()), 3);
  auto c = narke::actor<counter>().remote(1);
  EXPECT_EQ(narke::get(a.task(&parent::ask).remote(c)), 2);
}

TEST_P(actor_calls, a_blocked_method_gives_its_cpu_back) {
  class blocker {
   public:
    int wait_for(narke::object_ref<int> ref, const tally& started) {
      started.add();
      return narke::get(ref);
    }
  };
  gate hold;
  auto slow = narke::task([wait = hold.waiter()] {
    wait();
    return 1;
  }, {.num_cpus = 0}).remote();
  const tally started;
  std::vector<narke::actor_handle<blocker>> actors;
  std::vector<narke::object_ref<int>> calls;
  for (int i = 0; i < 8; ++i) {
    actors.push_back(narke::actor<blocker>().remote());
    calls.push_back(actors.back().task(&blocker::wait_for).remote(slow, started));
  }
  started.wait_for(8);
  EXPECT_EQ(narke::get(narke::task([] { return 2; }).remote()), 2);
  hold.open();
  EXPECT_EQ(narke::get(calls), std::vector<int>(8, 1));
}

TEST_P(actor_calls, arguments_are_let_go_and_resources_back_before_the_result) {
  auto a = narke::actor<taker>().remote();
  for (int i = 0; i < 200; ++i) {
    const auto seen = narke_test::new_traffic();
    ASSERT_EQ(narke::get(a.task(&taker::look).remote(tracked{seen, 5})), 5);
    ASSERT_EQ(seen->alive, 0);
    ASSERT_EQ(narke_test::available("CPU"), GetParam());
  }
}

TEST_P(actor_calls, a_method_object_may_be_called_many_times) {
  auto c = narke::actor<counter>().remote(0);
  auto add = c.task(static_cast<add_one>(&counter::add));
  auto first = add.remote(1);
  auto second = add.remote(2);
  EXPECT_EQ(narke::get(second), 3);
  EXPECT_EQ(narke::get(first), 1);
}

TEST_P(actor_calls, several_actors_of_one_class_are_apart) {
  auto declared = narke::actor<counter>();
  auto a = declared.remote(1);
  auto b = declared.remote(2);
  EXPECT_EQ(narke::get(a.task(&counter::value).remote()), 1);
  EXPECT_EQ(narke::get(b.task(&counter::value).remote()), 2);
}

TEST_P(actor_calls, hundreds_of_actors_live_on_few_cpus) {
  std::vector<narke::actor_handle<counter>> actors;
  std::vector<narke::object_ref<int>> calls;
  for (int i = 0; i < 300; ++i) actors.push_back(narke::actor<counter>().remote(i));
  for (auto& a : actors) calls.push_back(a.task(&counter::value).remote());
  const auto all = narke::get(calls);
  for (int i = 0; i < 300; ++i) EXPECT_EQ(all[i], i);
}

}  // namespace
