#include "driver/emulated/race_detector.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <limits>
#include <stdexcept>
#include <utility>

namespace narke::internal {
namespace {

cu_device_ptr end_of(cu_device_ptr begin, std::size_t bytes) {
  constexpr auto last = std::numeric_limits<cu_device_ptr>::max();
  return bytes <= last - begin ? begin + bytes : last;
}

}  // namespace

race_stream_id race_detector::new_stream(std::string name) {
  // A number is given again only when all that it ever named is ordered before what may come: the
  // successor then counts on from there, and nobody takes one for the other.
  std::uint32_t index = 0;
  while (index < streams_.size() &&
         (streams_[index].is_live || streams_[index].tail > observed_[index])) {
    ++index;
  }
  if (index == streams_.size()) {
    streams_.emplace_back();
    observed_.push_back(0);
  }
  stream_state& stream = streams_[index];
  stream.name = std::move(name);
  stream.is_live = true;
  stream.history.assign(1, knowledge{.from = stream.tail, .known = nullptr});
  return race_stream_id{index};
}

void race_detector::end_stream(race_stream_id stream) {
  streams_[index_of(stream)].is_live = false;
}

race_event_id race_detector::new_event() {
  if (free_events_.empty()) {
    free_events_.push_back(static_cast<std::uint32_t>(events_.size()));
    events_.emplace_back();
  }
  const std::uint32_t index = free_events_.back();
  free_events_.pop_back();
  events_[index] = {};
  events_[index].is_live = true;
  return race_event_id{index};
}

void race_detector::end_event(race_event_id event) {
  events_[index_of(event)] = {};
  free_events_.push_back(static_cast<std::uint32_t>(event));
}

stream_position race_detector::operation(race_stream_id stream,
                                         std::span<const accessed_bytes> accesses,
                                         std::string_view label) {
  const std::uint32_t index = index_of(stream);
  const operation_epoch by{.stream = index, .position = append(index, {std::string(label), false})};
  for (const accessed_bytes& bytes : accesses) {
    check(bytes, &by, label);
    history_.add(bytes.begin, end_of(bytes.begin, bytes.bytes), {by, bytes.access});
  }
  keep_races();
  prune_history();
  return by.position;
}

stream_position race_detector::allocated(race_stream_id stream, cu_device_ptr begin,
                                         std::size_t bytes, std::string_view label) {
  return change_hands(stream, begin, bytes, label);
}

stream_position race_detector::freed(race_stream_id stream, cu_device_ptr begin, std::size_t bytes,
                                     std::string_view label) {
  return change_hands(stream, begin, bytes, label);
}

stream_position race_detector::change_hands(race_stream_id stream, cu_device_ptr begin,
                                            std::size_t bytes, std::string_view label) {
  const std::uint32_t index = index_of(stream);
  const operation_epoch by{.stream = index, .position = append(index, {std::string(label), false})};
  check({.begin = begin, .bytes = bytes, .access = byte_access::write}, &by, label);
  history_.replace(begin, end_of(begin, bytes), {by, byte_access::write});
  keep_races();
  prune_history();
  return by.position;
}

void race_detector::forget(cu_device_ptr begin, std::size_t bytes) {
  history_.forget(begin, end_of(begin, bytes));
}

stream_position race_detector::record(race_event_id event, race_stream_id stream) {
  const std::uint32_t index = index_of(stream);
  const stream_state& from = streams_[index];
  event_state& target = events_[index_of(event)];
  target.is_recorded = true;
  target.at = {.stream = index, .position = from.tail};
  target.known = from.history.back().known;
  return from.tail;
}

wait_effect race_detector::wait(race_stream_id stream, race_event_id event) {
  const std::uint32_t index = index_of(stream);
  const event_state& waited = events_[index_of(event)];
  if (!waited.is_recorded) return wait_effect::never_recorded;
  if (is_redundant(stream, event)) return wait_effect::redundant;
  const shared_clock before = streams_[index].history.back().known;
  auto joined = std::make_shared<clock>(before ? *before : clock{});
  joined->resize(streams_.size());
  for (std::uint32_t i = 0; i < joined->size(); ++i) {
    (*joined)[i] = std::max((*joined)[i], part(waited.known, i));
  }
  (*joined)[waited.at.stream] = std::max((*joined)[waited.at.stream], waited.at.position);
  const stream_position position = append(index, {"wait", true});
  streams_[index].history.push_back({.from = position, .known = std::move(joined)});
  return wait_effect::ordered;
}

/// One comparison is nearly always enough: who knows a position of a stream learned with it all
/// that the stream knew there. Only a stream that waited and did nothing since needs them all.
bool race_detector::is_redundant(race_stream_id stream, race_event_id event) const {
  const std::uint32_t index = index_of(stream);
  const event_state& waited = events_[index_of(event)];
  if (!waited.is_recorded) return false;
  if (known_to(index, waited.at.stream) >= waited.at.position) return true;
  if (!knows_work(index, waited.at)) return false;
  for (std::uint32_t i = 0; waited.known != nullptr && i < waited.known->size(); ++i) {
    if (!knows_work(index, {.stream = i, .position = (*waited.known)[i]})) return false;
  }
  return true;
}

/// An ended stream is fine: before its number is given again, all that it did has been observed.
void race_detector::host_observed(race_stream_id stream, stream_position position) {
  const auto index = static_cast<std::uint32_t>(stream);
  if (index >= streams_.size()) {
    throw std::invalid_argument(fmt::format("race_detector: stream {} never lived", index));
  }
  const stream_state& seen = streams_[index];
  if (position > seen.tail) {
    throw std::invalid_argument(
        fmt::format("race_detector::host_observed: {} was told complete up to position {}, but "
                    "only {} were issued",
                    seen.name, position, seen.tail));
  }
  if (position <= observed_[index]) return;
  const auto behind =
      std::upper_bound(seen.history.begin(), seen.history.end(), position,
                       [](stream_position at, const knowledge& entry) { return at < entry.from; });
  observe({.stream = index, .position = position}, std::prev(behind)->known);
}

void race_detector::host_observed(race_event_id event) {
  const event_state& seen = events_[index_of(event)];
  if (seen.is_recorded) observe(seen.at, seen.known);
}

void race_detector::host_access(const accessed_bytes& access, std::string_view label) {
  check(access, nullptr, label);
  keep_races();
}

stream_position race_detector::tail(race_stream_id stream) const {
  return streams_[index_of(stream)].tail;
}

stream_position race_detector::observed(race_stream_id stream) const {
  return observed_[index_of(stream)];
}

std::vector<race> race_detector::take_races() {
  return std::exchange(races_, {});
}

stream_position race_detector::part(const shared_clock& known, std::uint32_t stream) {
  return known != nullptr && stream < known->size() ? (*known)[stream] : 0;
}

std::uint32_t race_detector::index_of(race_stream_id stream) const {
  const auto index = static_cast<std::uint32_t>(stream);
  if (index < streams_.size() && streams_[index].is_live) return index;
  throw std::invalid_argument(fmt::format("race_detector: stream {} does not live", index));
}

std::uint32_t race_detector::index_of(race_event_id event) const {
  const auto index = static_cast<std::uint32_t>(event);
  if (index < events_.size() && events_[index].is_live) return index;
  throw std::invalid_argument(fmt::format("race_detector: event {} does not live", index));
}

stream_position race_detector::append(std::uint32_t stream, step what) {
  streams_[stream].steps.push_back(std::move(what));
  return ++streams_[stream].tail;
}

/// What `stream`, when something is issued to it at this moment, knows of `other`.
stream_position race_detector::known_to(std::uint32_t stream, std::uint32_t other) const {
  if (stream == other) return streams_[stream].tail;
  return std::max(part(streams_[stream].history.back().known, other), observed_[other]);
}

/// Whether every operation of a stream up to a position, waits apart, is known to `stream`.
bool race_detector::knows_work(std::uint32_t stream, operation_epoch up_to) const {
  const stream_state& other = streams_[up_to.stream];
  stream_position known = known_to(stream, up_to.stream);
  const auto first = static_cast<std::size_t>(known - observed_[up_to.stream]);
  for (std::size_t i = first; known < up_to.position; ++known, ++i) {
    if (!other.steps[i].is_wait) return false;
  }
  return true;
}

void race_detector::observe(operation_epoch at, const shared_clock& known) {
  raise_observed(at.stream, at.position);
  if (known == nullptr) return;
  for (std::uint32_t i = 0; i < known->size(); ++i) raise_observed(i, (*known)[i]);
}

void race_detector::raise_observed(std::uint32_t stream, stream_position position) {
  stream_state& seen = streams_[stream];
  if (position <= observed_[stream]) return;
  const auto forgotten = static_cast<std::ptrdiff_t>(position - observed_[stream]);
  seen.steps.erase(seen.steps.begin(), seen.steps.begin() + forgotten);
  observed_[stream] = position;
  while (seen.history.size() > 1 && seen.history[1].from <= position) seen.history.pop_front();
}

void race_detector::check(const accessed_bytes& bytes, const operation_epoch* by,
                          std::string_view label) {
  const auto is_before = [this, by](const operation_epoch& past) {
    const stream_position known =
        by == nullptr ? observed_[past.stream] : known_to(by->stream, past.stream);
    return past.position <= known;
  };
  history_.check(
      bytes.begin, end_of(bytes.begin, bytes.bytes), bytes.access, is_before,
      [&](const past_access& past, cu_device_ptr begin, cu_device_ptr end) {
        add_race(
            past,
            {.begin = begin, .bytes = end - begin, .earlier = past.kind, .later = bytes.access}, by,
            label);
      });
}

/// One race a pair of operations: further bytes are joined to it.
void race_detector::add_race(const past_access& past, const raced_bytes& bytes,
                             const operation_epoch* by, std::string_view label) {
  const auto same = std::find(current_earlier_.begin(), current_earlier_.end(), past.by);
  if (same != current_earlier_.end()) {
    auto& ranges = current_races_[static_cast<std::size_t>(same - current_earlier_.begin())].ranges;
    raced_bytes& last = ranges.back();
    if (last.begin + last.bytes == bytes.begin && last.earlier == bytes.earlier &&
        last.later == bytes.later) {
      last.bytes += bytes.bytes;
    } else {
      ranges.push_back(bytes);
    }
    return;
  }
  const stream_state& stream = streams_[past.by.stream];
  const auto step_index =
      static_cast<std::size_t>(past.by.position - observed_[past.by.stream] - 1);
  race found;
  found.earlier = {
      .stream = stream.name, .position = past.by.position, .label = stream.steps[step_index].label};
  if (by == nullptr) {
    found.later = {.is_host = true, .stream = "host", .label = std::string(label)};
    found.seen = observed_[past.by.stream];
  } else {
    found.later = {
        .stream = streams_[by->stream].name, .position = by->position, .label = std::string(label)};
    found.seen = known_to(by->stream, past.by.stream);
  }
  found.ranges.push_back(bytes);
  current_races_.push_back(std::move(found));
  current_earlier_.push_back(past.by);
}

void race_detector::keep_races() {
  for (race& found : current_races_) {
    std::stable_sort(found.ranges.begin(), found.ranges.end(),
                     [](const auto& a, const auto& b) { return a.begin < b.begin; });
    found.ranges.erase(std::unique(found.ranges.begin(), found.ranges.end()), found.ranges.end());
    ++races_found_;
    if (races_.size() < races_max) races_.push_back(std::move(found));
  }
  current_races_.clear();
  current_earlier_.clear();
}

void race_detector::prune_history() {
  if (history_.range_count() <= prune_above_) return;
  history_.prune(
      [this](const operation_epoch& past) { return past.position <= observed_[past.stream]; });
  prune_above_ = std::max(prune_above_min, 2 * history_.range_count());
}

}  // namespace narke::internal
