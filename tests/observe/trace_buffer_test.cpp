#include "observe/trace_buffer.hpp"

#include <atomic>
#include <string>
#include <thread>
#include <vector>

#include "observe/trace_scene.hpp"

namespace narke::internal {
namespace {

using testing::event_at;
class trace_buffer : public testing::trace_test {};

void record_many(std::uint64_t count) {
  for (std::uint64_t i = 1; i <= count; ++i) record_event(event_at(i, i + 1, i));
}

TEST_F(trace_buffer, keeps_the_first_65536_events_of_a_thread_and_counts_the_rest) {
  record_many(65'536 + 1'000);
  EXPECT_EQ(event_stats().events, 65'536U);
  EXPECT_EQ(event_stats().dropped, 1'000U);
  std::uint64_t expected = 0;
  for_each_event(snapshot_events().tracks.at(0),
                 [&](const trace_event& event) { EXPECT_EQ(event.id, ++expected); });
  EXPECT_EQ(expected, 65'536U);
}

TEST_F(trace_buffer, every_thread_has_a_buffer_of_its_own_that_outlives_it) {
  std::thread{[] { record_many(65'536 + 1); }}.join();
  std::thread{[] { record_many(3); }}.join();
  EXPECT_EQ(event_stats().events, 65'536U + 3U);
  EXPECT_EQ(event_stats().dropped, 1U);
}

TEST_F(trace_buffer, tracing_keeps_more_up_to_its_bound) {
  set_tracing(true);
  record_many(events_kept_tracing + 7);
  EXPECT_EQ(event_stats().events, events_kept_tracing);
  EXPECT_EQ(event_stats().dropped, 7U);
}

TEST_F(trace_buffer, a_full_buffer_goes_on_when_tracing_is_switched_on) {
  record_many(65'536 + 1);
  set_tracing(true);
  record_many(10);
  EXPECT_EQ(event_stats().events, 65'536U + 10U);
}

TEST_F(trace_buffer, a_full_buffer_saves_the_clock_until_it_is_cleared) {
  EXPECT_NE(event_begin_ticks(), 0U);
  record_many(65'536 + 1);
  EXPECT_EQ(event_begin_ticks(), 0U);
  record_event(event_at(event_begin_ticks(), 0));
  EXPECT_EQ(event_stats().dropped, 2U);
  clear_events();
  EXPECT_NE(event_begin_ticks(), 0U);
}

TEST_F(trace_buffer, an_event_without_a_time_is_dropped_even_where_there_is_room) {
  record_event(event_at(0, 0));
  record_event(event_at(5, 6));
  EXPECT_EQ(event_stats().events, 1U);
  EXPECT_EQ(event_stats().dropped, 1U);
}

TEST_F(trace_buffer, clear_forgets_events_but_not_the_name_of_a_living_thread) {
  std::thread{[] {
    set_thread_track_name("worker 7", 7);
    record_many(700);
    clear_events();
    EXPECT_EQ(event_stats().events, 0U);
    record_many(2);
    const trace_snapshot snapshot = snapshot_events();
    ASSERT_EQ(snapshot.tracks.size(), 1U);
    EXPECT_EQ(snapshot.tracks[0].events, 2U);
    EXPECT_STREQ(snapshot.tracks[0].buffer->owner().name, "worker 7");
    EXPECT_EQ(snapshot.tracks[0].buffer->owner().sort_index, 7);
  }}.join();
}

TEST_F(trace_buffer, a_snapshot_stays_as_it_is_after_clear_and_more_events) {
  record_many(600);
  const trace_snapshot snapshot = snapshot_events();
  clear_events();
  record_many(600);
  std::uint64_t seen = 0;
  for_each_event(snapshot.tracks.at(0), [&](const trace_event&) { ++seen; });
  EXPECT_EQ(seen, 600U);
}

TEST_F(trace_buffer, threads_beyond_the_bound_are_counted_as_dropped) {
  for (std::size_t i = 0; i < event_buffers_max; ++i) {
    std::thread{[] { set_thread_track_name("short"); }}.join();
  }
  std::thread{[] { record_many(4); }}.join();
  EXPECT_EQ(snapshot_events().tracks.size(), event_buffers_max);
  EXPECT_EQ(event_stats().dropped, 4U);
}

// Under ThreadSanitizer this is the proof that reading needs no lock on the writer's path.
TEST_F(trace_buffer, readers_see_whole_events_while_threads_record_and_others_clear) {
  std::atomic<bool> stop{false};
  std::vector<std::thread> threads;
  for (int i = 0; i < 3; ++i) {
    threads.emplace_back([&stop] {
      for (std::uint64_t n = 1; !stop.load(); ++n) record_event(event_at(n, n + 1, n));
    });
  }
  for (int round = 0; round < 200; ++round) {
    for (const track_snapshot& track : snapshot_events().tracks) {
      std::uint64_t before = 0;
      for_each_event(track, [&](const trace_event& event) {
        EXPECT_EQ(event.begin_ticks, event.id);
        EXPECT_EQ(event.end_ticks, event.id + 1);
        EXPECT_GT(event.id, before);
        before = event.id;
      });
    }
    if (round % 10 == 0) clear_events();
  }
  stop.store(true);
  for (std::thread& thread : threads) thread.join();
}

TEST_F(trace_buffer, interned_names_are_copies_and_equal_names_are_one) {
  std::string name = "blur";
  const char* const first = intern_name(name);
  name[0] = 'x';
  EXPECT_STREQ(first, "blur");
  EXPECT_EQ(intern_name("blur"), first);
  EXPECT_NE(intern_name("xlur"), first);
  const char* elsewhere = nullptr;
  std::thread{[&] { elsewhere = intern_name("blur"); }}.join();
  EXPECT_EQ(elsewhere, first);
}

TEST_F(trace_buffer, a_long_name_is_cut_before_the_character_that_would_not_fit) {
  const std::string text(511, 'a');
  EXPECT_EQ(std::string{intern_name(text + "\u00e9 and more")}, text);
  EXPECT_EQ(std::string{intern_name(std::string("a\0b", 3))}, "a b");
}

TEST_F(trace_buffer, names_without_end_share_one_once_the_table_is_full) {
  for (int i = 0; i < 65'536; ++i) intern_name("made up " + std::to_string(i));
  EXPECT_STREQ(intern_name("one too many"), "(other names)");
  EXPECT_STREQ(intern_name("made up 5"), "made up 5");
}

}  // namespace
}  // namespace narke::internal
