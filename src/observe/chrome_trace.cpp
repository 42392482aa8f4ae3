// The exporter: `{"traceEvents":[…],"displayTimeUnit":"ms","otherData":{…}}`, streamed. One
// process, a track a thread, its slices in microseconds:
//   {"ph":"M","pid":7,"tid":2,"name":"thread_name","args":{"name":"worker 0","dropped":0}}
//   {"ph":"X","pid":7,"tid":2,"ts":1.250,"dur":0.500,"name":"blur","cat":"task","args":{"id":3}}
// and for each result that one task took from another a pair of flow events (`s`, `f`).
#include <algorithm>
#include <chrono>
#include <cstdint>
#include <iterator>
#include <string>
#include <unordered_map>
#include <vector>

#include <unistd.h>

#include <fmt/chrono.h>
#include <fmt/format.h>
#include <nlohmann/json.hpp>

#include "base/output_file.hpp"
#include "observe/trace_buffer.hpp"
#include "observe/trace_slices.hpp"

namespace narke::internal {
namespace {

const char* kind_name(event_kind kind) {
  switch (kind) {
    case event_kind::task:
      return "task";
    case event_kind::actor_call:
      return "actor_call";
    case event_kind::wait:
      return "wait";
    case event_kind::put:
      return "put";
    case event_kind::flow:
      return "dependency";
  }
  return "event";
}

// A JSON string; what is not UTF-8 becomes the replacement character.
std::string quoted(const std::string& text) {
  return nlohmann::json(text).dump(-1, ' ', false, nlohmann::json::error_handler_t::replace);
}

std::string microseconds(std::int64_t ns) {
  return fmt::format("{}.{:03}", ns / 1000, ns % 1000);
}

struct trace_totals {
  std::uint64_t events = 0;
  std::uint64_t dropped = 0;
  std::uint64_t flows_without_slices = 0;
  std::chrono::system_clock::time_point started_at;
};

class trace_writer {
 public:
  trace_writer(output_file& file, tick_scale scale)
      : file_{file}, scale_{scale}, pid_{static_cast<int>(::getpid())} {}

  void begin() {
    file_.write("{\"traceEvents\":[\n");
    line(fmt::format(R"({{"ph":"M","pid":{},"tid":0,"name":"process_name",)"
                     R"("args":{{"name":"narke"}}}})",
                     pid_));
  }
  void write_track(const track_snapshot& track, flow_matcher& flows);
  void write_flows(const std::vector<trace_flow>& flows);
  void write_advice(const std::vector<advice_entry>& advice);
  void end(const trace_totals& totals);

 private:
  void line(const std::string& event) {
    file_.write(is_first_ ? "" : ",\n");
    file_.write(event);
    is_first_ = false;
  }
  void write_owner(const track_snapshot& track);
  void write_slice(int thread_id, const trace_slice& slice);
  const std::string& quoted_name(const trace_event& event);

