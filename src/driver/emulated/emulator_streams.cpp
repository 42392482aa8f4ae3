// Streams and events as their callers see them.
#include <fmt/format.h>

#include <algorithm>

#include "driver/emulated/emulator.hpp"

namespace narke::internal {

using emulation::work_kind;

void emulator::wait_for_stream(lock_type& lock, stream_state& stream, std::uint64_t sequence) {
  wait_for(lock, [&] {
    if (stream.completed >= sequence || stream.context->sticky != cu_result::success) return true;
    stream.awaited = std::min(stream.awaited, sequence);
    return is_stopping_;
  });
}

void emulator::host_observed(const record_point& point) {
  if (races_ != nullptr) races_->host_observed(point.race_stream, point.race_position);
}

cu_result emulator::stream_create_with_priority(call& current, cu_stream* stream, unsigned flags,
                                                int priority) {
  if (stream == nullptr || flags > cu_stream_non_blocking) return cu_result::invalid_value;
  if (flags != cu_stream_non_blocking) {
    report(violation_kind::null_stream, current,
           "a stream without the flag NON_BLOCKING waits for the NULL stream");
  }
  auto state = std::make_shared<stream_state>();
  state->number = next_stream_number_++;
  state->context = current.context;
  state->priority = std::clamp(priority, -5, 0);
  if (races_ != nullptr) {
    state->race_id = races_->new_stream(
        fmt::format("stream {} of GPU {}", state->number, current.context->ordinal));
  }
  state->handle = streams_.add(state);
  *stream = state->handle;
  return cu_result::success;
}

/// What is in the stream still runs.
cu_result emulator::stream_destroy(call& current, cu_stream stream) {
  stream_ptr found;
  const cu_result code = find_stream(current, stream, found);
  if (code != cu_result::success) return code;
  streams_.remove(stream);
  found->is_destroyed = true;
  if (races_ != nullptr) races_->end_stream(found->race_id);
  if (!found->queue.empty()) orphans_.push_back(found);
  progress_.notify_all();
  return cu_result::success;
}

cu_result emulator::stream_query(call& current, cu_stream stream) {
  stream_ptr found;
  const cu_result code = find_stream(current, stream, found);
  if (code != cu_result::success) return code;
  const std::uint64_t sequence = found->issued;
  if (found->completed < sequence) advance_for_query(current.lock);
  if (found->context->sticky != cu_result::success) return found->context->sticky;
  if (found->completed < found->issued) return cu_result::not_ready;
  if (races_ != nullptr && !found->is_destroyed) {
    races_->host_observed(found->race_id, races_->tail(found->race_id));
  }
  return cu_result::success;
}

cu_result emulator::stream_synchronize(call& current, cu_stream stream) {
  stream_ptr found;
  const cu_result code = find_stream(current, stream, found);
  if (code != cu_result::success) return code;
  const std::uint64_t sequence = found->issued;
  const stream_position tail = races_ == nullptr ? 0 : races_->tail(found->race_id);
  wait_for_stream(current.lock, *found, sequence);
  if (is_stopping_) return cu_result::deinitialized;
  if (found->context->sticky != cu_result::success) return found->context->sticky;
  if (races_ != nullptr && !found->is_destroyed) races_->host_observed(found->race_id, tail);
  release_surplus(found->context->ordinal);
  return cu_result::success;
}

cu_result emulator::stream_wait_event(call& current, cu_stream stream, cu_event event,
                                      unsigned flags) {
  stream_ptr waiting;
  event_ptr awaited;
  if (flags != 0) return cu_result::invalid_value;
  cu_result code = find_stream(current, stream, waiting);
  if (code == cu_result::success) code = wait_for_room(current, waiting);
  if (code == cu_result::success) code = find_event(current, event, awaited);
  if (code != cu_result::success) return code;
  if (awaited->latest == nullptr) {
    report(violation_kind::never_recorded_wait, current,
           fmt::format("stream {} #{} waits for nothing", waiting->number, waiting->issued + 1));
    return cu_result::success;
  }
  const auto point = awaited->latest;
  if (current.is_skipped) {
    const bool was_needless =
        races_ != nullptr && races_->is_redundant(waiting->race_id, awaited->race_id);
    redundant_waits_ += was_needless ? 1 : 0;
    return cu_result::success;
  }
  if (races_ != nullptr &&
      races_->wait(waiting->race_id, awaited->race_id) == wait_effect::redundant) {
    ++redundant_waits_;
  }
  waiting->known.learn(point->known);
  waiting->known.learn(point->stream, point->sequence);
  auto work = new_operation(current, work_kind::wait);
  work->point = point;
  enqueue(waiting, std::move(work));
  return cu_result::success;
}

cu_result emulator::stream_is_capturing(call& current, cu_stream stream,
                                        cu_stream_capture_status* status) {
  stream_ptr found;
  const cu_result code = find_stream(current, stream, found);
  if (code != cu_result::success) return code;
  if (status == nullptr) return cu_result::invalid_value;
  *status = cu_stream_capture_status::none;
  return cu_result::success;
}

cu_result emulator::event_create(call& current, cu_event* event, unsigned flags) {
  constexpr unsigned known_flags = cu_event_blocking_sync | cu_event_disable_timing;
  if (event == nullptr || (flags & ~known_flags) != 0) return cu_result::invalid_value;
  auto state = std::make_shared<event_state>();
  state->context = current.context;
  state->flags = flags;
  if (races_ != nullptr) state->race_id = races_->new_event();
  *event = events_.add(std::move(state));
  return cu_result::success;
}

cu_result emulator::event_destroy(call& current, cu_event event) {
  event_ptr found;
  const cu_result code = find_event(current, event, found);
  if (code != cu_result::success) return code;
  if (races_ != nullptr) races_->end_event(found->race_id);
  events_.remove(event);
  return cu_result::success;
}

cu_result emulator::event_record(call& current, cu_event event, cu_stream stream) {
  stream_ptr recording;
  event_ptr found;
  cu_result code = find_stream(current, stream, recording);
  if (code == cu_result::success) code = wait_for_room(current, recording);
  if (code == cu_result::success) code = find_event(current, event, found);
  if (code != cu_result::success) return code;
  if (found->context != recording->context) {
    report(violation_kind::foreign_event, current,
           fmt::format("an event of GPU {} is recorded on stream {} of GPU {}",
                       found->context->ordinal, recording->number, recording->context->ordinal));
    return cu_result::invalid_handle;
  }
  auto work = new_operation(current, work_kind::record);
  work->sequence = ++recording->issued;
  auto point = std::make_shared<record_point>();
  point->stream = recording->number;
  point->sequence = work->sequence;
  point->known = recording->known;
  if (races_ != nullptr) {
    point->race_stream = recording->race_id;
    point->race_position = races_->record(found->race_id, recording->race_id);
  }
  found->latest = point;
  work->point = std::move(point);
  enqueue(recording, std::move(work));
  return cu_result::success;
}

/// As on CUDA, an event that was never recorded counts as complete.
cu_result emulator::event_query(call& current, cu_event event) {
  event_ptr found;
  const cu_result code = find_event(current, event, found);
  if (code != cu_result::success) return code;
  const auto point = found->latest;
  if (point == nullptr) return cu_result::success;
  if (!point->is_complete) advance_for_query(current.lock);
  if (found->context->sticky != cu_result::success) return found->context->sticky;
  if (!point->is_complete) return cu_result::not_ready;
  host_observed(*point);
  return cu_result::success;
}

cu_result emulator::event_synchronize(call& current, cu_event event) {
  event_ptr found;
  const cu_result code = find_event(current, event, found);
  if (code != cu_result::success) return code;
  const auto point = found->latest;
  if (point == nullptr) return cu_result::success;
  wait_for(current.lock, [&] {
    return point->is_complete || found->context->sticky != cu_result::success || is_stopping_;
  });
  if (is_stopping_) return cu_result::deinitialized;
  if (found->context->sticky != cu_result::success) return found->context->sticky;
  host_observed(*point);
  release_surplus(found->context->ordinal);
  return cu_result::success;
}

cu_result emulator::event_elapsed_time(call& current, float* milliseconds, cu_event start,
                                       cu_event end) {
  event_ptr first;
  event_ptr last;
  cu_result code = find_event(current, start, first);
  if (code == cu_result::success) code = find_event(current, end, last);
  if (code != cu_result::success) return code;
  if (milliseconds == nullptr) return cu_result::invalid_value;
  const bool has_timing = ((first->flags | last->flags) & cu_event_disable_timing) == 0;
  if (!has_timing || first->latest == nullptr || last->latest == nullptr ||
      first->context != last->context) {
    return cu_result::invalid_handle;
  }
  if (!first->latest->is_complete || !last->latest->is_complete) return cu_result::not_ready;
  const auto from = static_cast<double>(first->latest->completed_ns);
  *milliseconds =
      static_cast<float>((static_cast<double>(last->latest->completed_ns) - from) / 1e6);
  return cu_result::success;
}

void emulator::check_leaks() {
  wait_until_idle();
  const std::lock_guard lock(mutex_);
  const auto is_lost = [](const context_state& context) {
    return context.sticky != cu_result::success;
  };
  const auto leak = [&](std::string what) { report(violation_kind::leak, "", std::move(what)); };
  contexts_.for_each([&](const auto& context) {
    if (context->is_destroyed || is_lost(*context)) return;
    leak(fmt::format("the context of GPU {} is retained {} times", context->ordinal,
                     context->retained));
  });
  streams_.for_each([&](const stream_ptr& stream) {
    if (is_lost(*stream->context)) return;
    leak(fmt::format("stream {} of GPU {}", stream->number, stream->context->ordinal));
  });
  std::map<int, std::size_t> events;
  events_.for_each([&](const event_ptr& event) {
    if (!is_lost(*event->context)) ++events[event->context->ordinal];
  });
  for (const auto& [ordinal, count] : events) {
    leak(fmt::format("{} events of GPU {}", count, ordinal));
  }
  const auto is_lost_ordinal = [&](int ordinal) {
    return find_device(ordinal)->lost != cu_result::success;
  };
  pools_.for_each([&](const std::shared_ptr<pool_state>& pool) {
    if (!is_lost_ordinal(pool->ordinal)) leak(fmt::format("a pool of GPU {}", pool->ordinal));
  });
  blocks_.for_each([&](const device_block& block) {
    if (!block.is_freed && !is_lost_ordinal(block.ordinal)) leak(blocks_.describe(block));
  });
  for (const auto& [begin, registration] : registrations_) {
    if (registration->context != nullptr && is_lost(*registration->context)) continue;
    leak(fmt::format("{} registered bytes at {:#x}", registration->bytes, begin));
  }
}

}  // namespace narke::internal
