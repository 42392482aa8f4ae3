// Contexts: one primary one a device, counted; one current one a thread.
#include <fmt/format.h>

#include "driver/emulated/emulator.hpp"
#include "driver/emulated/emulator_thread.hpp"

namespace narke::internal {

cu_result emulator::device_primary_ctx_retain(call& current, cu_context* context,
                                              cu_device device) {
  device_state* found = find_device(device);
  if (found == nullptr) return cu_result::invalid_device;
  if (context == nullptr) return cu_result::invalid_value;
  if (found->gpu.taken) return cu_result::device_unavailable;
  if (found->lost != cu_result::success) return found->lost;
  if (found->context == nullptr) {
    if (free_bytes(device) < options_.model.context_bytes) return cu_result::out_of_memory;
    found->context = std::make_shared<context_state>();
    found->context->ordinal = device;
    found->context->handle = contexts_.add(found->context);
    ++found->context->retained;
    const auto opened = found->context;
    spend(current.lock, options_.model.context_ns);
    *context = opened->handle;
    return opened->sticky;
  }
  ++found->context->retained;
  *context = found->context->handle;
  return cu_result::success;
}

/// As on CUDA the last release destroys what the context holds; strictly, it should hold nothing.
cu_result emulator::device_primary_ctx_release(call& current, cu_device device) {
  device_state* found = find_device(device);
  if (found == nullptr) return cu_result::invalid_device;
  const auto context = found->context;
  if (context == nullptr) {
    report(violation_kind::wrong_context, current,
           fmt::format("the context of GPU {} is not retained", device));
    return cu_result::invalid_context;
  }
  if (--context->retained > 0) return cu_result::success;
  const bool is_lost = context->sticky != cu_result::success;
  std::vector<stream_ptr> streams;
  for (const stream_ptr& stream : all_streams()) {
    if (stream->context == context) streams.push_back(stream);
  }
  for (const stream_ptr& stream : streams) {
    if (!stream->is_destroyed && !is_lost) {
      report(violation_kind::leak, current,
             fmt::format("stream {} outlives the context of GPU {}", stream->number, device));
    }
  }
  for (const stream_ptr& stream : streams) {
    wait_for_stream(current.lock, *stream, stream->issued);
  }
  for (const stream_ptr& stream : streams) {
    if (races_ != nullptr && !stream->is_destroyed) races_->end_stream(stream->race_id);
    stream->is_destroyed = true;
    if (!stream->queue.empty()) orphans_.push_back(stream);
    streams_.remove(stream->handle);
  }
  context->is_destroyed = true;
  found->context = nullptr;
  return cu_result::success;
}

cu_result emulator::device_primary_ctx_get_state(call&, cu_device device, unsigned* flags,
                                                 int* active) {
  const device_state* found = find_device(device);
  if (found == nullptr) return cu_result::invalid_device;
  if (flags == nullptr || active == nullptr) return cu_result::invalid_value;
  *flags = 0;
  *active = found->context != nullptr ? 1 : 0;
  return cu_result::success;
}

cu_result emulator::ctx_set_current(call& current, cu_context context) {
  emulation::thread_facts& thread = emulation::this_thread();
  if (context != nullptr) {
    const auto found = contexts_.find(context);
    if (found == nullptr) {
      report(violation_kind::stale_handle, current, "the context is none of this driver");
      return cu_result::invalid_context;
    }
    if (found->is_destroyed) {
      report(violation_kind::wrong_context, current,
             fmt::format("the context of GPU {} was released for the last time", found->ordinal));
      return cu_result::context_is_destroyed;
    }
  }
  thread.generation = generation_;
  thread.context = context;
  return cu_result::success;
}

cu_result emulator::ctx_get_current(call&, cu_context* context) {
  if (context == nullptr) return cu_result::invalid_value;
  const emulation::thread_facts& thread = emulation::this_thread();
  *context = thread.generation == generation_ ? thread.context : nullptr;
  return cu_result::success;
}

cu_result emulator::ctx_get_stream_priority_range(call&, int* least, int* greatest) {
  if (least != nullptr) *least = 0;
  if (greatest != nullptr) *greatest = -5;
  return cu_result::success;
}

cu_result emulator::mem_get_info(call& current, std::size_t* free, std::size_t* total) {
  if (free == nullptr || total == nullptr) return cu_result::invalid_value;
  *free = free_bytes(current.context->ordinal);
  *total = find_device(current.context->ordinal)->gpu.memory_bytes;
  return cu_result::success;
}

}  // namespace narke::internal
