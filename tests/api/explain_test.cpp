// Why a task waits, or where it ran; and the list of tasks in the report.
#include <support/runtime_fixture.hpp>

#include <gmock/gmock.h>

#include <atomic>
#include <chrono>
#include <stdexcept>
#include <string>
#include <thread>
#include <vector>

#include <nlohmann/json.hpp>

namespace {

using nlohmann::json;
using testing::AllOf;
using testing::HasSubstr;
using testing::Not;

class explain : public narke_test::runtime_test {};

int add(int a, int b) {
  return a + b;
}

TEST_F(explain, of_an_empty_ref_is_refused) {
  start(1);
  EXPECT_THROW(narke::explain(narke::object_ref<int>{}), std::invalid_argument);
}

TEST_F(explain, tells_what_was_put) {
  start(1);
  EXPECT_THAT(narke::explain(narke::put(1)), HasSubstr("put into the store"));
}

TEST_F(explain, names_the_arguments_that_are_missing_and_who_makes_them) {
  start(2);
  narke_test::gate hold;
  const narke_test::tally begun;
  auto slow = narke::task(
                  [=, wait = hold.waiter()] {
                    begun.add();
                    wait();
                    return 1;
                  },
                  {.name = "load"})
                  .remote();
  auto ready = narke::put(2);
  begun.wait_for(1);
  auto sum = narke::task(add, {.name = "sum"}).remote(slow, ready);
  const std::string why = narke::explain(sum);
  EXPECT_THAT(
      why, AllOf(HasSubstr("task 'sum'"), HasSubstr("PENDING_ARGS_AVAIL"), HasSubstr("task 'load'"),
                 HasSubstr("explain_test.cpp:"), HasSubstr("which runs")));
  EXPECT_THAT(narke::explain(slow), HasSubstr("RUNNING"));
  hold.open();
  EXPECT_EQ(narke::get(sum), 3) << "it was looked at, and goes on";
}

TEST_F(explain, of_a_task_between_two_attempts_does_not_hold_it_up) {
  start(2);
  auto ref = narke::task(
                 [] {
                   if (narke::this_task::attempt() < 2'000) throw std::runtime_error{"not yet"};
                   return narke::this_task::attempt();
                 },
                 {.max_retries = -1,
                  .retry_exceptions = true,
                  .retry_delay = std::chrono::nanoseconds{0}})
                 .remote();
  while (!narke::is_ready(ref)) EXPECT_THAT(narke::explain(ref), HasSubstr("explain_test.cpp"));
  EXPECT_EQ(narke::get(ref), 2'000);
}

TEST_F(explain, names_who_holds_a_resource) {
  narke::init({.num_cpus = 2, .resources = {{"license", 1}}});
  narke_test::gate hold;
  const narke_test::tally begun;
  auto first = narke::task(
                   [=, wait = hold.waiter()] {
                     begun.add();
                     wait();
                   },
                   {.resources = {{"license", 1}}, .name = "holder"})
                   .remote();
  begun.wait_for(1);
  auto second = narke::task([] {}, {.resources = {{"license", 1}}, .name = "waiter"}).remote();
  EXPECT_THAT(narke::explain(second),
              AllOf(HasSubstr("PENDING_NODE_ASSIGNMENT"), HasSubstr("license: 1 asked, 0 free"),
                    HasSubstr("task 'holder'")));
  hold.open();
  narke::get(second);
}

class counter {
 public:
  void wait(const narke_test::gate::waiter_type& waiter, const narke_test::tally& begun) {
    begun.add();
    waiter();
  }
  int value() { return 1; }
};

TEST_F(explain, does_not_name_cpus_that_are_free) {
  narke::init({.num_cpus = 4, .resources = {{"license", 1}}});
  narke_test::gate hold;
  auto holder = narke::task([wait = hold.waiter()] { wait(); },
                            {.num_cpus = 0, .resources = {{"license", 1}}}).remote();
  auto waiter = narke::task([] {}, {.resources = {{"license", 1}}}).remote();
  EXPECT_THAT(narke::explain(waiter),
              AllOf(HasSubstr("license: 1 asked, 0 free"), Not(HasSubstr("CPU: "))));
  hold.open();
  narke::get(waiter);
}

TEST_F(explain, names_the_actor_that_holds_a_resource_for_life) {
  narke::init({.num_cpus = 2, .resources = {{"license", 1}}});
  auto c = narke::actor<counter>({.resources = {{"license", 1}}, .name = "keeper"}).remote();
  narke::get(c.task(&counter::value).remote());
  auto later = narke::task([] {}, {.resources = {{"license", 1}}}).remote();
  EXPECT_THAT(narke::explain(later), HasSubstr("actor 'keeper'"));
  narke::kill(c);
  narke::get(later);
}

TEST_F(explain, tells_a_call_that_waits_for_its_turn) {
  start(2);
  narke_test::gate hold;
  const narke_test::tally begun;
  auto c = narke::actor<counter>({.name = "shop"}).remote();
  auto first = c.task(&counter::wait).remote(hold.waiter(), begun);
  begun.wait_for(1);
  auto second = c.task(&counter::value).remote();
  EXPECT_THAT(narke::explain(second), AllOf(HasSubstr("PENDING_ACTOR_TASK_ORDERING_OR_CONCURRENCY"),
                                            HasSubstr("actor 'shop'")));
  hold.open();
  EXPECT_EQ(narke::get(second), 1);
}

TEST_F(explain, tells_a_queued_task_who_runs) {
  start(1);
  narke_test::busy_cpus busy{1};
  auto queued = narke::task([] {}, {.name = "queued"}).remote();
  EXPECT_THAT(narke::explain(queued),
              AllOf(HasSubstr("PENDING_NODE_ASSIGNMENT"), HasSubstr("one of 1 CPUs"),
                    HasSubstr("on CPUs: task 'runtime_fixture.hpp:")));
}

TEST_F(explain, tells_where_it_ran) {
  start(1);
  auto done = narke::task(add, {.name = "sum"}).remote(1, 2);
  narke::get(done);
  EXPECT_THAT(narke::explain(done), AllOf(HasSubstr("FINISHED"), HasSubstr("it ran on "),
                                          HasSubstr("after it was submitted")));
  auto failed = narke::task([]() -> int { throw std::runtime_error{"no such file"}; }).remote();
  EXPECT_THROW(narke::get(failed), std::runtime_error);
  EXPECT_THAT(narke::explain(failed), AllOf(HasSubstr("FAILED"), HasSubstr("no such file")));
}

TEST_F(explain, tells_on_which_gpu_a_task_ran) {
  narke::init({.num_cpus = 2, .emulated_gpus = {.count = 2, .memory_bytes = 1 << 30}});
  auto made = narke::task([](narke::gpu_context& gpu) { return gpu.allocate<int>(4); }).remote();
  narke::get(made);
  EXPECT_THAT(narke::explain(made), HasSubstr("on GPU 0, of 2"));
}

// A cancel, the last argument, and several who look, at once: each task runs once, or is cancelled.
TEST_F(explain, loses_no_task_that_it_looks_at) {
  start(2);
  for (int round = 0; round < 100; ++round) {
    narke_test::gate hold;
    std::atomic<int> ran{0};
    auto first = narke::task([wait = hold.waiter()] {
                   wait();
                   return 1;
                 }).remote();
    std::vector<narke::object_ref<int>> waiting;
    for (int i = 0; i < 20; ++i) {
      waiting.push_back(narke::task([&ran](int x) {
                          ++ran;
                          return x;
                        }).remote(first));
    }
    std::atomic<bool> stop{false};
    std::thread looker{[&] {
      while (!stop) {
        for (auto& ref : waiting) EXPECT_FALSE(narke::explain(ref).empty());
      }
    }};
    std::thread canceller{[&] { narke::cancel(waiting[7]); }};
    canceller.join();
    hold.open();
    int cancelled = 0;
    for (auto& ref : waiting) {
      try {
        EXPECT_EQ(narke::get(ref), 1);
      } catch (const narke::task_cancelled_error&) {
        ++cancelled;
      }
    }
    stop = true;
    looker.join();
    EXPECT_EQ(cancelled, 1);
    EXPECT_EQ(ran.load(), 19);
  }
}

class task_list : public narke_test::runtime_test {
 protected:
  static json tasks() { return json::parse(narke::report({.tasks = true})).at("tasks"); }
  static json named(const json& tasks, const std::string& name) {
    for (const auto& each : tasks) {
      if (each.at("name") == name) return each;
    }
    return nullptr;
  }
};

TEST_F(task_list, is_there_only_when_asked_for) {
  start(1);
  EXPECT_FALSE(json::parse(narke::report()).contains("tasks"));
  EXPECT_FALSE(json::parse(narke::report({.tasks = false})).contains("tasks"));
  EXPECT_TRUE(json::parse(narke::report({.tasks = true})).contains("tasks"));
}

TEST_F(task_list, has_those_that_wait_run_and_ended_by_the_names_of_ray) {
  narke::init({.num_cpus = 1, .resources = {{"license", 1}}});
  narke::get(narke::task([] {}, {.name = "done"}).remote());
  narke_test::gate hold;
  const narke_test::tally begun;
  auto runs = narke::task(
                  [=, wait = hold.waiter()] {
                    begun.add();
                    wait();
                    return 1;
                  },
                  {.name = "runs"})
                  .remote();
  begun.wait_for(1);
  auto queued = narke::task([] {}, {.name = "queued"}).remote();
  auto waits = narke::task([](int) {}, {.name = "waits"}).remote(runs);
  const json all = tasks();
  EXPECT_EQ(named(all, "done").at("state"), "FINISHED");
  EXPECT_TRUE(named(all, "done").at("end_time_ms").is_number());
  EXPECT_EQ(named(all, "runs").at("state"), "RUNNING");
  EXPECT_EQ(named(all, "queued").at("state"), "PENDING_NODE_ASSIGNMENT");
  const json waiting = named(all, "waits");
  EXPECT_EQ(waiting.at("state"), "PENDING_ARGS_AVAIL");
  EXPECT_EQ(waiting.at("waits_for"), json::array({named(all, "runs").at("task_id")}));
  EXPECT_EQ(waiting.at("required_resources").at("CPU"), 1.0);
  EXPECT_EQ(waiting.at("type"), "NORMAL_TASK");
  hold.open();
  narke::get(waits);
  narke::get(queued);
}

TEST_F(task_list, tells_who_waits_in_get_and_in_wait) {
  start(1);
  narke_test::gate hold;
  const narke_test::tally begun;
  auto slow = narke::task(
                  [wait = hold.waiter()] {
                    wait();
                    return 1;
                  },
                  {.num_cpus = 0})
                  .remote();
  auto gets = narke::task(
                  [=](const std::vector<narke::object_ref<int>>& refs) {
                    begun.add();
                    return narke::get(refs[0]);
                  },
                  {.name = "gets"})
                  .remote(std::vector{slow});
  begun.wait_for(1);
  auto waits = narke::task(
                   [=](const std::vector<narke::object_ref<int>>& refs) {
                     begun.add();
                     narke::wait(refs);
                   },
                   {.name = "waits"})
                   .remote(std::vector{slow});
  begun.wait_for(2);
  EXPECT_TRUE(narke_test::eventually([] {
    const json all = tasks();
    return named(all, "gets").at("state") == "RUNNING_IN_RAY_GET" &&
           named(all, "waits").at("state") == "RUNNING_IN_RAY_WAIT";
  }));
  hold.open();
  narke::get(gets);
  narke::get(waits);
}

TEST_F(task_list, is_bounded_and_says_what_it_left_out) {
  start(1);
  narke_test::busy_cpus busy{1};
  std::vector<narke::object_ref<void>> refs;
  for (int i = 0; i < 10'500; ++i) refs.push_back(narke::task([] {}).remote());
  const json report = json::parse(narke::report({.tasks = true}));
  EXPECT_EQ(report.at("tasks_left_out"), 501);
  EXPECT_GE(report.at("tasks").size(), 10'000U);
  EXPECT_LE(report.at("tasks").size(), 20'000U);
  busy.release();
  narke::get(refs);
}

}  // namespace
