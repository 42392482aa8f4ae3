// The rules of tasks, for those in processes of their own: attempts, time, memory.
#include <narke/narke.hpp>

#include <support/runtime_fixture.hpp>
#include <support/values.hpp>
#include <support/worker_processes.hpp>

#include <unistd.h>

#include <chrono>
#include <cstdlib>
#include <stdexcept>
#include <string>
#include <vector>

using namespace std::chrono_literals;
using narke_test::children;
using narke_test::eventually;
using narke_test::message_of;
using narke_test::shared_counts;

namespace {

class isolation_rules : public narke_test::two_cpus_test {
 protected:
  void TearDown() override {
    two_cpus_test::TearDown();
    EXPECT_TRUE(children().empty()) << "a worker outlives shutdown";
  }

  shared_counts counts_{1};
};

// Ends its process until it is called for the n-th time; then the number of the attempt.
int crashes_before(const std::string& path, int n) {
  if (shared_counts::add_one(path, 0) < n) ::_exit(9);
  return narke::this_task::attempt();
}

int throws_before(const std::string& path, int n) {
  if (shared_counts::add_one(path, 0) < n) throw std::runtime_error{"not yet"};
  return narke::this_task::attempt();
}

void runs_for_ever(const std::string& path) {
  shared_counts::add_one(path, 0);
  for (;;) ::pause();
}

TEST_F(isolation_rules, a_crash_is_tried_again_without_retry_exceptions) {
  auto ref = narke::task(crashes_before, {.max_retries = 5,
                                          .isolation = narke::isolation::process,
                                          .retry_delay = 0ms})
                 .remote(counts_.path(), 4);
  EXPECT_EQ(narke::get(ref), 3);
  EXPECT_EQ(counts_[0], 4);
}

TEST_F(isolation_rules, crashes_end_with_worker_crashed_error_when_no_retry_is_left) {
  auto ref = narke::task(crashes_before, {.max_retries = 2,
                                          .isolation = narke::isolation::process,
                                          .retry_delay = 0ms})
                 .remote(counts_.path(), 9);
  const std::string told = message_of<narke::worker_crashed_error>([&] { narke::get(ref); });
  EXPECT_NE(told.find("attempt 2"), std::string::npos) << told;
  EXPECT_EQ(counts_[0], 3);
}

TEST_F(isolation_rules, a_crash_is_final_without_max_retries) {
  auto ref = narke::task(crashes_before, {.isolation = narke::isolation::process})
                 .remote(counts_.path(), 2);
  EXPECT_THROW(narke::get(ref), narke::worker_crashed_error);
  EXPECT_EQ(counts_[0], 1);
}

TEST_F(isolation_rules, what_is_thrown_there_is_tried_again_only_when_asked) {
  narke::task_options options{.max_retries = 5,
                              .isolation = narke::isolation::process,
                              .retry_delay = 0ms};
  EXPECT_THROW(narke::get(narke::task(throws_before, options).remote(counts_.path(), 3)),
               std::runtime_error);
  EXPECT_EQ(counts_[0], 1);
  options.retry_exceptions = narke::retry_on<std::runtime_error>();
  EXPECT_EQ(narke::get(narke::task(throws_before, options).remote(counts_.path(), 4)), 2);
}

std::size_t crashes_once_with(const std::string& path, std::vector<int> by_value,
                              const std::string& in_place, std::vector<int> gathered) {
  const std::size_t all = by_value.size() + in_place.size() + gathered.size();
  by_value.clear();
  gathered.clear();
  if (shared_counts::add_one(path, 0) == 1) std::abort();
  return all;
}

TEST_F(isolation_rules, another_attempt_is_given_the_same_arguments) {
  auto last = narke::put(std::vector<int>(100));
  std::vector<narke::object_ref<int>> numbers{narke::put(1), narke::put(2)};
  auto ref = narke::task(crashes_once_with, {.max_retries = 1,
                                             .isolation = narke::isolation::process,
                                             .retry_delay = 0ms})
                 .remote(counts_.path(), std::move(last), narke::put(std::string(30, 'x')),
                         std::move(numbers));
  EXPECT_EQ(narke::get(ref), 132U);
  EXPECT_EQ(counts_[0], 2);
}

// The body does not look at stop_requested(): only the end of its process ends it.
TEST_F(isolation_rules, a_timeout_ends_the_process_and_all_comes_back) {
  auto ref = narke::task(runs_for_ever, {.memory = 64 << 20,
                                         .max_retries = 5,
                                         .timeout = 300ms,
                                         .isolation = narke::isolation::process})
                 .remote(counts_.path());
  EXPECT_THROW(narke::get(ref), narke::task_timeout_error);
  EXPECT_TRUE(eventually(
      [] { return narke::available_resources() == narke_test::all_resources(); }));
  EXPECT_TRUE(eventually([] { return children().empty(); })) << "the process goes on";
  EXPECT_LE(counts_[0], 1) << "what timed out is not tried again";
}

// However early it comes: before the call has a process, while one starts, or in the body.
TEST_F(isolation_rules, a_timeout_of_any_moment_ends_the_process) {
  for (const auto timeout : {1us, 100us, 500us, 1'000us, 5'000us, 20'000us}) {
    for (int round = 0; round != 5; ++round) {
      auto ref = narke::task(runs_for_ever, {.timeout = timeout,
                                             .isolation = narke::isolation::process})
                     .remote(counts_.path());
      EXPECT_THROW(narke::get(ref), narke::task_timeout_error);
    }
  }
  EXPECT_TRUE(eventually(
      [] { return narke::available_resources() == narke_test::all_resources(); }));
}

TEST_F(isolation_rules, a_body_in_time_keeps_its_process) {
  auto ask = narke::task(narke_test::own_process,
                         {.timeout = 1h, .isolation = narke::isolation::process});
  const int first = narke::get(ask.remote());
  EXPECT_EQ(narke::get(ask.remote()), first);
}

TEST_F(isolation_rules, an_attempt_over_its_memory_counts) {
  const auto grow = [](const std::string& path) {
    const int call = shared_counts::add_one(path, 0);
    if (call < 3) {
      std::vector<char> all(std::size_t{100} << 20, 'x');
      for (;;) ::pause();  // until the limit is seen
    }
    return call;
  };
  auto ref = narke::task(grow, {.memory = 20 << 20,
                                .max_retries = 2,
                                .isolation = narke::isolation::process,
                                .retry_delay = 0ms})
                 .remote(counts_.path());
  EXPECT_EQ(narke::get(ref), 3);
  counts_[0] = 0;
  auto failed = narke::task(grow, {.memory = 20 << 20,
                                   .max_retries = 1,
                                   .isolation = narke::isolation::process,
                                   .retry_delay = 0ms})
                    .remote(counts_.path());
  EXPECT_NE(message_of<narke::worker_crashed_error>([&] { narke::get(failed); })
                .find("limit of memory"),
            std::string::npos);
}

TEST_F(isolation_rules, what_was_cancelled_by_force_is_not_tried_again) {
  auto ref = narke::task(runs_for_ever, {.max_retries = -1,
                                         .isolation = narke::isolation::process,
                                         .retry_delay = 0ms})
                 .remote(counts_.path());
  ASSERT_TRUE(eventually([&] { return counts_[0] == 1; }));
  EXPECT_TRUE(narke::cancel(ref, {.force = true}));
  EXPECT_THROW(narke::get(ref), narke::task_cancelled_error);
  EXPECT_EQ(counts_[0], 1);
}

TEST_F(isolation_rules, an_array_that_is_consumed_may_be_given_again) {
  const auto bump = [](const std::string& path, narke::array_builder<int> values) {
    for (int& each : values) ++each;
    if (shared_counts::add_one(path, 0) == 1) std::abort();
    return values;
  };
  auto ref = narke::task(bump, {.max_retries = 1,
                                .isolation = narke::isolation::process,
                                .retry_delay = 0ms})
                 .remote(counts_.path(), narke::array<int>{std::vector<int>(1000, 1)});
  EXPECT_EQ(narke::get(ref).to_vector(), std::vector<int>(1000, 2));
}

}  // namespace
