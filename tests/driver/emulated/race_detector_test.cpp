#include "driver/emulated/race_detector.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <array>
#include <stdexcept>
#include <string>
#include <vector>

namespace {

using namespace narke::internal;
using testing::AllOf;
using testing::HasSubstr;
using testing::IsEmpty;
using testing::SizeIs;

constexpr accessed_bytes reads(cu_device_ptr begin, std::size_t bytes) {
  return {.begin = begin, .bytes = bytes, .access = byte_access::read};
}
constexpr accessed_bytes writes(cu_device_ptr begin, std::size_t bytes) {
  return {.begin = begin, .bytes = bytes, .access = byte_access::write};
}

/// Two streams and two events.
class race_scene : public testing::Test {
 protected:
  stream_position issue(race_stream_id stream, accessed_bytes access, const char* label = "work") {
    return detector.operation(stream, std::array{access}, label);
  }
  std::size_t races() { return detector.take_races().size(); }

  race_detector detector;
  race_stream_id a = detector.new_stream("stream a");
  race_stream_id b = detector.new_stream("stream b");
  race_event_id e = detector.new_event();
  race_event_id f = detector.new_event();
};

TEST_F(race_scene, write_and_read_in_two_streams_race_without_an_event) {
  issue(a, writes(100, 50), "produce");
  issue(b, reads(120, 100), "consume");
  const auto found = detector.take_races();
  ASSERT_THAT(found, SizeIs(1));
  EXPECT_EQ(found[0].earlier.stream, "stream a");
  EXPECT_EQ(found[0].earlier.label, "produce");
  EXPECT_EQ(found[0].earlier.position, 1u);
  EXPECT_EQ(found[0].later.stream, "stream b");
  EXPECT_EQ(found[0].later.label, "consume");
  EXPECT_EQ(found[0].seen, 0u);
  ASSERT_THAT(found[0].ranges, SizeIs(1));
  EXPECT_EQ(found[0].ranges[0].begin, 120u);
  EXPECT_EQ(found[0].ranges[0].bytes, 30u);
  EXPECT_EQ(found[0].ranges[0].earlier, byte_access::write);
  EXPECT_EQ(found[0].ranges[0].later, byte_access::read);
}

TEST_F(race_scene, a_stream_that_never_lived_cannot_be_observed) {
  EXPECT_THROW(detector.host_observed(static_cast<race_stream_id>(1'000), 1),
               std::invalid_argument);
}

TEST_F(race_scene, report_counts_the_ranges_beyond_the_first_four) {
  std::vector<accessed_bytes> apart;
  for (cu_device_ptr i = 0; i != 7; ++i) apart.push_back(writes(0x1000 + 100 * i, 10));
  detector.operation(a, apart, "scatter");
  detector.operation(b, apart, "scatter again");
  const auto found = detector.take_races();
  ASSERT_THAT(found, SizeIs(1));
  ASSERT_THAT(found[0].ranges, SizeIs(7));
  EXPECT_THAT(describe(found[0]), HasSubstr(" and 3 more ranges"));
}

TEST_F(race_scene, report_names_both_operations_the_bytes_and_the_missing_edge) {
  issue(a, writes(0x1000, 64), "produce");
  issue(a, reads(0x9000, 64));
  detector.record(e, a);
  detector.wait(b, e);
  issue(a, writes(0x2000, 64), "produce again");
  issue(b, reads(0x2000, 64), "consume");
  const auto found = detector.take_races();
  ASSERT_THAT(found, SizeIs(1));
  EXPECT_THAT(describe(found[0]),
              AllOf(HasSubstr("stream a at position 3 \"produce again\""),
                    HasSubstr("stream b at position 2 \"consume\""),
                    HasSubstr("64 bytes at 0x2000 (the first writes, the second reads)"),
                    HasSubstr("stream b has to wait before it for an event recorded in stream a "
                              "at position 3 or behind; of that stream it knows up to 2")));
}

TEST_F(race_scene, reads_do_not_race_nor_do_bytes_that_only_touch) {
  issue(a, reads(0, 10));
  issue(b, reads(0, 10));
  issue(a, writes(20, 10));
  issue(b, writes(30, 10));
  issue(b, writes(25, 0));
  EXPECT_EQ(races(), 0u);
}

TEST_F(race_scene, an_operation_in_place_does_not_race_with_itself) {
  const std::array in_place{reads(0, 10), writes(0, 10), reads(5, 10)};
  detector.operation(a, in_place, "increment");
  EXPECT_EQ(races(), 0u);
  issue(b, reads(0, 1));
  EXPECT_EQ(races(), 1u);
}

TEST_F(race_scene, record_and_wait_order_what_stands_around_them) {
  issue(a, writes(0, 10));
  detector.record(e, a);
  EXPECT_EQ(detector.wait(b, e), wait_effect::ordered);
  issue(b, writes(0, 10));
  EXPECT_EQ(races(), 0u);
}

TEST_F(race_scene, record_before_the_operation_is_too_early) {
  detector.record(e, a);
  issue(a, writes(0, 10));
  detector.wait(b, e);
  issue(b, reads(0, 10));
  EXPECT_EQ(races(), 1u);
}

TEST_F(race_scene, wait_takes_the_newest_record_before_it_and_no_later_one) {
  issue(a, writes(0, 10));
  detector.record(e, a);
  detector.wait(b, e);
  issue(a, writes(0, 20));
  detector.record(e, a);
  issue(b, reads(0, 10));
  EXPECT_EQ(races(), 1u);
  detector.wait(b, e);
  issue(b, reads(0, 20));
  EXPECT_EQ(races(), 0u);
}

TEST_F(race_scene, event_recorded_again_elsewhere_no_longer_stands_for_the_first_stream) {
  issue(a, writes(0, 10));
  detector.record(e, a);
  issue(b, writes(50, 10));
  detector.record(e, b);
  const race_stream_id c = detector.new_stream("stream c");
  detector.wait(c, e);
  issue(c, reads(50, 10));
  EXPECT_EQ(races(), 0u);
  issue(c, reads(0, 10));
  EXPECT_EQ(races(), 1u);
}

TEST_F(race_scene, wait_for_an_event_never_recorded_orders_nothing_and_says_so) {
  issue(a, writes(0, 10));
  EXPECT_FALSE(detector.is_redundant(b, e));
  EXPECT_EQ(detector.wait(b, e), wait_effect::never_recorded);
  issue(b, reads(0, 10));
  EXPECT_EQ(races(), 1u);
}

TEST_F(race_scene, order_goes_through_a_third_stream) {
  const race_stream_id c = detector.new_stream("stream c");
  issue(a, writes(0, 10));
  detector.record(e, a);
  detector.wait(b, e);
  detector.record(f, b);
  detector.wait(c, f);
  issue(c, writes(0, 10));
  EXPECT_EQ(races(), 0u);
}

TEST_F(race_scene, write_has_to_wait_for_every_reader) {
  const race_stream_id c = detector.new_stream("stream c");
  issue(a, reads(0, 10), "reader a");
  issue(b, reads(0, 10), "reader b");
  detector.record(e, a);
  detector.wait(c, e);
  issue(c, writes(0, 10));
  const auto found = detector.take_races();
  ASSERT_THAT(found, SizeIs(1));
  EXPECT_EQ(found[0].earlier.label, "reader b");
}

TEST_F(race_scene, completion_that_the_host_saw_orders_what_it_issues_afterwards) {
  const stream_position produced = issue(a, writes(0, 10));
  issue(a, writes(50, 10));
  detector.host_observed(a, produced);
  issue(b, reads(0, 10));
  EXPECT_EQ(races(), 0u);
  issue(b, reads(50, 10));
  EXPECT_EQ(races(), 1u);
}

TEST_F(race_scene, what_the_host_saw_complete_includes_what_that_had_waited_for) {
  issue(a, writes(0, 10));
  const stream_position before = issue(b, reads(90, 1));
  detector.record(e, a);
  detector.wait(b, e);
  detector.record(f, b);
  detector.host_observed(b, before);
  detector.host_access(reads(0, 10), "span");
  EXPECT_EQ(races(), 1u) << "seen only up to before the wait";
  detector.host_observed(f);
  detector.host_access(reads(0, 10), "span");
  EXPECT_EQ(races(), 0u);
}

TEST_F(race_scene, host_that_rewrites_a_staging_slot_has_to_have_seen_the_copy_complete) {
  const stream_position copied = issue(a, reads(0, 4096), "copy to the device");
  detector.host_access(writes(0, 4096), "staging slot");
  const auto found = detector.take_races();
  ASSERT_THAT(found, SizeIs(1));
  EXPECT_TRUE(found[0].later.is_host);
  EXPECT_THAT(describe(found[0]),
              AllOf(HasSubstr("the host \"staging slot\""),
                    HasSubstr("the host has to see stream a complete up to position 1")));
  detector.host_observed(a, copied);
  detector.host_access(writes(0, 4096), "staging slot");
  EXPECT_EQ(races(), 0u);
}

TEST_F(race_scene, what_the_host_did_is_before_all_that_it_issues_later) {
  detector.host_access(writes(0, 10), "fill");
  issue(a, reads(0, 10));
  issue(b, reads(0, 10));
  EXPECT_EQ(races(), 0u);
}

TEST_F(race_scene, alloc_and_free_are_writes_of_the_block) {
  detector.allocated(a, 0, 100, "block");
  issue(b, writes(10, 10), "too early");
  EXPECT_EQ(races(), 1u);
  detector.freed(a, 0, 100, "block");
  EXPECT_EQ(races(), 1u);
}

TEST_F(race_scene, block_reused_in_another_stream_has_to_wait_for_its_free) {
  detector.allocated(a, 0, 100, "block");
  issue(a, writes(0, 100));
  detector.freed(a, 0, 100, "block");
  detector.record(e, a);
  detector.wait(b, e);
  detector.allocated(b, 0, 50, "first half");
  EXPECT_EQ(races(), 0u);
  const race_stream_id c = detector.new_stream("stream c");
  detector.allocated(c, 50, 50, "second half");
  EXPECT_EQ(races(), 1u);
}

TEST_F(race_scene, free_forgets_what_was_reported_at_it) {
  issue(b, reads(0, 10), "late reader");
  detector.freed(a, 0, 100, "block");
  EXPECT_EQ(races(), 1u);
  issue(a, writes(0, 100));
  EXPECT_EQ(races(), 0u) << "the same reader is not told twice";
  EXPECT_EQ(detector.range_count(), 1u);
}

TEST_F(race_scene, addresses_that_stand_for_other_memory_have_no_past) {
  issue(a, writes(0, 30));
  detector.forget(10, 10);
  issue(b, writes(10, 10));
  EXPECT_EQ(races(), 0u);
  issue(b, writes(9, 1));
  issue(b, writes(20, 1));
  EXPECT_EQ(races(), 2u) << "only those addresses";
}

TEST_F(race_scene, pair_of_operations_is_told_once_with_all_its_bytes) {
  const std::array two{writes(0, 10), writes(20, 10)};
  detector.operation(a, two, "produce");
  const std::array three{reads(0, 5), reads(5, 20), reads(28, 10)};
  detector.operation(b, three, "consume");
  const auto found = detector.take_races();
  ASSERT_THAT(found, SizeIs(1));
  ASSERT_THAT(found[0].ranges, SizeIs(3));
  EXPECT_EQ(found[0].ranges[0].begin, 0u);
  EXPECT_EQ(found[0].ranges[0].bytes, 10u);
  EXPECT_EQ(found[0].ranges[1].begin, 20u);
  EXPECT_EQ(found[0].ranges[1].bytes, 5u);
  EXPECT_EQ(found[0].ranges[2].begin, 28u);
  EXPECT_EQ(found[0].ranges[2].bytes, 2u);
}

TEST_F(race_scene, wait_is_redundant_when_order_of_issue_or_an_earlier_wait_implies_it) {
  issue(a, writes(0, 10));
  detector.record(e, a);
  EXPECT_TRUE(detector.is_redundant(a, e)) << "its own stream";
  EXPECT_FALSE(detector.is_redundant(b, e));
  EXPECT_EQ(detector.wait(b, e), wait_effect::ordered);
  EXPECT_TRUE(detector.is_redundant(b, e));
  EXPECT_EQ(detector.wait(b, e), wait_effect::redundant);
  detector.record(f, a);
  EXPECT_TRUE(detector.is_redundant(b, f)) << "nothing was issued between the two records";
  issue(a, reads(0, 10));
  EXPECT_TRUE(detector.is_redundant(b, f)) << "the record stands before the read";
  detector.record(f, a);
  EXPECT_FALSE(detector.is_redundant(b, f));
}

TEST_F(race_scene, wait_is_redundant_when_the_host_saw_the_completion) {
  const stream_position done = issue(a, writes(0, 10));
  detector.record(e, a);
  detector.host_observed(a, done);
  EXPECT_TRUE(detector.is_redundant(b, e));
}

TEST_F(race_scene, wait_is_redundant_when_the_recording_stream_only_waited_for_what_is_known) {
  issue(a, writes(0, 10));
  detector.record(e, a);
  detector.wait(b, e);
  detector.record(f, b);
  const race_stream_id c = detector.new_stream("stream c");
  EXPECT_FALSE(detector.is_redundant(c, f));
  detector.wait(c, e);
  EXPECT_TRUE(detector.is_redundant(c, f));
}

TEST_F(race_scene, stream_that_takes_the_number_of_an_ended_one_is_not_taken_for_it) {
  issue(a, writes(0, 10), "of a");
  detector.end_stream(a);
  const race_stream_id c = detector.new_stream("stream c");
  issue(c, reads(0, 10));
  const auto found = detector.take_races();
  ASSERT_THAT(found, SizeIs(1)) << "the end of a stream completes nothing";
  EXPECT_EQ(found[0].earlier.stream, "stream a");
}

TEST_F(race_scene, completion_of_an_ended_stream_can_still_be_seen) {
  issue(a, writes(0, 10));
  const stream_position recorded = detector.record(e, a);
  detector.end_stream(a);
  detector.host_observed(a, recorded);
  issue(b, reads(0, 10));
  EXPECT_EQ(races(), 0u);
  const race_stream_id c = detector.new_stream("stream c");
  EXPECT_EQ(c, a) << "nothing of it is unobserved: its number is given again";
  issue(c, writes(0, 10));
  detector.host_observed(a, recorded);
  EXPECT_EQ(races(), 1u) << "stream b still reads";
  EXPECT_EQ(detector.observed(c), recorded);
}

TEST_F(race_scene, streams_that_come_and_go_do_not_add_up) {
  for (int i = 0; i < 1000; ++i) {
    const race_stream_id stream = detector.new_stream("short");
    const stream_position done = issue(stream, writes(0, 10));
    detector.host_observed(stream, done);
    detector.end_stream(stream);
    EXPECT_LE(static_cast<std::uint32_t>(stream), 2u);
  }
  EXPECT_EQ(races(), 0u);
}

TEST_F(race_scene, history_is_bounded_by_what_the_host_has_not_seen) {
  for (cu_device_ptr i = 0; i < 200'000; ++i) {
    const stream_position done = issue(i % 2 == 0 ? a : b, writes(1000 * i, 10));
    if (i % 16 >= 14) detector.host_observed(i % 2 == 0 ? a : b, done);
    ASSERT_LE(detector.range_count(), 1100u);
  }
  EXPECT_EQ(races(), 0u);
}

TEST_F(race_scene, neighbours_with_one_history_are_one_range) {
  std::vector<accessed_bytes> pieces;
  for (cu_device_ptr i = 0; i < 100; ++i) pieces.push_back(writes(10 * i, 10));
  detector.operation(a, pieces, "in pieces");
  EXPECT_EQ(detector.range_count(), 1u);
  issue(a, reads(500, 1));
  EXPECT_EQ(detector.range_count(), 3u);
  issue(a, writes(0, 1000));
  EXPECT_EQ(detector.range_count(), 1u);
}

TEST_F(race_scene, many_races_are_counted_and_a_bounded_number_kept) {
  for (int i = 0; i < 1500; ++i) {
    issue(a, writes(0, 10));
    issue(b, writes(0, 10));
  }
  EXPECT_EQ(detector.take_races().size(), race_detector::races_max);
  EXPECT_EQ(detector.races_found(), 2999u);
  EXPECT_FALSE(detector.has_races());
}

TEST_F(race_scene, range_to_the_end_of_memory_does_not_wrap) {
  issue(a, writes(~cu_device_ptr{0} - 5, 100));
  issue(b, writes(0, 10));
  EXPECT_EQ(races(), 0u);
}

TEST_F(race_scene, number_that_lives_no_more_is_refused) {
  detector.end_stream(a);
  detector.end_event(e);
  EXPECT_THROW(issue(a, reads(0, 1)), std::invalid_argument);
  EXPECT_THROW(detector.record(e, b), std::invalid_argument);
  EXPECT_THROW(detector.host_observed(b, 1), std::invalid_argument);
  EXPECT_THAT(detector.take_races(), IsEmpty());
}

}  // namespace
