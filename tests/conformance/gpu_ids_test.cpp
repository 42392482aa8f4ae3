// CPU tasks and actors that ask for GPUs: which they get, how they share them.
#include <support/runtime_fixture.hpp>
#include <support/values.hpp>

#include <algorithm>
#include <latch>
#include <memory>
#include <set>
#include <vector>

using narke_test::gate;
using narke_test::tally;

namespace {

using ids = std::vector<int>;

class gpu_ids : public narke_test::runtime_test {
 protected:
  static void start_with(int gpus, int cpus = 2) {
    narke::init({.num_cpus = cpus, .emulated_gpus = {.count = gpus, .memory_bytes = 1 << 20}});
  }
};

/// Tasks that keep their GPUs until `release`, submitted one after the other.
class gpu_holders {
 public:
  ids hold(double num_gpus) {
    auto given = std::make_shared<ids>();
    refs_.push_back(narke::task([=, started = started_, wait = gate_.waiter()] {
                      *given = narke::get_gpu_ids();
                      started.add();
                      wait();
                    }, {.num_cpus = 0, .num_gpus = num_gpus}).remote());
    started_.wait_for(static_cast<int>(refs_.size()));
    std::sort(given->begin(), given->end());
    return *given;
  }

  void release() {
    gate_.open();
    narke::get(refs_);
  }

 private:
  gate gate_;
  tally started_;
  std::vector<narke::object_ref<void>> refs_;
};

TEST_F(gpu_ids, outside_are_all_that_the_runtime_manages) {
  start_with(2);
  EXPECT_EQ(narke::get_gpu_ids(), (ids{0, 1}));
}

TEST_F(gpu_ids, without_gpus_there_are_none) {
  narke::init({.num_cpus = 1, .num_gpus = 0});
  EXPECT_EQ(narke::get_gpu_ids(), ids{});
  EXPECT_TRUE(narke::gpus().empty());
  EXPECT_EQ(narke::get(narke::task([] { return narke::get_gpu_ids(); }).remote()), ids{});
}

TEST_F(gpu_ids, inside_are_those_given_to_the_task) {
  start_with(2);
  const auto own = [] { return narke::get_gpu_ids(); };
  EXPECT_EQ(narke::get(narke::task(own).remote()), ids{});
  EXPECT_EQ(narke::get(narke::task(own, {.num_gpus = 1}).remote()), ids{0});
  EXPECT_EQ(narke::get(narke::task(own, {.num_gpus = 0.25}).remote()), ids{0});
  auto both = narke::get(narke::task(own, {.num_gpus = 2}).remote());
  std::sort(both.begin(), both.end());
  EXPECT_EQ(both, (ids{0, 1}));
}

TEST_F(gpu_ids, of_a_task_inside_a_get_are_its_own) {
  start_with(2);
  const auto own = [] { return narke::get_gpu_ids(); };
  const auto outer = [=] {
    const auto mine = narke::get_gpu_ids();
    const auto none = narke::get(narke::task(own).remote());
    const auto other = narke::get(narke::task(own, {.num_gpus = 1}).remote());
    return none.empty() && other != mine && narke::get_gpu_ids() == mine;
  };
  EXPECT_TRUE(narke::get(narke::task(outer, {.num_gpus = 1}).remote()));
}

TEST_F(gpu_ids, halves_fill_the_first_gpu_before_the_next) {
  start_with(3);
  gpu_holders holders;
  EXPECT_EQ(holders.hold(0.5), ids{0});
  EXPECT_EQ(holders.hold(0.5), ids{0});
  EXPECT_EQ(holders.hold(0.5), ids{1});
  holders.release();
}

TEST_F(gpu_ids, whole_gpus_come_from_the_lowest_free_one) {
  start_with(4);
  gpu_holders holders;
  EXPECT_EQ(holders.hold(0.5), ids{0});
  EXPECT_EQ(holders.hold(1), ids{1});
  EXPECT_EQ(holders.hold(2), (ids{2, 3}));
  EXPECT_EQ(holders.hold(0.5), ids{0});
  holders.release();
}

TEST_F(gpu_ids, a_fraction_goes_where_it_fits_best) {
  start_with(2);
  gpu_holders holders;
  EXPECT_EQ(holders.hold(0.5), ids{0});
  EXPECT_EQ(holders.hold(0.7), ids{1});
  EXPECT_EQ(holders.hold(0.3), ids{1});
  EXPECT_EQ(holders.hold(0.4), ids{0});
  holders.release();
}

TEST_F(gpu_ids, a_fraction_never_spans_two_gpus) {
  start_with(2);
  gpu_holders holders;
  EXPECT_EQ(holders.hold(0.6), ids{0});
  EXPECT_EQ(holders.hold(0.6), ids{1});
  auto third = narke::task([] { return narke::get_gpu_ids(); }, {.num_gpus = 0.6}).remote();
  narke::get(narke::task([] {}).remote());
  EXPECT_FALSE(narke::is_ready(third));
  holders.release();
  EXPECT_EQ(narke::get(third).size(), 1U);
}

TEST_F(gpu_ids, four_quarters_share_one_gpu_at_once) {
  start_with(1);
  const auto met = std::make_shared<std::latch>(4);
  std::vector<narke::object_ref<ids>> refs;
  for (int i = 0; i < 4; ++i) {
    refs.push_back(narke::task([=] {
                     met->arrive_and_wait();
                     return narke::get_gpu_ids();
                   }, {.num_cpus = 0, .num_gpus = 0.25}).remote());
  }
  for (const auto& given : narke::get(refs)) EXPECT_EQ(given, ids{0});
}

TEST_F(gpu_ids, a_gpu_is_never_given_beyond_its_share) {
  start_with(3);
  const auto load = std::make_shared<std::array<std::atomic<int>, 3>>();
  const tally wrong;
  std::vector<narke::object_ref<void>> refs;
  for (int i = 0; i < 300; ++i) {
    const int quarters = 1 + i % 4;
    refs.push_back(narke::task([=] {
                     const int gpu = narke::get_gpu_ids().at(0);
                     if (((*load)[gpu] += quarters) > 4) wrong.add();
                     std::this_thread::yield();
                     (*load)[gpu] -= quarters;
                   }, {.num_cpus = 0, .num_gpus = quarters / 4.0}).remote());
  }
  narke::get(refs);
  EXPECT_EQ(wrong.value(), 0);
}

TEST_F(gpu_ids, requests_beyond_the_gpus_are_infeasible) {
  start_with(2);
  const auto request = [](const narke::task_options& options) {
    narke::task([] {}, options).remote();
  };
  EXPECT_THROW(request({.num_gpus = 3}), narke::infeasible_request);
  EXPECT_THROW(request({.num_gpus = 1, .gpu_memory = 1 << 21}), narke::infeasible_request);
  EXPECT_THROW(request({.num_gpus = 1.5}), std::invalid_argument);
  EXPECT_THROW(narke::actor<tally>({.num_gpus = 3}).remote(), narke::infeasible_request);
}

TEST_F(gpu_ids, the_list_describes_each_gpu) {
  start_with(2);
  const auto listed = narke::gpus();
  ASSERT_EQ(listed.size(), 2U);
  std::set<std::string> uuids;
  for (int i = 0; i < 2; ++i) {
    EXPECT_EQ(listed[i].id, i);
    EXPECT_TRUE(listed[i].is_emulated);
    EXPECT_EQ(listed[i].memory_bytes, 1U << 20);
    EXPECT_FALSE(listed[i].name.empty());
    uuids.insert(listed[i].uuid);
  }
  EXPECT_EQ(uuids.size(), 2U);
}

class gpu_actor {
 public:
  gpu_actor() : at_start_{narke::get_gpu_ids()} {}
  ids at_start() const { return at_start_; }
  ids now() const { return narke::get_gpu_ids(); }

