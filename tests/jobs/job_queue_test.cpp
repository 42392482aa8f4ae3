#include "jobs/job_queue.hpp"

#include <map>
#include <optional>
#include <random>
#include <string>
#include <vector>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace narke::internal {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;

resource_totals machine_of(int cpus, int gpus) {
  resource_totals totals{.cpus = cpus};
  for (int id = 0; id < gpus; ++id) totals.gpus.push_back({.id = id, .memory_bytes = 1 << 30});
  return totals;
}

resource_request asks(double cpus, double gpus) {
  return make_request({.num_cpus = cpus, .num_gpus = gpus});
}

// A queue, and what runs of it.
class scene {
 public:
  scene(int cpus, int gpus, int running_max = 1'000) : queue{machine_of(cpus, gpus), running_max} {}
  ~scene() {
    while (!running.empty()) end(running.begin()->first);
    EXPECT_TRUE(queue.everything_is_free());
  }
  scene(const scene&) = delete;
  scene& operator=(const scene&) = delete;

  int add(double cpus, double gpus) {
    queue.add(++last_id, asks(cpus, gpus));
    return last_id;
  }
  // The jobs that begin, in order.
  std::vector<int> start() {
    std::vector<int> started;
    while (auto placed = queue.take_next()) {
      started.push_back(placed->id);
      running.emplace(placed->id, std::move(*placed));
    }
    return started;
  }
  void end(int id) {
    queue.give_back(running.at(id));
    running.erase(id);
  }
  std::vector<int> gpus_of(int id) { return running.at(id).held.gpu_ids(); }

  job_queue queue;
  std::map<int, placed_job> running;
  int last_id = 0;
};

TEST(job_queue, starts_jobs_in_order_while_there_are_cpus) {
  scene all{2, 0};
  for (int i = 0; i < 4; ++i) all.add(1, 0);
  EXPECT_THAT(all.start(), ElementsAre(1, 2));
  all.end(2);
  EXPECT_THAT(all.start(), ElementsAre(3));
  EXPECT_EQ(all.queue.waiting(), 1U);
}

TEST(job_queue, runs_no_more_at_once_than_it_may) {
  scene all{8, 0, 3};
  for (int i = 0; i < 5; ++i) all.add(0, 0);
  EXPECT_THAT(all.start(), ElementsAre(1, 2, 3));
}

TEST(job_queue, shares_of_a_gpu_never_span_two) {
  scene all{100, 2};
  for (int i = 0; i < 20; ++i) all.add(1, 0.15);
  EXPECT_EQ(all.start().size(), 12U) << "6 shares of 0.15 in each GPU";
  EXPECT_THAT(all.gpus_of(1), ElementsAre(0));
  EXPECT_THAT(all.gpus_of(12), ElementsAre(1));
}

TEST(job_queue, ten_jobs_of_a_tenth_fit_one_gpu_exactly) {
  scene all{100, 1};
  for (int i = 0; i < 11; ++i) all.add(1, 0.1);
  EXPECT_EQ(all.start().size(), 10U);
}

TEST(job_queue, a_job_that_waits_for_a_gpu_holds_up_none_without) {
  scene all{4, 1};
  all.add(1, 1);
  all.add(1, 1);
  all.add(1, 0);
  EXPECT_THAT(all.start(), ElementsAre(1, 3));
}

TEST(job_queue, a_job_for_all_gpus_gets_its_turn_under_a_stream_of_small_ones) {
  scene all{100, 2};
  all.add(1, 0.5);  // 1
  all.add(1, 0.5);  // 2
  all.add(1, 0.5);  // 3
  all.add(1, 0.5);  // 4
  EXPECT_THAT(all.start(), ElementsAre(1, 2, 3, 4));
  const int large = all.add(1, 2);
  for (int i = 0; i < 20; ++i) all.add(1, 0.5);
  std::vector<int> begun;
  for (const int id : {1, 3, 2, 4}) {
    all.end(id);
    for (const int started : all.start()) begun.push_back(started);
  }
  EXPECT_THAT(begun, ElementsAre(large));
  EXPECT_THAT(all.gpus_of(large), ElementsAre(0, 1));
}

TEST(job_queue, younger_jobs_use_the_gpus_that_the_oldest_does_not_need) {
  scene all{100, 3};
  all.add(1, 1);  // 1 on GPU 0
  all.add(1, 1);  // 2 on GPU 1
  EXPECT_THAT(all.start(), ElementsAre(1, 2));
  const int large = all.add(1, 2);
  const int small = all.add(1, 0.5);
  EXPECT_THAT(all.start(), IsEmpty()) << "GPU 2 and the next that comes free are kept";
  all.end(1);
  EXPECT_THAT(all.start(), ElementsAre(large));
  EXPECT_THAT(all.gpus_of(large), ElementsAre(0, 2));
  all.end(2);
  EXPECT_THAT(all.start(), ElementsAre(small));
}

TEST(job_queue, a_job_for_many_cpus_gets_its_turn_and_keeps_its_gpu) {
  scene all{4, 1};
  all.add(1, 0);
  all.add(1, 0);
  EXPECT_THAT(all.start(), ElementsAre(1, 2));
  const int large = all.add(4, 1);
  all.add(1, 0);
  all.add(0, 1);
  const int nothing = all.add(0, 0);
  EXPECT_THAT(all.start(), ElementsAre(nothing));
  all.end(1);
  EXPECT_THAT(all.start(), IsEmpty());
  all.end(2);
  EXPECT_THAT(all.start(), ElementsAre(large));
}

TEST(job_queue, one_that_is_tried_again_keeps_its_age) {
  scene all{1, 0};
  all.add(1, 0);
  all.add(1, 0);
  EXPECT_THAT(all.start(), ElementsAre(1));
  all.end(1);
  all.queue.add(1, asks(1, 0));
  EXPECT_THAT(all.start(), ElementsAre(1));
}

TEST(job_queue, says_what_was_asked_and_what_there_is) {
  const scene all{2, 1};
  EXPECT_EQ(all.queue.infeasible_reason(asks(2, 1)), std::nullopt);
  EXPECT_THAT(*all.queue.infeasible_reason(asks(1, 3)), HasSubstr("asks GPU: 3"));
  EXPECT_THAT(*all.queue.infeasible_reason(asks(1, 3)), HasSubstr("has GPU: 1"));
  EXPECT_THAT(*all.queue.infeasible_reason(asks(8, 0)), HasSubstr("has CPU: 2"));
}

// Every job runs once, nothing is held twice, and the queue empties, whatever the order of ends.
TEST(job_queue, random_histories_lose_nothing) {
  const std::vector<resource_request> shapes{asks(1, 0),   asks(0, 0),    asks(3, 0), asks(1, 1),
                                             asks(1, 0.5), asks(1, 0.33), asks(2, 2), asks(0, 3),
                                             asks(0.5, 0), asks(4, 0.1)};
  for (unsigned seed = 0; seed < 300; ++seed) {
    std::mt19937 random{seed};
    const auto pick = [&random](std::size_t count) {
      return std::uniform_int_distribution<std::size_t>{0, count - 1}(random);
    };
    scene all{4, 3, 1 + static_cast<int>(pick(12))};
    std::map<int, int> runs;
    constexpr int jobs = 60;
    while (all.last_id < jobs || all.queue.waiting() > 0 || !all.running.empty()) {
      if (all.last_id < jobs && pick(2) == 0) {
        all.queue.add(++all.last_id, shapes[pick(shapes.size())]);
      }
      for (const int id : all.start()) ++runs[id];
      quantity cpus;
      std::map<int, quantity> shares;
      for (const auto& [id, placed] : all.running) {
        cpus += placed.cpus;
        for (const auto& gpu : placed.held.gpus) shares[gpu.id] += gpu.share;
      }
      ASSERT_LE(cpus, quantity::from_whole(4)) << "seed " << seed;
      for (const auto& [gpu, share] : shares) ASSERT_LE(share, quantity::one()) << "seed " << seed;
      ASSERT_FALSE(all.running.empty() && all.queue.waiting() > 0) << "stuck, seed " << seed;
      if (!all.running.empty() && pick(2) == 0) {
        all.end(std::next(all.running.begin(), static_cast<int>(pick(all.running.size())))->first);
      }
    }
    ASSERT_EQ(runs.size(), static_cast<std::size_t>(jobs));
    for (const auto& [id, count] : runs) ASSERT_EQ(count, 1) << "job " << id << ", seed " << seed;
  }
}

// However many small jobs come behind it, each large one runs after a bounded number of ends.
TEST(job_queue, no_job_starves) {
  for (unsigned seed = 0; seed < 100; ++seed) {
    std::mt19937 random{seed};
    scene all{4, 4};
    for (int i = 0; i < 12; ++i) all.add(0.25, 0.5);
    (void)all.start();
    const int large = all.add(1, 4);
    int ends = 0;
    while (!all.running.contains(large)) {
      all.add(0.25, 0.5);
      all.add(0.25, 1);
      const auto at = std::uniform_int_distribution<std::size_t>{0, all.running.size() - 1}(random);
      all.end(std::next(all.running.begin(), static_cast<int>(at))->first);
      (void)all.start();
      ASSERT_LE(++ends, 12) << "seed " << seed << ": only the 12 before it may be waited for";
    }
  }
}

}  // namespace
}  // namespace narke::internal
