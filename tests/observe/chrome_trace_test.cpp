#include <atomic>
#include <map>
#include <set>
#include <thread>
#include <vector>

#include <gmock/gmock.h>
#include <sys/resource.h>

#include <narke/errors.hpp>

#include "observe/trace_scene.hpp"

namespace narke::internal {
namespace {

using nlohmann::json;
using ::testing::HasSubstr;
using testing::event_at;
using testing::flow_at;
class chrome_trace : public testing::trace_test {};

std::vector<json> events_of(const json& trace, const std::string& phase) {
  std::vector<json> found;
  for (const json& event : trace.at("traceEvents")) {
    if (event.at("ph") == phase) found.push_back(event);
  }
  return found;
}

json event_named(const json& trace, const std::string& name) {
  for (const json& event : events_of(trace, "X")) {
    if (event.at("name") == name) return event;
  }
  return nullptr;
}

TEST_F(chrome_trace, without_events_it_is_a_trace_all_the_same) {
  const json trace = written_trace();
  EXPECT_EQ(trace.at("displayTimeUnit"), "ms");
  EXPECT_EQ(trace.at("otherData").at("events"), 0);
  EXPECT_EQ(trace.at("traceEvents").size(), 1U);
  EXPECT_EQ(trace.at("traceEvents")[0].at("name"), "process_name");
}

TEST_F(chrome_trace, process_and_thread_ids_are_integers_and_each_thread_is_a_named_track) {
  const auto record = [](const char* name, int index) {
    std::thread{[=] {
      set_thread_track_name(name, index);
      record_event(event_at(ticks_now(), ticks_now(), 1));
    }}.join();
  };
  record("worker 0", 1);
  record("worker 1", 2);
  std::thread{[] { record_event(event_at(ticks_now(), ticks_now(), 1)); }}.join();
  record_event(event_at(ticks_now(), ticks_now(), 1));

  const json trace = written_trace();
  std::map<int, std::string> names;
  for (const json& event : trace.at("traceEvents")) {
    EXPECT_TRUE(event.at("pid").is_number_integer());
    EXPECT_TRUE(event.at("tid").is_number_integer());
    if (event.at("name") == "thread_name") names[event.at("tid")] = event.at("args").at("name");
  }
  std::multiset<std::string> all;
  for (const auto& [thread, name] : names) all.insert(name);
  EXPECT_EQ(all.count("worker 0"), 1U);
  EXPECT_EQ(all.count("worker 1"), 1U);
  EXPECT_EQ(all.count("main"), 1U);
  EXPECT_EQ(all.size(), 4U);
  for (const json& slice : events_of(trace, "X")) EXPECT_EQ(names.count(slice.at("tid")), 1U);
}

TEST_F(chrome_trace, times_are_microseconds_since_the_first_event) {
  const std::uint64_t start = ticks_now();
  const auto two_ms = static_cast<std::uint64_t>(2e6 / nanoseconds_per_tick());
  record_event(event_at(start, start + two_ms, 1, "first"));
  record_event(event_at(start + 2 * two_ms, start + 3 * two_ms, 2, "second"));
  const json trace = written_trace();
  EXPECT_EQ(event_named(trace, "first").at("ts"), 0.0);
  EXPECT_NEAR(event_named(trace, "first").at("dur"), 2000.0, 20.0);
  EXPECT_NEAR(event_named(trace, "second").at("ts"), 4000.0, 40.0);
}

TEST_F(chrome_trace, names_given_by_users_arrive_whatever_bytes_they_are) {
  record_event(event_at(10, 20, 1, intern_name("quote \" back \\ line \n bell \a")));
  record_event(event_at(30, 40, 2, intern_name("bad \xff utf-8")));
  record_event(event_at(50, 60, 3, intern_name("gr\u00fc\u00df \U0001F680")));
  record_event(event_at(70, 80, 4, nullptr, event_kind::put));
  const json trace = written_trace();
  EXPECT_FALSE(event_named(trace, "quote \" back \\ line \n bell \a").is_null());
  EXPECT_FALSE(event_named(trace, "bad \ufffd utf-8").is_null());
  EXPECT_FALSE(event_named(trace, "gr\u00fc\u00df \U0001F680").is_null());
  EXPECT_EQ(event_named(trace, "put").at("cat"), "put");
}

TEST_F(chrome_trace, a_task_says_its_id_submitter_line_and_failure) {
  trace_event event = event_at(10, 20, 42, "broken");
  event.parent_or_from = 41;
  event.line = 17;
  event.failed = true;
  record_event(event);
  const json args = event_named(written_trace(), "broken").at("args");
  EXPECT_EQ(args, json({{"id", 42}, {"submitted_by", 41}, {"line", 17}, {"failed", true}}));
}

TEST_F(chrome_trace, flows_come_in_pairs_that_lie_in_the_slices_they_join) {
  std::thread{[] {
    set_thread_track_name("worker 0");
    record_event(event_at(1'000'000, 2'000'000, 1, "producer"));
  }}.join();
  std::thread{[] {
    set_thread_track_name("worker 1");
    record_event(flow_at(3'000'000, 1, 2));
    record_event(event_at(3'000'000, 4'000'000, 2, "consumer"));
    record_event(flow_at(5'000'000, 99, 3));
    record_event(event_at(5'000'000, 6'000'000, 3, "consumer of what was dropped"));
  }}.join();
  const json trace = written_trace();
  const auto starts = events_of(trace, "s");
  const auto ends = events_of(trace, "f");
  ASSERT_EQ(starts.size(), 1U);
  ASSERT_EQ(ends.size(), 1U);
  EXPECT_EQ(starts[0].at("id"), ends[0].at("id"));
  EXPECT_EQ(starts[0].at("cat"), ends[0].at("cat"));
  EXPECT_EQ(starts[0].at("name"), ends[0].at("name"));
  EXPECT_EQ(ends[0].at("bp"), "e");
  const auto lies_in = [](const json& flow, const json& slice) {
    const double begin = slice.at("ts");
    const double end = begin + slice.at("dur").get<double>();
    return flow.at("tid") == slice.at("tid") && flow.at("ts") >= begin && flow.at("ts") < end;
  };
  EXPECT_TRUE(lies_in(starts[0], event_named(trace, "producer")));
  EXPECT_TRUE(lies_in(ends[0], event_named(trace, "consumer")));
  EXPECT_LE(starts[0].at("ts").get<double>(), ends[0].at("ts").get<double>());
  EXPECT_EQ(trace.at("otherData").at("flows_without_slices"), 1);
}

TEST_F(chrome_trace, the_file_says_how_many_events_were_dropped_and_where) {
  std::thread{[] {
    set_thread_track_name("busy");
    for (int i = 0; i < 65'536 + 5; ++i) record_event(event_at(10, 20, 1));
  }}.join();
  const std::string text = written_text();
  EXPECT_THAT(text, HasSubstr(R"("args":{"name":"busy","dropped":5})"));
  EXPECT_THAT(text, HasSubstr(R"("events":65536,"dropped":5,)"));
  std::size_t slices = 0;
  const std::string slice = R"("ph":"X")";
  for (auto at = text.find(slice); at != std::string::npos; at = text.find(slice, at + 1)) {
    ++slices;
  }
  EXPECT_EQ(slices, 65'536U);
}

TEST_F(chrome_trace, it_can_be_written_while_threads_record) {
  std::atomic<bool> stop{false};
  std::atomic<bool> has_begun{false};
  std::thread recorder{[&] {
    for (int i = 0; i < 3'000 && !stop.load(); ++i) {
      const std::uint64_t begin = ticks_now();
      record_event(event_at(begin, ticks_now(), 1));
      has_begun.store(true);
    }
  }};
  while (!has_begun.load()) std::this_thread::yield();
  const json trace = written_trace();
  EXPECT_EQ(events_of(trace, "X").size(), trace.at("otherData").at("events"));
  stop.store(true);
  recorder.join();
}

TEST_F(chrome_trace, a_place_that_does_not_exist_is_an_error_that_names_the_file) {
  const std::string file = path("no/such/place/trace.json");
  try {
    write_chrome_trace(file);
    FAIL() << "no error";
  } catch (const error& caught) {
    EXPECT_NE(std::string{caught.what()}.find(file), std::string::npos);
  }
}

TEST_F(chrome_trace, a_full_disk_leaves_the_file_before_it_and_nothing_half_written) {
  const std::string file = path("trace.json");
  record_event(event_at(10, 20, 1));
  write_chrome_trace(file);
  const auto size_before = std::filesystem::file_size(file);
  for (int i = 0; i < 10'000; ++i) record_event(event_at(10, 20, 1));

  rlimit before{};
  ASSERT_EQ(::getrlimit(RLIMIT_FSIZE, &before), 0);
  const rlimit small{.rlim_cur = 100'000, .rlim_max = before.rlim_max};
  ASSERT_EQ(::setrlimit(RLIMIT_FSIZE, &small), 0);
  EXPECT_THROW(write_chrome_trace(file), error);
  ASSERT_EQ(::setrlimit(RLIMIT_FSIZE, &before), 0);

  EXPECT_EQ(std::filesystem::file_size(file), size_before);
  EXPECT_EQ(files_there(), 1U);
  EXPECT_THROW(write_chrome_trace("/dev/full"), error);
}

}  // namespace
}  // namespace narke::internal
