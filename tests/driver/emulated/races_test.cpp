// The race detector behind the entry points: what each call tells it.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "driver/emulated/emulated_fixture.hpp"

namespace narke::internal {
namespace {

using testing::AllOf;
using testing::HasSubstr;

class emulated_races : public testing::Test {
 protected:
  void SetUp() override {
    scene.open();
    first = scene.stream();
    second = scene.stream();
    pool = scene.pool();
    event = scene.event();
    block = scene.allocate(pool, first, 4096);
    scene.synchronize(first);
  }
  void write(cu_stream on, const char* label = "writer") {
    scene.run(
        on, [] {}, {writes(block, 4096)}, label);
  }
  void read(cu_stream on, const char* label = "reader") {
    scene.run(
        on, [] {}, {reads(block, 4096)}, label);
  }
  std::size_t races() { return scene.found(violation_kind::race); }

  emulated_scene scene{[] {
    emulated_options options = small_options();
    options.detect_races = true;
    return options;
  }()};
  cu_stream first = nullptr;
  cu_stream second = nullptr;
  cu_mem_pool pool = nullptr;
  cu_event event = nullptr;
  cu_device_ptr block = 0;
};

TEST_F(emulated_races, a_missing_wait_is_told_with_both_sides_and_the_block) {
  write(first, "producer");
  read(second, "consumer");
  const auto violations = scene.driver.violations();
  ASSERT_EQ(violations.size(), 1U);
  EXPECT_EQ(violations[0].kind, violation_kind::race);
  EXPECT_EQ(violations[0].entry, "emulate");
  EXPECT_THAT(violations[0].message, AllOf(HasSubstr("producer"), HasSubstr("consumer"),
                                           HasSubstr("block 1 of 4096 bytes")));
}

TEST_F(emulated_races, a_wait_orders) {
  write(first);
  scene.cu.event_record(event, first);
  scene.cu.stream_wait_event(second, event, 0);
  read(second);
  EXPECT_EQ(races(), 0U) << scene.findings();
  EXPECT_EQ(scene.driver.redundant_waits(), 0U);
}

TEST_F(emulated_races, a_second_wait_for_the_same_is_counted_as_redundant) {
  write(first);
  scene.cu.event_record(event, first);
  scene.cu.stream_wait_event(second, event, 0);
  scene.cu.stream_wait_event(second, event, 0);
  EXPECT_EQ(scene.driver.redundant_waits(), 1U);
}

TEST_F(emulated_races, a_record_before_the_write_does_not_order_it) {
  scene.cu.event_record(event, first);
  write(first);
  scene.cu.stream_wait_event(second, event, 0);
  read(second);
  EXPECT_EQ(races(), 1U);
}

TEST_F(emulated_races, completion_orders_only_when_the_host_saw_it) {
  write(first);
  scene.driver.wait_until_idle();
  read(second);
  EXPECT_EQ(races(), 1U) << "it was over, but nobody knew";
  scene.driver.clear_violations();
  write(first);
  EXPECT_EQ(races(), 1U) << "the reader was not waited for";
  scene.driver.clear_violations();
  scene.cu.event_record(event, first);
  while (scene.cu.event_query(event) == cu_result::not_ready) {
  }
  read(second);
  EXPECT_EQ(races(), 0U) << scene.findings();
}

TEST_F(emulated_races, a_query_of_a_stream_that_is_done_is_seeing_it) {
  write(first);
  while (scene.cu.stream_query(first) == cu_result::not_ready) {
  }
  read(second);
  EXPECT_EQ(races(), 0U) << scene.findings();
}

TEST_F(emulated_races, a_query_that_says_not_ready_orders_nothing) {
  emulated_options options;
  scene.run(
      first, [] {}, {writes(block, 4096)}, "writer");
  scene.cu.event_record(event, first);
  scene.synchronize(second);
  read(second);
  EXPECT_EQ(races(), 1U);
}

TEST_F(emulated_races, synchronising_the_stream_orders) {
  write(first);
  scene.synchronize(first);
  read(second);
  EXPECT_EQ(races(), 0U) << scene.findings();
}

TEST_F(emulated_races, reads_do_not_race_with_reads_but_a_free_races_with_them) {
  read(first);
  read(second);
  EXPECT_EQ(races(), 0U) << scene.findings();
  scene.cu.mem_free_async(block, first);
  EXPECT_EQ(races(), 1U);
}

TEST_F(emulated_races, other_bytes_do_not_race) {
  scene.run(
      first, [] {}, {writes(block, 2048)}, "low");
  scene.run(
      second, [] {}, {writes(block + 2048, 2048)}, "high");
  EXPECT_EQ(races(), 0U) << scene.findings();
}

TEST_F(emulated_races, copies_and_fills_count) {
  std::vector<unsigned char> host(4096);
  scene.cu.mem_host_register(host.data(), host.size(), 1);
  // The first is over before the second is issued, so that no two threads are at the bytes at
  // once; but nobody has seen it.
  scene.cu.memcpy_htod_async(block, host.data(), 4096, first);
  scene.driver.wait_until_idle();
  scene.cu.memset_d8_async(block, 0, 1, second);
  EXPECT_EQ(races(), 1U);
  scene.synchronize(first);
  scene.synchronize(second);
  scene.driver.clear_violations();
  scene.cu.memcpy_dtoh_async(host.data(), block, 4096, first);
  scene.driver.wait_until_idle();
  scene.cu.memset_d8_async(block, 0, 1, second);
  EXPECT_EQ(races(), 1U);
  scene.driver.wait_until_idle();
  scene.cu.mem_host_unregister(host.data());
}

TEST_F(emulated_races, a_staging_slot_rewritten_early_is_told) {
  std::vector<unsigned char> slot(4096);
  scene.cu.mem_host_register(slot.data(), slot.size(), 1);
  const auto address = reinterpret_cast<cu_device_ptr>(slot.data());
  scene.cu.memcpy_htod_async(block, slot.data(), 4096, first);
  scene.cu.annotate(annotation::write, address, 4096, nullptr, "fill the slot");
  EXPECT_EQ(races(), 1U);
  scene.driver.clear_violations();
  scene.synchronize(first);
  scene.cu.annotate(annotation::write, address, 4096, nullptr, "fill the slot");
  EXPECT_EQ(races(), 0U) << scene.findings();
  scene.cu.mem_host_unregister(slot.data());
}

TEST_F(emulated_races, a_part_handed_out_again_counts_as_a_write) {
  scene.cu.annotate(annotation::alloc, block, 1024, first, "x");
  scene.run(
      second, [] {}, {reads(block, 1024)}, "reader");
  EXPECT_EQ(races(), 1U) << "the part was handed out on another stream";
  scene.driver.clear_violations();
  scene.cu.annotate(annotation::free, block, 1024, nullptr, "x");
  EXPECT_EQ(races(), 0U) << "put back in no order with anything";
  scene.cu.annotate(annotation::alloc, block, 1024, first, "y");
  EXPECT_EQ(races(), 1U) << "the reader on the second stream was not waited for";
}

TEST_F(emulated_races, announced_accesses_count) {
  scene.cu.annotate(annotation::write, block, 64, first, "kernel out of sight");
  scene.cu.annotate(annotation::read, block, 64, second, "another one");
  EXPECT_EQ(races(), 1U);
}

TEST_F(emulated_races, a_skipped_wait_is_a_race_or_was_redundant) {
  for (const int nth : {1, 2}) {
    write(first);
    scene.cu.event_record(event, first);
    const auto skipped = static_cast<std::uint64_t>(nth);
    scene.driver.inject({.entry = "stream_wait_event", .nth = skipped, .skip = true});
    const std::uint64_t redundant_before = scene.driver.redundant_waits();
    scene.cu.stream_wait_event(second, event, 0);
    if (nth == 2) scene.cu.stream_wait_event(second, event, 0);
    read(second);
    EXPECT_EQ(races(), nth == 1 ? 1U : 0U) << scene.findings();
    EXPECT_EQ(scene.driver.redundant_waits() - redundant_before, nth == 1 ? 0U : 1U);
    scene.synchronize(second);
    scene.driver.clear_violations();
  }
}

TEST_F(emulated_races, a_skipped_record_leaves_the_one_before) {
  scene.cu.event_record(event, first);
  write(first);
  scene.driver.inject({.entry = "event_record", .nth = 1, .skip = true});
  scene.cu.event_record(event, first);
  scene.cu.stream_wait_event(second, event, 0);
  read(second);
  EXPECT_EQ(races(), 1U);
}

TEST_F(emulated_races, addresses_given_out_again_start_afresh) {
  for (int i = 0; i < 3000; ++i) {
    const cu_stream on = i % 2 == 0 ? first : second;
    const cu_device_ptr large = scene.allocate(pool, on, 8 * mib);
    scene.cu.mem_free_async(large, on);
    scene.driver.wait_until_idle();
  }
  EXPECT_EQ(races(), 0U) << scene.findings();
}

// Parts of a block as narke's own allocator has them: put back on one stream, handed out on
// another.
TEST_F(emulated_races, a_part_changes_hands_in_the_order_of_streams) {
  const auto hand_over = [&](bool waits) {
    EXPECT_EQ(scene.cu.annotate(annotation::alloc, block, 1024, first, "x"), cu_result::success);
    scene.run(
        first, [] {}, {writes(block, 1024)}, "old user");
    EXPECT_EQ(scene.cu.annotate(annotation::free, block, 1024, first, "x"), cu_result::success);
    if (waits) {
      scene.cu.event_record(event, first);
      scene.cu.stream_wait_event(second, event, 0);
    }
    EXPECT_EQ(scene.cu.annotate(annotation::alloc, block, 1024, second, "y"), cu_result::success);
    EXPECT_EQ(scene.cu.annotate(annotation::free, block, 1024, nullptr, "y"), cu_result::success);
    scene.synchronize(first);
    scene.synchronize(second);
  };
  hand_over(true);
  EXPECT_EQ(races(), 0U) << scene.findings();
  hand_over(false);
  EXPECT_GE(races(), 1U);
}

}  // namespace
}  // namespace narke::internal
