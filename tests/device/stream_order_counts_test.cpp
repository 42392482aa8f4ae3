// What order costs, counted at the driver: events, waits, synchronisations, allocations.
#include "engine_fixture.hpp"

namespace narke_test {
namespace {

struct chain_result {
  std::uint64_t last_value = 0;
  std::exception_ptr error;
};

// Each work is submitted when the one before is ordered, as placement does.
void run_chain(engine_scene& scene, int length, words first, std::uint64_t share,
               chain_result& result) {
  struct state {
    int left;
    words current;
  };
  auto chain = std::make_shared<state>(state{length, std::move(first)});
  const std::function<void()> next = [&scene, chain, share, &next] {
    if (chain->left-- == 0) {
      return;
    }
    test_work& work =
        scene.make(share, {std::move(chain->current)}, [](gpu_context& gpu, test_work& self) {
          const word* from = self.input(0, gpu);
          words_builder made = gpu.allocate<word>(16);
          gpu.emulate([from, out = made.data()] {
            for (std::size_t i = 0; i != 16; ++i) {
              out[i] = from[i] + 1;
            }
          });
          self.results.emplace_back(std::move(made));
        });
    work.when_ordered = [&work, chain, &next] {
      chain->current = std::move(work.results.at(0));
      work.results.clear();
      next();
    };
    scene.submit(work);
  };
  next();
  ASSERT_TRUE(scene.run_until([&] { return chain->left < 0; }));
  ASSERT_TRUE(scene.run_all());
  result.last_value = chain->current.host()[0];
}

TEST(stream_order_counts, chain_in_one_stream_needs_no_waits_and_few_events) {
  engine_scene scene;
  chain_result warm;
  run_chain(scene, 200, words{counting(16)}, 1, warm);
  EXPECT_EQ(warm.last_value, 200U);
  scene.driver.reset_calls();
  constexpr int length = 10'000;
  chain_result result;
  words first{counting(16)};
  run_chain(scene, length, std::move(first), 1, result);
  EXPECT_EQ(result.last_value, static_cast<word>(length));
  // The first input comes to the device, and the last result to the host, on other streams.
  EXPECT_LE(scene.calls("stream_wait_event"), 2U);
  EXPECT_EQ(scene.calls("stream_synchronize"), 0U);
  EXPECT_EQ(scene.calls("event_synchronize"), 0U);
  EXPECT_EQ(scene.calls("mem_alloc_from_pool_async"), 0U);
  EXPECT_EQ(scene.calls("mem_free_async"), 0U);
  EXPECT_EQ(scene.calls("event_create"), 0U);
  EXPECT_EQ(scene.calls("emulate"), static_cast<std::uint64_t>(length));
  // One over each sixteen works, one over the last, and those of the copies in and out.
  EXPECT_LE(scene.calls("event_record"), static_cast<std::uint64_t>(length) / 16 + 3);
}

TEST(stream_order_counts, chain_on_what_is_there_issues_no_wait_at_all) {
  engine_scene scene;
  test_work& first = scene.submit(1, {}, mixing(16, 0));
  ASSERT_TRUE(scene.run_until_ordered(first));
  words current = first.results.at(0);
  first.results.clear();
  scene.driver.reset_calls();
  for (int i = 0; i != 500; ++i) {
    test_work& next = scene.submit(1, {std::move(current)}, mixing(16, 1));
    ASSERT_TRUE(scene.run_until_ordered(next));
    current = std::move(next.results.at(0));
    next.results.clear();
  }
  EXPECT_EQ(scene.calls("stream_wait_event"), 0U);
  EXPECT_EQ(scene.calls("stream_synchronize"), 0U);
  EXPECT_LE(scene.calls("mem_alloc_from_pool_async"), 1U);
}

// Works on shares 1 to 4 are in four streams, and none gets on until the driver is waited for.
class edges : public testing::Test {
 protected:
  static scene_options standing_still() {
    scene_options options = small_scene();
    options.driver.query_patience_us = 3'600'000'000;
    return options;
  }
  test_work& on(std::uint64_t share, std::vector<words> inputs) {
    test_work& work = scene.submit(share, std::move(inputs), mixing(16, share));
    EXPECT_TRUE(scene.run_until_ordered(work));
    return work;
  }
  // A share without works loses its stream: each has one.
  void SetUp() override {
    for (std::uint64_t share = 1; share != 5; ++share) {
      on(share, {});
    }
    scene.driver.reset_calls();
  }
  void TearDown() override {
    EXPECT_TRUE(scene.run_all());
    scene.works.clear();
  }
  std::uint64_t waits() const { return scene.calls("stream_wait_event"); }
  std::uint64_t records() const { return scene.calls("event_record"); }

