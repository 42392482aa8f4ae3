// Threads that cannot be made: a typed error or fewer workers, and nothing is lost.
#include <worker/pool_fixture.hpp>

#include <string>

#include <narke/errors.hpp>

namespace {

using narke::object_ref;
using narke_test::gate;
using narke_test::tally;

std::atomic<int> threads_left{0};

class thread_failure : public narke_test::pool_test {
 protected:
  void SetUp() override {
    narke::internal::thread_refusal_hook = []() noexcept { return --threads_left < 0; };
  }
  void TearDown() override {
    pool_test::TearDown();
    narke::internal::thread_refusal_hook = nullptr;
  }
  void start_with_threads(int cpus, int threads) {
    threads_left = threads;
    start(cpus);
  }
};

int add_one(int x) { return x + 1; }

TEST_F(thread_failure, of_the_first_thread_is_a_typed_error_and_may_be_tried_again) {
  threads_left = 0;
  EXPECT_THROW(pool().start(2), narke::error);
  EXPECT_EQ(pool().thread_count(), 0);
  start_with_threads(2, 2);
  EXPECT_EQ(narke::get(narke::task(add_one).remote(1)), 2);
}

TEST_F(thread_failure, of_others_leaves_fewer_workers_which_do_all_the_work) {
  start_with_threads(4, 1);
  EXPECT_EQ(pool().thread_count(), 1);
  std::vector<object_ref<int>> all;
  for (int i = 0; i != 1'000; ++i) all.push_back(narke::task(add_one).remote(i));
  for (int i = 0; i != 50; ++i) {
    all.push_back(narke::task(add_one, {.num_cpus = 0.5}).remote(i));
    all.push_back(narke::task(add_one, {.resources = {{"license", 1}}}).remote(i));
  }
  int sum = 0;
  for (int result : narke::get(all)) sum += result;
  EXPECT_EQ(sum, 500'500 + 2 * 1'275);
}

// The one thread there is cannot wait: nobody would be left to run what it waits for.
TEST_F(thread_failure, where_the_last_thread_would_wait_is_a_typed_error_in_that_task) {
  start_with_threads(2, 1);
  gate hold;
  const tally begun;
  auto waits = narke::task([=, wait = hold.waiter()] {
    auto other = narke::task(add_one, {.num_cpus = 0.5}).remote(1);
    begun.add();
    return narke::get(other);
  }).remote();
  begun.wait_for(1);
  std::string message;
  try {
    narke::get(waits);
  } catch (const narke::error& caught) {
    message = caught.what();
  }
  EXPECT_NE(message.find("no further one can be made"), std::string::npos) << message;
  EXPECT_EQ(narke::get(narke::task(add_one).remote(1)), 2) << "the runtime goes on";
}

TEST_F(thread_failure, that_is_over_is_forgotten) {
  start_with_threads(1, 1);
  // Begun before anybody asks for it: it runs on the worker, not on this thread.
  const tally begun;
  const auto nested = [begun] {
    auto other = narke::task(add_one, {.num_cpus = 0.5}).remote(1);
    begun.add();
    return narke::get(other);
  };
  auto first = narke::task(nested).remote();
  begun.wait_for(1);
  EXPECT_THROW(narke::get(first), narke::error);
  threads_left = 10;
  auto second = narke::task(nested).remote();
  begun.wait_for(2);
  EXPECT_EQ(narke::get(second), 2);
}

TEST_F(thread_failure, at_any_moment_loses_nothing) {
  for (int threads = 1; threads != 6; ++threads) {
    start_with_threads(2, threads);
    const auto nested = [](int x) {
      return narke::get(narke::task(add_one, {.num_cpus = 0.5}).remote(x));
    };
    std::vector<object_ref<int>> all;
    for (int i = 0; i != 20; ++i) all.push_back(narke::task(nested).remote(i));
    int done = 0;
    int failed = 0;
    for (auto& ref : all) {
      try {
        narke::get(ref);
        ++done;
      } catch (const narke::error&) {
        ++failed;
      }
    }
    EXPECT_EQ(done + failed, 20);
    expect_idle();
    stop();
  }
}

}  // namespace
