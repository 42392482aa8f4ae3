// Why a task waits, or where it ran; and the list of tasks in the report.
#include <support/runtime_fixture.hpp>

#include <gmock/gmock.h>

#include <algorithm>
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

TEST_F(explain, says_of_a_producer_that_it_waits_at_a_co_await) {
  start(1);
  narke::promise<int> promise;
  auto waits = narke::task([](narke::object_ref<int> ref) -> narke::co_task<int> {
                 co_return co_await ref;
               }).remote(promise.ref());
  EXPECT_TRUE(narke_test::eventually([&] {
    return narke::explain(waits).find("waits at a co_await") != std::string::npos;
  }));
  const auto next = narke::task([](int x) { return x + 1; }).remote(waits);
  EXPECT_THAT(narke::explain(next), HasSubstr("which has begun, and waits at a co_await"));
  promise.set_value(3);
  EXPECT_EQ(narke::get(next), 4);
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

class slow_to_begin {
 public:
  explicit slow_to_begin(int) {}
  int add(int x) { return ++calls_ + x; }
  void lose(const narke_test::gate::waiter_type& waiter, const narke_test::tally& begun) {
    begun.add();
    waiter();
  }

 private:
  int calls_ = 0;
};

TEST_F(explain, tells_what_an_actor_waits_for_that_is_not_there_yet) {
  narke::init({.num_cpus = 2, .resources = {{"license", 1}}});
  narke::promise<int> outside;
  auto a = narke::actor<slow_to_begin>({.name = "late"}).remote(outside.ref());
  auto call = a.task(&slow_to_begin::add).remote(1);
  EXPECT_THAT(narke::explain(call),
              HasSubstr("actor 'late' waits for the arguments of its constructor"));
  outside.set_value(0);
  EXPECT_EQ(narke::get(call), 2);
  auto holder =
      narke::actor<slow_to_begin>({.resources = {{"license", 1}}, .name = "first"}).remote(0);
  narke::get(holder.task(&slow_to_begin::add).remote(0));
  auto b = narke::actor<slow_to_begin>({.resources = {{"license", 1}}, .name = "second"}).remote(0);
  auto waits = b.task(&slow_to_begin::add).remote(1);
  EXPECT_THAT(narke::explain(waits), HasSubstr("actor 'second' waits for its resources"));
  narke::kill(holder);
  EXPECT_EQ(narke::get(waits), 2);
}

TEST_F(explain, tells_that_calls_keep_their_order) {
  start(2);
  narke::promise<int> outside;
  auto a = narke::actor<slow_to_begin>({.name = "shop"}).remote(0);
  narke::get(a.task(&slow_to_begin::add).remote(0));
  auto waits = a.task(&slow_to_begin::add).remote(outside.ref());
  auto behind = a.task(&slow_to_begin::add).remote(1);
  EXPECT_THAT(narke::explain(waits), HasSubstr("a value that nobody has set yet"));
  EXPECT_THAT(narke::explain(behind),
              HasSubstr("an earlier call of the same submitter waits for an argument"));
  outside.set_value(1);
  EXPECT_EQ(narke::get(waits), 3);
  EXPECT_EQ(narke::get(behind), 4);
}

TEST_F(explain, counts_the_calls_before_one) {
  start(2);
  narke_test::gate hold;
  const narke_test::tally begun;
  auto a = narke::actor<slow_to_begin>({.name = "shop"}).remote(0);
  auto runs = a.task(&slow_to_begin::lose).remote(hold.waiter(), begun);
  begun.wait_for(1);
  auto first = a.task(&slow_to_begin::add).remote(1);
  auto second = a.task(&slow_to_begin::add).remote(1);
  EXPECT_THAT(narke::explain(second),
              HasSubstr("1 calls are before it in the mailbox of actor 'shop', and 1 run"));
  hold.open();
  EXPECT_EQ(narke::get(second), 3);
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

TEST_F(explain, says_of_a_producer_that_it_waits_itself_and_of_a_promise_that_nobody_has_set_it) {
  start(2);
  narke::promise<int> outside;
  auto middle = narke::task(add, {.name = "middle"}).remote(outside.ref(), 1);
  auto last = narke::task(add, {.name = "last"}).remote(middle, 1);
  EXPECT_THAT(narke::explain(middle), HasSubstr("a value that nobody has set yet"));
  EXPECT_THAT(narke::explain(last),
              AllOf(HasSubstr("task 'middle'"), HasSubstr("which waits for arguments itself")));
  outside.set_value(1);
  EXPECT_EQ(narke::get(last), 3);
}

TEST_F(explain, tells_of_a_failure_that_is_no_exception_of_the_standard_library) {
  start(1);
  auto failed = narke::task([]() -> int { throw 7; }).remote();
  EXPECT_THROW(narke::get(failed), int);
  EXPECT_THAT(narke::explain(failed), AllOf(HasSubstr("FAILED"), HasSubstr("no std::exception")));
}

TEST_F(explain, names_the_equal_request_that_is_older) {
  narke::init({.num_cpus = 2, .resources = {{"license", 1}}});
  narke_test::gate hold;
  const narke_test::tally begun;
  auto holder = narke::task(
                    [=, wait = hold.waiter()] {
                      begun.add();
                      wait();
                    },
                    {.resources = {{"license", 1}}})
                    .remote();
  begun.wait_for(1);
  const auto licensed = [](const char* name) {
    return narke::task([] {}, {.resources = {{"license", 1}}, .name = name}).remote();
  };
  auto older = licensed("older");
  auto younger = licensed("younger");
  EXPECT_THAT(narke::explain(younger),
              AllOf(HasSubstr("\n  task 'older' "), HasSubstr("asks for the same and is older")));
  hold.open();
  narke::get(younger);
}

TEST_F(explain, names_eight_holders_and_counts_the_others) {
  narke::init({.num_cpus = 1, .resources = {{"seat", 10}}});
  narke_test::gate hold;
  const narke_test::tally begun;
  std::vector<narke::object_ref<void>> holders;
  for (int i = 0; i < 10; ++i) {
    holders.push_back(narke::task(
                          [=, wait = hold.waiter()] {
                            begun.add();
                            wait();
                          },
                          {.num_cpus = 0, .resources = {{"seat", 1}}, .name = "guest"})
                          .remote());
  }
  begun.wait_for(10);
  auto late = narke::task([] {}, {.num_cpus = 0, .resources = {{"seat", 2}}}).remote();
  EXPECT_THAT(narke::explain(late),
              AllOf(HasSubstr("seat: 2 asked, 0 free"), HasSubstr(" and 2 others")));
  hold.open();
  narke::get(late);
}

TEST_F(explain, tells_who_collects_cpus_and_who_waits_behind) {
  start(2);
  narke_test::busy_cpus busy{1};
  auto large = narke::task([] {}, {.num_cpus = 2, .name = "large"}).remote();
  EXPECT_TRUE(narke_test::eventually([&] {
    return narke::explain(large).find("it lacks CPUs only") != std::string::npos;
  })) << narke::explain(large);
  auto small = narke::task([] {}, {.num_cpus = 0.5, .name = "small"}).remote();
  EXPECT_TRUE(narke_test::eventually([&] {
    return narke::explain(small).find("free CPUs are kept for task 'large'") != std::string::npos;
  })) << narke::explain(small);
  busy.release();
  narke::get(large);
  narke::get(small);
}

TEST_F(explain, tells_that_actors_hold_cpus_for_life) {
  start(2);
  auto c = narke::actor<counter>({.num_cpus = 1, .name = "owner"}).remote();
  narke::get(c.task(&counter::value).remote());
  auto both = narke::task([] {}, {.num_cpus = 2}).remote();
  EXPECT_TRUE(narke_test::eventually([&] {
    return narke::explain(both).find("CPUs that actors hold") != std::string::npos;
  })) << narke::explain(both);
  EXPECT_THAT(narke::explain(both), HasSubstr("actor 'owner'"));
  narke::kill(c);
  narke::get(both);
}

TEST_F(explain, tells_that_a_bundle_is_in_use) {
  start(2);
  const narke::placement_group group{{{.num_cpus = 1}}};
  narke::get(group.ready());
  narke_test::gate hold;
  const narke_test::tally begun;
  const auto scheduling = narke::scheduling::bundle(group, 0);
  auto first = narke::task(
                   [=, wait = hold.waiter()] {
                     begun.add();
                     wait();
                   },
                   {.scheduling = scheduling})
                   .remote();
  begun.wait_for(1);
  auto second = narke::task([] {}, {.scheduling = scheduling}).remote();
  EXPECT_THAT(narke::explain(second), HasSubstr("the bundle of its placement group is in use"));
  hold.open();
  narke::get(second);
}

TEST_F(explain, tells_that_the_store_is_full) {
  constexpr std::size_t mib = std::size_t{1} << 20;
  narke::init({.num_cpus = 2, .object_store_memory = mib});
  auto full = narke::task([] { return std::vector<char>(2 * mib); }).remote();
  narke::get(full);
  narke_test::busy_cpus busy{1};
  auto next = narke::task([] {}, {.name = "next"}).remote();
  EXPECT_THAT(narke::explain(next),
              AllOf(HasSubstr("PENDING_OBJ_STORE_MEM_AVAIL"), HasSubstr("the object store is full"),
                    HasSubstr(std::to_string(mib) + " bytes")));
  full = {};
  narke::get(next);
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

TEST_F(task_list, tells_what_tasks_ask_for_and_that_calls_ask_for_nothing_of_their_own) {
  narke::init({.num_cpus = 2, .resources = {{"license", 2}}});
  narke_test::gate hold;
  const narke_test::tally begun;
  auto c = narke::actor<counter>({.resources = {{"license", 1}}, .name = "shop"}).remote();
  auto call = c.task(&counter::wait).remote(hold.waiter(), begun);
  auto held = narke::task(
                  [=, wait = hold.waiter()] {
                    begun.add();
                    wait();
                  },
                  {.memory = 1000, .resources = {{"license", 0.5}}, .name = "held"})
                  .remote();
  begun.wait_for(2);
  auto too_many = narke::task([] {}, {.resources = {{"license", 2}}, .name = "too many"}).remote();
  const json all = tasks();
  EXPECT_EQ(named(all, "held").at("required_resources"),
            (json{{"CPU", 1.0}, {"memory", 1000.0}, {"license", 0.5}}));
  const auto its = std::find_if(all.begin(), all.end(), [](const json& each) {
    return each.at("type") == "ACTOR_TASK" && each.at("state") == "RUNNING";
  });
  ASSERT_NE(its, all.end());
  EXPECT_EQ(its->at("required_resources"), json::object());
  EXPECT_EQ(named(all, "too many").at("state"), "PENDING_NODE_ASSIGNMENT");
  EXPECT_THAT(named(all, "too many").at("reason").get<std::string>(),
              HasSubstr("license: 2 asked, 0.5 free"));
  hold.open();
  narke::get(call);
  narke::kill(c);
  narke::get(too_many);
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
