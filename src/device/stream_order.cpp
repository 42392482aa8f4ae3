#include "device/stream_order.hpp"

#include <algorithm>

#include "device/driver_call.hpp"
#include "device/gpu_device.hpp"

namespace narke::internal {

void point_list::add(stream_point point) {
  if (is_complete(point)) {
    return;
  }
  for (stream_point* each = data(); each != data() + size_; ++each) {
    if (each->stream == point.stream) {
      each->sequence = std::max(each->sequence, point.sequence);
      return;
    }
  }
  if (size_ == capacity_) {
    auto larger = std::make_unique<stream_point[]>(2 * capacity_);
    std::copy(begin(), end(), larger.get());
    more_ = std::move(larger);
    capacity_ *= 2;
  }
  data()[size_++] = point;
}

void point_list::forget_complete() noexcept {
  stream_point* const last =
      std::remove_if(data(), data() + size_, [](const stream_point& p) { return is_complete(p); });
  size_ = static_cast<std::size_t>(last - data());
}

gpu_stream& stream_order::add_stream(gpu_device& device, int priority) {
  auto stream = std::make_unique<gpu_stream>();
  stream->device = &device;
  stream->index = streams_.size();
  check_driver(
      table_, table_.stream_create_with_priority(&stream->handle, cu_stream_non_blocking, priority),
      "cuStreamCreateWithPriority");
  return *streams_.emplace_back(std::move(stream));
}

void stream_order::remove_streams(const gpu_device& device) noexcept {
  for (const auto& stream : streams_) {
    if (stream->device == &device) {
      for (const stream_marker& marker : stream->markers) {
        table_.event_destroy(marker.event);
      }
      stream->markers.clear();
      if (stream->handle != nullptr) {
        table_.stream_destroy(stream->handle);
      }
      stream->handle = nullptr;
    }
  }
}

bool stream_order::has_seen(const gpu_stream& stream, stream_point point) noexcept {
  return point.stream == &stream || is_complete(point) ||
         (point.stream->index < stream.seen.size() &&
          stream.seen[point.stream->index] >= point.sequence);
}

bool stream_order::has_seen_all(const gpu_stream& stream, const point_list& points) noexcept {
  return std::all_of(points.begin(), points.end(),
                     [&](const stream_point& point) { return has_seen(stream, point); });
}

cu_result stream_order::wait(gpu_stream& stream, stream_point point) {
  if (has_seen(stream, point)) {
    counts_.implied_waits += point.stream == nullptr || point.stream == &stream ? 0 : 1;
    return cu_result::success;
  }
  gpu_stream& producer = *point.stream;
  if (producer.marked < point.sequence) {
    if (const cu_result code = mark(producer); code != cu_result::success) {
      return code;
    }
  }
  const auto marker =
      std::find_if(producer.markers.begin(), producer.markers.end(),
                   [&](const stream_marker& each) { return each.sequence >= point.sequence; });
  const cu_result code = table_.stream_wait_event(stream.handle, marker->event, 0);
  if (code != cu_result::success) {
    return code;
  }
  ++counts_.waits;
  merge(stream.seen, marker->seen);
  stream.seen.resize(std::max(stream.seen.size(), producer.index + 1));
  stream.seen[producer.index] = std::max(stream.seen[producer.index], marker->sequence);
  return cu_result::success;
}

// Whether who waits for `later` comes after `earlier`, too.
bool stream_order::implies(stream_point later, stream_point earlier) noexcept {
  const gpu_stream& of = *later.stream;
  const auto marker =
      std::find_if(of.markers.begin(), of.markers.end(),
                   [&](const stream_marker& each) { return each.sequence >= later.sequence; });
  const std::vector<std::uint64_t>& seen = marker != of.markers.end() ? marker->seen : of.seen;
  return earlier.stream->index < seen.size() && seen[earlier.stream->index] >= earlier.sequence;
}

// First for what nothing else in the list implies: the others are then mostly seen.
cu_result stream_order::wait(gpu_stream& stream, const point_list& points) {
  for (const stream_point& point : points) {
    const bool is_implied =
        std::any_of(points.begin(), points.end(), [&](const stream_point& other) {
          return other.stream != point.stream && !has_seen(stream, other) && implies(other, point);
        });
    if (is_implied) {
      continue;
    }
    if (const cu_result code = wait(stream, point); code != cu_result::success) {
      return code;
    }
  }
  for (const stream_point& point : points) {
    if (const cu_result code = wait(stream, point); code != cu_result::success) {
      return code;
    }
  }
  return cu_result::success;
}

void stream_order::end_work(gpu_stream& stream, std::uint64_t now_ns) noexcept {
  if (stream.marked == stream.ended) {
    stream.unmarked_since_ns = now_ns;
  }
  ++stream.ended;
}

cu_result stream_order::mark(gpu_stream& stream) {
  if (stream.marked == stream.ended) {
    return cu_result::success;
  }
  stream_marker marker{.sequence = stream.ended, .event = nullptr, .seen = stream.seen};
  if (const cu_result code = take_event(stream, marker.event); code != cu_result::success) {
    return code;
  }
  if (const cu_result code = table_.event_record(marker.event, stream.handle);
      code != cu_result::success) {
    stream.device->free_events().push_back(marker.event);
    return code;
  }
  ++counts_.records;
  counts_.outruns += stream.begun > stream.ended ? 1 : 0;
  stream.marked = stream.ended;
  stream.markers.push_back(std::move(marker));
  return cu_result::success;
}

cu_result stream_order::take_event(const gpu_stream& stream, cu_event& event) {
  gpu_device& device = *stream.device;
  if (!stream.markers.empty() && is_left_out(mutation_, engine_step::take_free_event)) {
    event = stream.markers.front().event;
    return cu_result::success;
  }
  std::vector<cu_event>& free = device.free_events();
  if (free.empty()) {
    const scoped_context current{table_, device.context()};
    return table_.event_create(&event, cu_event_disable_timing);
  }
  event = free.back();
  free.pop_back();
  return cu_result::success;
}

cu_result stream_order::poll(gpu_stream& stream, bool& progressed) {
  while (!stream.markers.empty()) {
    stream_marker& oldest = stream.markers.front();
    if (!stream.is_complete(oldest.sequence)) {
      const cu_result code = table_.event_query(oldest.event);
      if (code == cu_result::not_ready) {
        return cu_result::success;
      }
      if (code != cu_result::success) {
        return code;
      }
      note_seen_by_host(oldest.seen);
      stream.completed = std::max(stream.completed, oldest.sequence);
      progressed = true;
    }
    stream.device->free_events().push_back(oldest.event);
    stream.markers.pop_front();
  }
  return cu_result::success;
}

void stream_order::note_drained(gpu_stream& stream, std::uint64_t sequence) noexcept {
  note_seen_by_host(stream.seen);
  stream.completed = std::max(stream.completed, sequence);
}

void stream_order::note_seen_by_host(const std::vector<std::uint64_t>& seen) noexcept {
  for (std::size_t i = 0; i != seen.size(); ++i) {
    streams_[i]->completed = std::max(streams_[i]->completed, seen[i]);
  }
}

void stream_order::merge(std::vector<std::uint64_t>& into, const std::vector<std::uint64_t>& from) {
  into.resize(std::max(into.size(), from.size()));
  for (std::size_t i = 0; i != from.size(); ++i) {
    into[i] = std::max(into[i], from[i]);
  }
}

}  // namespace narke::internal
