// What is seen of coroutine tasks from outside: explain, the list of tasks, the timeline, advice,
// deadlocks.
#include "co_fixture.hpp"

#include <gmock/gmock.h>
#include <nlohmann/json.hpp>

#include <cstdio>
#include <fstream>
#include <memory>
#include <string>
#include <vector>

using narke::co_task;
using narke::object_ref;
using narke_test::becomes_suspended;
using narke_test::gate;
using narke_test::message_of;
using narke_test::tally;
using nlohmann::json;
using testing::AllOf;
using testing::HasSubstr;

namespace {

class co_watched : public narke_test::runtime_test {
 protected:
  void SetUp() override {
    runtime_test::SetUp();
    narke::init({.num_cpus = 2, .resources = {{"license", 1}}});
  }
};

co_task<int> awaits(object_ref<int> ref) {
  co_return co_await ref;
}

TEST_F(co_watched, explain_names_what_it_waits_for) {
  gate hold;
  const narke_test::tally begun;  // else who awaits it might run it in place
  auto slow = narke::task([wait = hold.waiter(), begun] {
    begun.add();
    wait();
    return 1;
  }, {.name = "load"}).remote();
  begun.wait_for(1);
  auto ref = narke::task(awaits, {.name = "sum"}).remote(slow);
  ASSERT_TRUE(becomes_suspended(ref));
  EXPECT_THAT(narke::explain(ref),
              AllOf(HasSubstr("task 'sum'"), HasSubstr("RUNNING_IN_RAY_GET"),
                    HasSubstr("the result of task 'load'"), HasSubstr("co_watch_test.cpp:")));
  auto after = narke::task([](int x) { return x; }).remote(ref);
  EXPECT_THAT(narke::explain(after),
              AllOf(HasSubstr("task 'sum'"), HasSubstr("waits at a co_await")));
  hold.open();
  EXPECT_EQ(narke::get(after), 1) << "it was looked at, and goes on";
}

TEST_F(co_watched, the_list_of_tasks_has_it_once) {
  narke::promise<int> promise;
  auto ref = narke::task(awaits, {.name = "one"}).remote(promise.ref());
  ASSERT_TRUE(becomes_suspended(ref));
  const auto listed = [] {
    std::vector<json> found;
    const json report = json::parse(narke::report({.tasks = true}));
    for (const auto& each : report["tasks"]) {
      if (each["name"] == "one") found.push_back(each);
    }
    return found;
  };
  auto found = listed();
  ASSERT_EQ(found.size(), 1U);
  EXPECT_EQ(found[0]["state"], "RUNNING_IN_RAY_GET");
  promise.set_value(1);
  narke::get(ref);
  found = listed();
  ASSERT_EQ(found.size(), 1U) << "one entry, however many pieces";
  EXPECT_EQ(found[0]["state"], "FINISHED");
}

TEST_F(co_watched, the_timeline_has_a_slice_for_each_piece) {
  narke::promise<int> promise;
  auto ref = narke::task(awaits, {.name = "pieces"}).remote(promise.ref());
  ASSERT_TRUE(becomes_suspended(ref));
  promise.set_value(1);
  narke::get(ref);
  const std::string path = testing::TempDir() + "co_watch_trace.json";
  narke::timeline(path);
  std::ifstream in{path};
  const json trace = json::parse(in);
  int slices = 0;
  for (const auto& each : trace["traceEvents"]) {
    slices += each.value("name", "") == "pieces" && each.value("ph", "") == "X" ? 1 : 0;
  }
  EXPECT_EQ(slices, 2);
  std::remove(path.c_str());
}

TEST_F(co_watched, the_timeline_has_a_flow_to_one_with_rules) {
  auto first = narke::task([] { return 1; }).remote();
  auto next = narke::task([](int x) -> co_task<int> { co_return x + 1; },
                          {.name = "next", .max_retries = 1}).remote(first);
  EXPECT_EQ(narke::get(next), 2);
  const std::string path = testing::TempDir() + "co_watch_flow.json";
  narke::timeline(path);
  std::ifstream in{path};
  const json trace = json::parse(in);
  int flows = 0;
  for (const auto& each : trace["traceEvents"]) flows += each.value("ph", "") == "f" ? 1 : 0;
  EXPECT_EQ(flows, 1);
  std::remove(path.c_str());
}

TEST_F(co_watched, reports_count_it_once) {
  const auto counts = [] { return json::parse(narke::report())["runtime"]; };
  const json before = counts();
  narke::promise<int> promise;
  auto ref = narke::task(awaits).remote(promise.ref());
  ASSERT_TRUE(becomes_suspended(ref));
  const json meanwhile = counts();
  promise.set_value(1);
  narke::get(ref);
  const auto of = [](const json& facts, const char* key) { return facts.at(key).get<int>(); };
  EXPECT_EQ(of(meanwhile, "tasks_submitted") - of(before, "tasks_submitted"), 1);
  EXPECT_EQ(of(meanwhile, "tasks_finished"), of(before, "tasks_finished"));
  EXPECT_TRUE(narke_test::eventually([&] {
    return of(counts(), "tasks_finished") - of(before, "tasks_finished") == 1;
  }));
}

TEST_F(co_watched, values_are_counted_in_the_store_as_ever) {
  const double before = narke_test::available("object_store_memory");
  auto ref = narke::task([](object_ref<int> other) -> co_task<std::vector<char>> {
    std::vector<char> made(1 << 20);
    co_await other;
    co_return made;
  }).remote(narke::put(1));
  EXPECT_EQ(narke::get(ref).size(), std::size_t{1} << 20);
  EXPECT_LE(narke_test::available("object_store_memory"), before - (1 << 20));
  ref = {};
  EXPECT_EQ(narke_test::available("object_store_memory"), before);
}

// Deadlocks.

using mailbox = std::shared_ptr<narke::promise<object_ref<int>>>;
mailbox make_mailbox() {
  return std::make_shared<narke::promise<object_ref<int>>>();
}

co_task<int> awaits_what_is_sent(object_ref<object_ref<int>> box) {
  const auto other = co_await box;
  co_return co_await other;
}

TEST_F(co_watched, a_task_that_awaits_itself_is_a_deadlock) {
  auto box = make_mailbox();
  auto ref = narke::task(awaits_what_is_sent, {.name = "own"}).remote(box->ref());
  box->set_value(ref);
  EXPECT_THAT(message_of<narke::deadlock_error>([&] { narke::get(ref); }), HasSubstr("'own'"));
}

TEST_F(co_watched, two_that_await_each_other_are_a_deadlock) {
  auto box = make_mailbox();
  auto other_box = make_mailbox();
  auto one = narke::task(awaits_what_is_sent, {.name = "one"}).remote(box->ref());
  auto two = narke::task(awaits_what_is_sent, {.name = "two"}).remote(other_box->ref());
  box->set_value(two);
  other_box->set_value(one);
  EXPECT_THAT(message_of<narke::deadlock_error>([&] { narke::get(one); }),
              AllOf(HasSubstr("'one'"), HasSubstr("'two'")));
  EXPECT_THROW(narke::get(two), narke::deadlock_error);
}

TEST_F(co_watched, who_only_waits_for_a_cycle_is_not_the_one_that_throws) {
  auto box = make_mailbox();
  auto own = narke::task([](object_ref<object_ref<int>> from) -> co_task<int> {
    const auto itself = co_await from;
    try {
      co_return co_await itself;
    } catch (const narke::deadlock_error&) {
      co_return 5;
    }
  }).remote(box->ref());
  std::vector<object_ref<int>> others;
  for (int i = 0; i != 5; ++i) others.push_back(narke::task(awaits).remote(own));
  for (auto& each : others) ASSERT_TRUE(becomes_suspended(each));
  box->set_value(own);
  for (auto& each : others) EXPECT_EQ(narke::get(each), 5);
}

TEST_F(co_watched, a_task_goes_on_after_a_deadlock_as_after_any_exception) {
  auto box = make_mailbox();
  narke::promise<int> promise;
  auto ref = narke::task([](object_ref<object_ref<int>> from, object_ref<int> other)
                             -> co_task<int> {
    const auto itself = co_await from;
    bool was_found = false;
    try {
      co_await itself;
    } catch (const narke::deadlock_error&) {
      was_found = true;
    }
    const int value = co_await other;
    co_return was_found ? value : -1;
  }).remote(box->ref(), promise.ref());
  box->set_value(ref);
  ASSERT_TRUE(narke_test::eventually([&] {
    return narke::explain(ref).find("nobody has set") != std::string::npos;
  })) << "at its last co_await";
  promise.set_value(8);
  EXPECT_EQ(narke::get(ref), 8) << "once, though its own slot has an entry of it still";
}

TEST_F(co_watched, threads_and_coroutines_in_one_cycle_are_a_deadlock) {
  auto box = make_mailbox();
  auto other_box = make_mailbox();
  auto coroutine = narke::task(awaits_what_is_sent).remote(box->ref());
  auto thread = narke::task([](const object_ref<object_ref<int>>& from) {
    return narke::get(narke::get(from));
  }).remote(other_box->ref());
  box->set_value(thread);
  other_box->set_value(coroutine);
  EXPECT_THROW(narke::get(thread), narke::deadlock_error);
  EXPECT_THROW(narke::get(coroutine), narke::deadlock_error);
}

TEST_F(co_watched, a_resource_that_it_holds_is_a_part_of_the_cycle) {
  auto ref = narke::task([]() -> co_task<int> {
    auto child = narke::task([] {}, {.resources = {{"license", 1}}}).remote();
    try {
      co_await child;
    } catch (const narke::deadlock_error&) {
      co_return 1;
    }
    co_return 0;
  }, {.resources = {{"license", 1}}}).remote();
  EXPECT_EQ(narke::get(ref), 1);
}

TEST_F(co_watched, what_can_still_come_is_no_deadlock) {
  narke::promise<int> promise;
  auto first = narke::task(awaits).remote(promise.ref());
  auto second = narke::task(awaits).remote(first);
  auto third = narke::task([](int x) { return x; }).remote(second);
  ASSERT_TRUE(becomes_suspended(second));
  // Several looks: each sees them again.
  std::this_thread::sleep_for(std::chrono::milliseconds{300});
  EXPECT_FALSE(narke::is_ready(third));
  promise.set_value(4);
  EXPECT_EQ(narke::get(third), 4);
}

// A program that does it right.
TEST_F(co_watched, gets_no_advice) {
  auto handle = narke::task([](int n) -> co_task<int> {
    std::vector<object_ref<int>> children;
    for (int i = 0; i != n; ++i) {
      children.push_back(narke::task([](int x) {
        const auto end = std::chrono::steady_clock::now() + std::chrono::microseconds{50};
        while (std::chrono::steady_clock::now() < end) {
        }
        return x;
      }).remote(i));
    }
    int sum = 0;
    for (const int each : co_await std::move(children)) sum += each;
    co_return sum;
  });
  std::vector<object_ref<int>> refs;
  for (int i = 0; i != 20; ++i) refs.push_back(handle.remote(20));
  for (const int each : narke::get(refs)) EXPECT_EQ(each, 190);
  EXPECT_TRUE(narke::advice().empty());
}

}  // namespace