  output_file& file_;
  tick_scale scale_;
  int pid_;
  bool is_first_ = true;
  std::unordered_map<const char*, std::string> names_;  ///< interned: equal names, equal pointers
};

const std::string& trace_writer::quoted_name(const trace_event& event) {
  const char* const name = event.name != nullptr ? event.name : kind_name(event.kind);
  const auto [entry, is_new] = names_.try_emplace(name);
  if (is_new) entry->second = quoted(name);
  return entry->second;
}

void trace_writer::write_owner(const track_snapshot& track) {
  const track_owner owner = track.buffer->owner();
  line(fmt::format(R"({{"ph":"M","pid":{},"tid":{},"name":"thread_name",)"
                   R"("args":{{"name":{},"dropped":{}}}}})",
                   pid_, owner.thread_id, quoted(track_name(owner)), track.dropped));
  line(fmt::format(R"({{"ph":"M","pid":{},"tid":{},"name":"thread_sort_index",)"
                   R"("args":{{"sort_index":{}}}}})",
                   pid_, owner.thread_id, owner.sort_index));
}

void trace_writer::write_slice(int thread_id, const trace_slice& slice) {
  const trace_event& event = *slice.event;
  std::string args;
  const auto add = [&args](const char* key, std::uint64_t value) {
    if (value != 0) fmt::format_to(std::back_inserter(args), R"(,"{}":{})", key, value);
  };
  add("id", event.id);
  add("submitted_by", event.parent_or_from);
  add("line", event.line);
  if (event.failed) args += R"(,"failed":true)";
  if (event.attempt != 0) args += fmt::format(R"(,"attempt":{})", event.attempt);
  if (!args.empty()) args.erase(0, 1);
  line(fmt::format(R"({{"ph":"X","pid":{},"tid":{},"ts":{},"dur":{},"name":{},"cat":"{}",)"
                   R"("args":{{{}}}}})",
                   pid_, thread_id, microseconds(slice.begin_ns),
                   microseconds(slice.end_ns - slice.begin_ns), quoted_name(event),
                   kind_name(event.kind), args));
}

void trace_writer::write_track(const track_snapshot& track, flow_matcher& flows) {
  write_owner(track);
  std::vector<trace_event> events;
  events.reserve(track.events);
  for_each_event(track, [&](const trace_event& event) { events.push_back(event); });
  const std::vector<trace_slice> slices = nest_slices(events, scale_);
  const int thread_id = track.buffer->owner().thread_id;
  for (const trace_slice& slice : slices) write_slice(thread_id, slice);
  flows.add_slices(thread_id, slices);
}

void trace_writer::write_flows(const std::vector<trace_flow>& flows) {
  std::uint64_t id = 0;
  for (const trace_flow& flow : flows) {
    ++id;
    line(fmt::format(R"({{"ph":"s","pid":{},"tid":{},"ts":{},"id":{},"name":"result",)"
                     R"("cat":"dependency"}})",
                     pid_, flow.from_thread, microseconds(flow.from_ns), id));
    line(fmt::format(R"({{"ph":"f","bp":"e","pid":{},"tid":{},"ts":{},"id":{},"name":"result",)"
                     R"("cat":"dependency"}})",
                     pid_, flow.to_thread, microseconds(flow.to_ns), id));
  }
}

// At the moment of writing: what was found holds for the whole program so far.
void trace_writer::write_advice(const std::vector<advice_entry>& advice) {
  const std::string now = microseconds(scale_.to_ns(ticks_now()));
  for (const advice_entry& each : advice) {
    line(fmt::format(R"({{"ph":"i","s":"p","pid":{},"tid":0,"ts":{},"name":{},"cat":"advice",)"
                     R"("args":{{"message":{},"file":{},"line":{},"count":{}}}}})",
                     pid_, now, quoted(each.code), quoted(each.message),
                     quoted(each.location.file_name()), each.location.line(), each.count));
  }
}

void trace_writer::end(const trace_totals& totals) {
  file_.write(fmt::format(
      "\n],\n\"displayTimeUnit\":\"ms\",\n\"otherData\":{{\"producer\":\"narke\","
      "\"started_at\":\"{:%Y-%m-%dT%H:%M:%SZ}\",\"events\":{},\"dropped\":{},"
      "\"flows_without_slices\":{}}}}}\n",
      fmt::gmtime(totals.started_at), totals.events, totals.dropped, totals.flows_without_slices));
}

std::uint64_t first_tick(const std::vector<track_snapshot>& tracks) {
  std::uint64_t first = UINT64_MAX;
  for (const track_snapshot& track : tracks) {
    for_each_event(track, [&](const trace_event& event) {
      if (event.begin_ticks != 0) first = std::min(first, event.begin_ticks);
    });
  }
  return first == UINT64_MAX ? ticks_now() : first;
}

std::chrono::system_clock::time_point time_of_origin(const tick_scale& scale) {
  const std::chrono::nanoseconds age{scale.to_ns(ticks_now())};
  return std::chrono::system_clock::now() -
         std::chrono::duration_cast<std::chrono::system_clock::duration>(age);
}

}  // namespace

std::string track_name(const track_owner& owner) {
  if (owner.name != nullptr) return owner.name;
  return owner.is_main ? "main" : fmt::format("thread {}", owner.thread_id);
}

void write_chrome_trace(const std::string& path, const std::vector<advice_entry>& advice) {
  output_file file{path};
  const trace_snapshot snapshot = snapshot_events();
  trace_totals totals{.dropped = snapshot.dropped_elsewhere};
  flow_matcher flows;
  for (const track_snapshot& track : snapshot.tracks) {
    totals.events += track.events;
    totals.dropped += track.dropped;
    for_each_event(track, [&](const trace_event& event) {
      if (event.kind == event_kind::flow) flows.add_flow(event);
    });
  }
  const tick_scale scale{first_tick(snapshot.tracks), nanoseconds_per_tick()};
  totals.started_at = time_of_origin(scale);

  trace_writer writer{file, scale};
  writer.begin();
  for (const track_snapshot& track : snapshot.tracks) writer.write_track(track, flows);
  const std::vector<trace_flow> matched = flows.match(scale);
  writer.write_flows(matched);
  writer.write_advice(advice);
  totals.flows_without_slices = flows.flow_count() - matched.size();
  writer.end(totals);
  file.commit();
}

}  // namespace narke::internal
