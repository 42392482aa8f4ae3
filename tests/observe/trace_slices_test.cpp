#include "observe/trace_slices.hpp"

#include <random>

#include "observe/trace_scene.hpp"

namespace narke::internal {
namespace {

using testing::event_at;
using testing::flow_at;

constexpr tick_scale nanoseconds{.origin_ticks = 0, .ns_per_tick = 1.0};

// Begins in order; each slice within the innermost of those before it that is not over.
void expect_nested(const std::vector<trace_slice>& slices) {
  std::vector<trace_slice> around;
  std::int64_t last_begin = 0;
  for (const trace_slice& slice : slices) {
    EXPECT_LT(slice.begin_ns, slice.end_ns);
    EXPECT_GE(slice.begin_ns, last_begin);
    last_begin = slice.begin_ns;
    while (!around.empty() && around.back().end_ns <= slice.begin_ns) around.pop_back();
    EXPECT_TRUE(around.empty() || slice.end_ns <= around.back().end_ns);
    around.push_back(slice);
  }
}

TEST(trace_slices, a_task_run_in_place_lies_within_the_one_that_waits) {
  const std::vector<trace_event> events{event_at(20, 30, 2), event_at(10, 50, 1),
                                        event_at(60, 70, 3)};
  const auto slices = nest_slices(events, nanoseconds);
  ASSERT_EQ(slices.size(), 3U);
  EXPECT_EQ(slices[0].event->id, 1U);
  EXPECT_EQ(slices[1].event->id, 2U);
  EXPECT_EQ(slices[1].begin_ns, 20);
  EXPECT_EQ(slices[1].end_ns, 30);
  EXPECT_EQ(slices[2].event->id, 3U);
  expect_nested(slices);
}

TEST(trace_slices, an_end_that_the_clock_put_a_tick_late_is_cut_to_the_slice_around) {
  const std::vector<trace_event> events{event_at(20, 51, 2), event_at(10, 50, 1)};
  const auto slices = nest_slices(events, nanoseconds);
  expect_nested(slices);
  EXPECT_EQ(slices[1].end_ns, 49);
}

TEST(trace_slices, slices_that_share_a_nanosecond_stay_neighbours) {
  const std::vector<trace_event> events{event_at(10, 20, 1), event_at(19, 90, 2)};
  const auto slices = nest_slices(events, nanoseconds);
  expect_nested(slices);
  EXPECT_EQ(slices[0].end_ns, 20);
  EXPECT_EQ(slices[1].begin_ns, 20);
  EXPECT_EQ(slices[1].end_ns, 90);
}

TEST(trace_slices, events_of_no_length_get_a_nanosecond_and_still_nest) {
  std::vector<trace_event> events;
  for (int i = 0; i < 20; ++i) events.push_back(event_at(10, 10, 1));
  events.push_back(event_at(10, 12, 2));
  expect_nested(nest_slices(events, nanoseconds));
}

TEST(trace_slices, flows_and_events_without_a_time_are_no_slices) {
  const std::vector<trace_event> events{flow_at(10, 1, 2), event_at(0, 0, 3), event_at(5, 6, 4)};
  EXPECT_EQ(nest_slices(events, nanoseconds).size(), 1U);
}

TEST(trace_slices, any_events_of_one_thread_nest) {
  std::mt19937 random{42};
  for (int round = 0; round < 500; ++round) {
    std::vector<trace_event> events;
    const int count = static_cast<int>(random() % 40);
    for (int i = 0; i < count; ++i) {
      const std::uint64_t begin = 1 + random() % 60;
      events.push_back(event_at(begin, begin + random() % 30));
    }
    expect_nested(nest_slices(events, nanoseconds));
  }
}

TEST(trace_slices, a_flow_leaves_at_the_end_of_its_producer_and_enters_at_the_begin) {
  flow_matcher flows;
  flows.add_flow(flow_at(60, 1, 2));
  const std::vector<trace_event> producer{event_at(10, 50, 1)};
  const std::vector<trace_event> consumer{event_at(60, 70, 2)};
  flows.add_slices(7, nest_slices(producer, nanoseconds));
  flows.add_slices(8, nest_slices(consumer, nanoseconds));
  const auto matched = flows.match(nanoseconds);
  ASSERT_EQ(matched.size(), 1U);
  EXPECT_EQ(matched[0].from_thread, 7);
  EXPECT_EQ(matched[0].from_ns, 49);
  EXPECT_EQ(matched[0].to_thread, 8);
  EXPECT_EQ(matched[0].to_ns, 60);
}

TEST(trace_slices, with_attempts_the_flow_joins_those_that_met) {
  flow_matcher flows;
  flows.add_flow(flow_at(60, 1, 2));
  flows.add_flow(flow_at(80, 1, 2));
  const std::vector<trace_event> events{event_at(10, 20, 1), event_at(30, 50, 1),
                                        event_at(60, 70, 2), event_at(80, 90, 2)};
  flows.add_slices(1, nest_slices(events, nanoseconds));
  const auto matched = flows.match(nanoseconds);
  ASSERT_EQ(matched.size(), 2U);
  EXPECT_EQ(matched[0].from_ns, 49);
  EXPECT_EQ(matched[0].to_ns, 60);
  EXPECT_EQ(matched[1].from_ns, 49);
  EXPECT_EQ(matched[1].to_ns, 80);
}

TEST(trace_slices, a_flow_whose_producer_was_dropped_is_left_out) {
  flow_matcher flows;
  flows.add_flow(flow_at(60, 1, 2));
  const std::vector<trace_event> consumer{event_at(60, 70, 2)};
  flows.add_slices(1, nest_slices(consumer, nanoseconds));
  EXPECT_EQ(flows.flow_count(), 1U);
  EXPECT_TRUE(flows.match(nanoseconds).empty());
}

TEST(trace_slices, a_wait_with_the_same_id_is_not_the_producer) {
  flow_matcher flows;
  flows.add_flow(flow_at(60, 1, 2));
  const std::vector<trace_event> events{event_at(30, 40, 1, "wait", event_kind::wait),
                                        event_at(60, 70, 2)};
  flows.add_slices(1, nest_slices(events, nanoseconds));
  EXPECT_TRUE(flows.match(nanoseconds).empty());
}

}  // namespace
}  // namespace narke::internal
