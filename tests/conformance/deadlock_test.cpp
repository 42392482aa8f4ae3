// deadlock_error: the wait that closes a cycle throws, whatever the cycle is made of; and no wait
// that something can end.
#include <support/runtime_fixture.hpp>
#include <support/values.hpp>

#include <memory>
#include <optional>

using narke_test::gate;
using narke_test::tally;
using namespace std::chrono_literals;

namespace {

class deadlock : public narke_test::runtime_test {
 protected:
  void SetUp() override {
    runtime_test::SetUp();
    narke::init({.num_cpus = 2,
                 .resources = {{"license", 1}},
                 .emulated_gpus = {.count = 1, .memory_bytes = 1 << 20}});
  }
  // A ref for a task that is made before the ref is.
  using mailbox = std::shared_ptr<narke::promise<narke::object_ref<int>>>;
  static mailbox make_mailbox() {
    return std::make_shared<narke::promise<narke::object_ref<int>>>();
  }
};

// Whether the body, which is to find a deadlock, did.
template <class Body>
bool finds_deadlock(Body&& body) {
  try {
    body();
    return false;
  } catch (const narke::deadlock_error&) {
    return true;
  }
}

TEST_F(deadlock, a_task_that_waits_for_its_own_result) {
  auto box = make_mailbox();
  auto ref = narke::task([own = box->ref()] { return narke::get(narke::get(own)); }).remote();
  box->set_value(ref);
  const auto message = narke_test::message_of<narke::deadlock_error>([&] { narke::get(ref); });
  EXPECT_NE(message.find("deadlock_test.cpp"), std::string::npos) << message;
}

TEST_F(deadlock, of_one_in_a_long_list) {
  auto box = make_mailbox();
  auto ref = narke::task([own = box->ref()] {
               std::vector<narke::object_ref<int>> refs;
               for (int i = 0; i != 20; ++i) {
                 refs.push_back(i == 7 ? narke::get(own) : narke::put(i));
               }
               return narke::get(refs).front();
             }).remote();
  box->set_value(ref);
  EXPECT_THROW(narke::get(ref), narke::deadlock_error);
}

TEST_F(deadlock, two_that_wait_for_each_other) {
  auto box = make_mailbox();
  auto other_box = make_mailbox();
  const auto waits = [](const narke::object_ref<narke::object_ref<int>>& other) {
    return narke::get(narke::get(other));
  };
  auto one = narke::task(waits, {.name = "one"}).remote(box->ref());
  auto two = narke::task(waits, {.name = "two"}).remote(other_box->ref());
  box->set_value(two);
  other_box->set_value(one);
  const auto message = narke_test::message_of<narke::deadlock_error>([&] { narke::get(one); });
  EXPECT_NE(message.find("'one'"), std::string::npos) << message;
  EXPECT_NE(message.find("'two'"), std::string::npos) << message;
  EXPECT_THROW(narke::get(two), narke::deadlock_error);
}

TEST_F(deadlock, by_wait_and_as_completed) {
  auto box = make_mailbox();
  auto by_wait = narke::task([own = box->ref()] {
                   narke::wait(std::vector{narke::get(own), narke::put(1)}, {.num_returns = 2});
                   return 1;
                 }).remote();
  box->set_value(by_wait);
  EXPECT_THROW(narke::get(by_wait), narke::deadlock_error);
  box = make_mailbox();
  auto by_list =
      narke::task([own = box->ref()] {
        int sum = 0;
        for (auto& each : narke::as_completed(std::vector{narke::put(1), narke::get(own)})) {
          sum += narke::get(each);
        }
        return sum;
      }).remote();
  box->set_value(by_list);
  EXPECT_THROW(narke::get(by_list), narke::deadlock_error);
}

TEST_F(deadlock, a_task_that_waits_for_what_has_its_result_as_an_argument) {
  auto box = make_mailbox();
  auto ref = narke::task([own = box->ref()] {
               return narke::get(narke::task([](int x) { return x; }).remote(narke::get(own)));
             }).remote();
  box->set_value(ref);
  EXPECT_THROW(narke::get(ref), narke::deadlock_error);
}

TEST_F(deadlock, a_custom_resource) {
  auto ref = narke::task(
                 [] {
                   return finds_deadlock([] {
                     narke::get(narke::task([] {}, {.resources = {{"license", 1}}}).remote());
                   });
                 },
                 {.resources = {{"license", 1}}})
                 .remote();
  EXPECT_TRUE(narke::get(ref));
}

TEST_F(deadlock, memory) {
  const double all = narke::cluster_resources().at("memory");
  auto ref = narke::task(
                 [=] {
                   return finds_deadlock(
                       [=] { narke::get(narke::task([] {}, {.memory = all}).remote()); });
                 },
                 {.memory = 1000})
                 .remote();
  EXPECT_TRUE(narke::get(ref));
}

TEST_F(deadlock, a_gpu) {
  auto ref = narke::task(
                 [] {
                   return finds_deadlock(
                       [] { narke::get(narke::task([] {}, {.num_gpus = 0.75}).remote()); });
                 },
                 {.num_gpus = 0.5})
                 .remote();
  EXPECT_TRUE(narke::get(ref));
}

struct actor_of_itself {
  bool call(const narke::actor_handle<actor_of_itself>& own) {
    return finds_deadlock([&] { narke::get(own.task(&actor_of_itself::answer).remote()); });
  }
  int answer() { return 1; }
};

TEST_F(deadlock, an_actor_that_waits_for_its_own_turn) {
  auto actor = narke::actor<actor_of_itself>().remote();
  EXPECT_TRUE(narke::get(actor.task(&actor_of_itself::call).remote(actor)));
  auto two = narke::actor<actor_of_itself>({.max_concurrency = 2}).remote();
  EXPECT_FALSE(narke::get(two.task(&actor_of_itself::call).remote(two))) << "it has another turn";
}

struct holds_the_gpu {
  bool call() {
    return finds_deadlock([] { narke::get(narke::task([] {}, {.num_gpus = 0.75}).remote()); });
  }
};

TEST_F(deadlock, what_the_actor_holds_whose_method_waits) {
  auto actor = narke::actor<holds_the_gpu>({.num_gpus = 0.5}).remote();
  EXPECT_TRUE(narke::get(actor.task(&holds_the_gpu::call).remote()));
}

struct needs_a_license {
  int answer() { return 1; }
};

TEST_F(deadlock, what_an_actor_asks_for_before_it_is_there) {
  auto ref =
      narke::task(
          [] {
            return finds_deadlock([] {
              auto actor = narke::actor<needs_a_license>({.resources = {{"license", 1}}}).remote();
              narke::get(actor.task(&needs_a_license::answer).remote());
            });
          },
          {.resources = {{"license", 1}}})
          .remote();
  EXPECT_TRUE(narke::get(ref));
}

class deadlock_on_two_gpus : public narke_test::runtime_test {
 protected:
  void SetUp() override {
    runtime_test::SetUp();
    narke::init({.num_cpus = 2,
                 .resources = {{"license", 3}},
                 .emulated_gpus = {.count = 2, .memory_bytes = 1 << 20}});
  }
};

// Half of each is free: one GPU in all, but nowhere three quarters.
TEST_F(deadlock_on_two_gpus, pieces_of_several_gpus) {
  const tally begun;
  const auto waits = [=] {
    begun.add();
    begun.wait_for(2);
    return finds_deadlock([] { narke::get(narke::task([] {}, {.num_gpus = 0.75}).remote()); });
  };
  const narke::task_options half{
      .num_cpus = 0, .num_gpus = 0.5, .scheduling = narke::scheduling::spread()};
  auto one = narke::task(waits, half).remote();
  auto two = narke::task(waits, half).remote();
  const bool is_found_by_one = narke::get(one);
  const bool is_found_by_two = narke::get(two);
  EXPECT_TRUE(is_found_by_one || is_found_by_two);
}

// Another has a third licence and will let it go, which is not enough.
TEST_F(deadlock_on_two_gpus, more_than_the_others_hold) {
  narke::promise<int> promise;
  const tally begun;
  auto other = narke::task(
                   [=, from_outside = promise.ref()] {
                     begun.add();
                     return narke::get(from_outside);
                   },
                   {.resources = {{"license", 1}}})
                   .remote();
  begun.wait_for(1);
  auto ref = narke::task(
                 [] {
                   return finds_deadlock([] {
                     narke::get(narke::task([] {}, {.resources = {{"license", 2}}}).remote());
                   });
                 },
                 {.resources = {{"license", 2}}})
                 .remote();
  EXPECT_TRUE(narke::get(ref));
  promise.set_value(1);
  narke::get(other);
}

// What is no deadlock.

TEST_F(deadlock, not_while_a_promise_is_open) {
  narke::promise<int> promise;
  const tally waiting;
  auto ref = narke::task([=, from_outside = promise.ref()] {
               waiting.add();
               return narke::get(from_outside);
             }).remote();
  waiting.wait_for(1);
  std::this_thread::sleep_for(200ms);  // long enough to look
  promise.set_value(5);
  EXPECT_EQ(narke::get(ref), 5);
}

TEST_F(deadlock, not_while_somebody_else_holds_a_part) {
  gate hold;
  const tally started;
  auto other = narke::task(
                   [=, wait = hold.waiter()] {
                     started.add();
                     wait();
                   },
                   {.num_cpus = 0, .num_gpus = 0.25})
                   .remote();
  started.wait_for(1);
  auto ref = narke::task(
                 [=] {
                   started.add();
                   narke::get(narke::task([] {}, {.num_gpus = 0.75}).remote());
                   return 1;
                 },
                 {.num_gpus = 0.25})
                 .remote();
  started.wait_for(2);
  std::this_thread::sleep_for(200ms);
  hold.open();
  EXPECT_EQ(narke::get(ref), 1);
  narke::get(other);
}

TEST_F(deadlock, not_with_a_timeout) {
  auto box = make_mailbox();
  auto ref = narke::task([own = box->ref()] {
               try {
                 return narke::get(narke::get(own), 200ms);
               } catch (const narke::get_timeout_error&) {
                 return 7;
               }
             }).remote();
  box->set_value(ref);
  EXPECT_EQ(narke::get(ref), 7);
  box = make_mailbox();
  auto limited =
      narke::task([own = box->ref()] { return narke::get(narke::get(own)); }, {.timeout = 200ms})
          .remote();
  box->set_value(limited);
  EXPECT_THROW(narke::get(limited), narke::task_timeout_error);
  narke::cancel(limited);
}

// Trees of tasks that wait for their children, deeper than there are CPUs, and share one licence in
// turn: whoever waits holds nothing that others need.
TEST_F(deadlock, no_false_alarm_in_random_trees) {
  struct tree {
    static int run(int depth, unsigned seed) {
      std::vector<narke::object_ref<int>> children;
      for (int i = 0; depth != 0 && i != 2; ++i) {
        seed = seed * 1'664'525U + 1'013'904'223U;
        const narke::task_options options =
            depth == 1 && seed % 4 == 0 ? narke::task_options{.resources = {{"license", 1}}}
                                        : narke::task_options{.num_cpus = seed % 3 == 0 ? 0.5 : 1};
        children.push_back(narke::task(&tree::run, options).remote(depth - 1, seed));
      }
      if (depth == 0) std::this_thread::sleep_for(std::chrono::milliseconds{seed % 30});
      int sum = 1;
      for (int each : narke::get(children)) sum += each;
      return sum;
    }
  };
  for (unsigned seed = 0; seed != 5; ++seed) {
    EXPECT_EQ(narke::get(narke::task(&tree::run).remote(5, seed)), 63) << "seed " << seed;
  }
}

}  // namespace