 private:
  ids at_start_;
};

TEST_F(gpu_ids, an_actor_keeps_its_gpu_for_life) {
  start_with(2);
  auto first = std::make_optional(narke::actor<gpu_actor>({.num_gpus = 1}).remote());
  auto second = narke::actor<gpu_actor>({.num_gpus = 1}).remote();
  const auto mine = narke::get(first->task(&gpu_actor::at_start).remote());
  EXPECT_EQ(mine.size(), 1U);
  EXPECT_EQ(narke::get(first->task(&gpu_actor::now).remote()), mine);
  EXPECT_NE(narke::get(second.task(&gpu_actor::now).remote()), mine);
  EXPECT_EQ(narke_test::available("GPU"), 0.0);
  auto queued = narke::task([] { return narke::get_gpu_ids(); }, {.num_gpus = 1}).remote();
  EXPECT_FALSE(narke::is_ready(queued));
  first.reset();
  EXPECT_EQ(narke::get(queued), mine);
}

TEST_F(gpu_ids, a_task_that_waits_keeps_its_gpus) {
  start_with(1, 1);
  gate hold;
  auto slow = narke::task([wait = hold.waiter()] { wait(); }, {.num_cpus = 0}).remote();
  const tally started;
  auto waiting = narke::task([=] {
    started.add();
    narke::get(slow);
  }, {.num_cpus = 1, .num_gpus = 1}).remote();
  started.wait_for(1);
  EXPECT_EQ(narke::get(narke::task([] { return 1; }).remote()), 1) << "the CPU is back";
  EXPECT_EQ(narke_test::available("GPU"), 0.0);
  hold.open();
  narke::get(waiting);
}

}  // namespace