  engine_scene scene{standing_still()};
};

TEST_F(edges, edge_between_streams_costs_one_record_and_one_wait) {
  const words a = on(1, {}).result();
  EXPECT_EQ(waits(), 0U);
  const words b = on(2, {a}).result();
  EXPECT_EQ(waits(), 1U);
  EXPECT_EQ(records(), 1U);
}

TEST_F(edges, second_edge_to_the_same_work_costs_nothing) {
  const words a = on(1, {}).result();
  on(2, {a});
  on(2, {a});
  EXPECT_EQ(waits(), 1U);
  EXPECT_EQ(records(), 1U);
}

TEST_F(edges, earlier_work_of_a_stream_that_was_waited_for_is_implied) {
  const words earlier = on(1, {}).result();
  const words later = on(1, {}).result();
  on(2, {later});
  on(2, {earlier});
  EXPECT_EQ(waits(), 1U);
}

TEST_F(edges, edge_by_way_of_a_third_stream_is_implied) {
  const words a = on(1, {}).result();
  const words b = on(2, {a}).result();
  on(3, {b});
  EXPECT_EQ(waits(), 2U);
  on(3, {a});
  EXPECT_EQ(waits(), 2U);
}

TEST_F(edges, edge_by_way_of_two_streams_is_implied) {
  const words a = on(1, {}).result();
  const words b = on(2, {a}).result();
  const words c = on(3, {b}).result();
  on(4, {c});
  EXPECT_EQ(waits(), 3U);
  on(4, {a, b});
  EXPECT_EQ(waits(), 3U);
}

TEST_F(edges, input_that_another_input_implies_is_not_waited_for_whatever_their_order) {
  const words a = on(1, {}).result();
  const words b = on(2, {a}).result();
  EXPECT_EQ(waits(), 1U);
  on(3, {a, b});
  EXPECT_EQ(waits(), 2U);
  on(4, {b, a});
  EXPECT_EQ(waits(), 3U);
}

TEST_F(edges, one_event_serves_all_who_wait_for_a_work) {
  const words a = on(1, {}).result();
  on(2, {a});
  on(3, {a});
  on(4, {a});
  EXPECT_EQ(waits(), 3U);
  EXPECT_EQ(records(), 1U);
}

TEST_F(edges, work_that_the_host_saw_complete_is_not_waited_for) {
  test_work& a = on(1, {});
  ASSERT_TRUE(scene.run_all());
  EXPECT_TRUE(a.is_complete);
  scene.driver.reset_calls();
  on(2, {a.result()});
  EXPECT_EQ(waits(), 0U);
  EXPECT_EQ(records(), 0U);
}

TEST_F(edges, fan_in_waits_once_for_each_stream) {
  const words a = on(1, {}).result();
  const words again = on(1, {}).result();
  const words b = on(2, {}).result();
  const words c = on(3, {}).result();
  on(4, {a, again, b, c});
  EXPECT_EQ(waits(), 3U);
  EXPECT_EQ(records(), 3U);
}

}  // namespace
}  // namespace narke_test
