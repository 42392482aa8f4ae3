// Work on bytes: copies, fills, closures, and what the caller says of its own cache.
#include <fmt/format.h>

#include <algorithm>
#include <cstring>

#include "driver/emulated/emulator.hpp"

namespace narke::internal {
namespace {

/// CUDA copies a pageable source of up to this size away before the call returns.
constexpr std::size_t pageable_snapshot_bytes_max = 64 << 10;

std::uint64_t transfer_ns(std::uint64_t latency_ns, std::uint64_t bytes,
                          std::uint64_t bytes_per_second) {
  const double seconds = static_cast<double>(bytes) / static_cast<double>(bytes_per_second);
  return latency_ns + static_cast<std::uint64_t>(seconds * 1e9);
}

template <class T>
T* pointer_to(cu_device_ptr address) {
  return reinterpret_cast<T*>(address);
}

bool overlaps(cu_device_ptr a, cu_device_ptr b, std::size_t bytes) {
  return a < b + bytes && b < a + bytes;
}

const char* verb(byte_access access) {
  return access == byte_access::read ? "reads" : "writes";
}

}  // namespace

using emulation::work_kind;

/// Whether the stream may touch these bytes. `by_copy_engine`: a peer copy needs no mapping.
bool emulator::check_access(const call& current, const stream_state& stream,
                            const accessed_bytes& access, std::string_view label,
                            bool by_copy_engine) {
  const auto who = [&] {
    return fmt::format("'{}' on stream {} #{} {} ", label, stream.number, stream.issued + 1,
                       verb(access.access));
  };
  if (const auto found = blocks_.check(access.begin, access.bytes)) {
    report(found->kind, current, who() + found->text);
    return false;
  }
  const auto block = blocks_.find(access.begin);
  const int ordinal = stream.context->ordinal;
  if (by_copy_engine || block->ordinal == ordinal) return true;
  if (block->pool->reached_from.contains(ordinal)) return true;
  report(violation_kind::no_access, current,
         who() + fmt::format("memory that GPU {} was given no access to: {}", ordinal,
                             blocks_.describe(*block)));
  return false;
}

/// Tells the histories and the race detector what `work` does, and gives it its number.
void emulator::issue_accesses(const stream_ptr& stream, operation& work) {
  work.sequence = ++stream->issued;
  if (options_.strict) {
    for (const accessed_bytes& access : work.accesses) {
      blocks_.note(access.begin, {access.access == byte_access::read ? "read" : "written",
                                  "'" + work.label + "'",
                                  {stream->number, work.sequence}});
    }
  }
  if (races_ == nullptr) return;
  std::vector<accessed_bytes> accesses = work.accesses;
  // Registered memory is used while the host goes on; all else is done with when the call returns.
  if (!work.registrations.empty()) {
    const bool is_read = work.entry == entry_point::memcpy_htod_async;
    const void* host = is_read ? work.from : work.to;
    accesses.push_back({reinterpret_cast<cu_device_ptr>(host), work.bytes,
                        is_read ? byte_access::read : byte_access::write});
  }
  races_->operation(stream->race_id, accesses, work.label);
  collect_races(name_of(work.entry));
}

std::unique_ptr<emulator::operation> emulator::new_copy(const call& current, void* to,
                                                        const void* from, std::size_t bytes) {
  auto work = new_operation(current, work_kind::copy);
  work->to = to;
  work->from = from;
  work->bytes = bytes;
  return work;
}

cu_result emulator::enqueue_copy(call& current, const stream_ptr& stream,
                                 std::unique_ptr<operation> work, bool is_blocking) {
  issue_accesses(stream, *work);
  const std::uint64_t sequence = work->sequence;
  for (const auto& registration : work->registrations) ++registration->in_use;
  enqueue(stream, std::move(work));
  if (!is_blocking) return cu_result::success;
  wait_for_stream(current.lock, *stream, sequence);
  return stream->context->sticky;
}

/// Registered memory goes on as it is. False after taking note of the registration.
bool emulator::is_pageable(const call& current, const stream_state& stream, const void* host,
                           std::size_t bytes, operation& work) {
  const auto registration = find_registration(host, bytes);
  const bool is_portable =
      registration != nullptr && ((registration->flags & cu_mem_host_register_portable) != 0 ||
                                  registration->context == stream.context);
  if (is_portable) {
    work.registrations.push_back(registration);
    return false;
  }
  const bool is_small_source =
      work.entry == entry_point::memcpy_htod_async && bytes <= pageable_snapshot_bytes_max;
  if (is_small_source) return true;
  report(violation_kind::pageable_copy, current,
         fmt::format("{} bytes of host memory at {:#x} {}: the call blocks", bytes,
                     reinterpret_cast<std::uintptr_t>(host),
                     registration == nullptr ? "are not registered"
                                             : "are registered for another context only"));
  return true;
}

cu_result emulator::memcpy_htod_async(call& current, cu_device_ptr to, const void* from,
                                      std::size_t bytes, cu_stream stream) {
  stream_ptr target;
  cu_result code = find_stream(current, stream, target);
  if (code == cu_result::success) code = wait_for_room(current, target);
  if (code != cu_result::success || bytes == 0) return code;
  if (from == nullptr) return cu_result::invalid_value;
  auto work = new_copy(current, pointer_to<void>(to), from, bytes);
  work->accesses = {{to, bytes, byte_access::write}};
  if (!check_access(current, *target, work->accesses.front(), work->label)) {
    return cu_result::invalid_value;
  }
  const bool pageable = is_pageable(current, *target, from, bytes, *work);
  const bool is_blocking = pageable && bytes > pageable_snapshot_bytes_max;
  if (pageable && !is_blocking) {
    const auto* source = static_cast<const std::byte*>(from);
    work->snapshot.assign(source, source + bytes);
    work->from = work->snapshot.data();
  }
  const emulated_model& model = options_.model;
  work->engines = {&find_device(target->context->ordinal)->to_device};
  work->duration_ns =
      transfer_ns(model.copy_latency_ns, bytes,
                  is_blocking ? model.pageable_bytes_per_second : model.h2d_bytes_per_second);
  return enqueue_copy(current, target, std::move(work), is_blocking);
}

cu_result emulator::memcpy_dtoh_async(call& current, void* to, cu_device_ptr from,
                                      std::size_t bytes, cu_stream stream) {
  stream_ptr target;
  cu_result code = find_stream(current, stream, target);
  if (code == cu_result::success) code = wait_for_room(current, target);
  if (code != cu_result::success || bytes == 0) return code;
  if (to == nullptr) return cu_result::invalid_value;
  auto work = new_copy(current, to, pointer_to<void>(from), bytes);
  work->accesses = {{from, bytes, byte_access::read}};
  if (!check_access(current, *target, work->accesses.front(), work->label)) {
    return cu_result::invalid_value;
  }
  const bool is_blocking = is_pageable(current, *target, to, bytes, *work);
  const emulated_model& model = options_.model;
  work->engines = {&find_device(target->context->ordinal)->to_host};
  work->duration_ns =
      transfer_ns(model.copy_latency_ns, bytes,
                  is_blocking ? model.pageable_bytes_per_second : model.d2h_bytes_per_second);
  return enqueue_copy(current, target, std::move(work), is_blocking);
}

/// Without a link the bytes go through the host, over the engines of both devices.
void emulator::plan_transfer(operation& work, int from, int to, bool can_access) {
  const emulated_model& model = options_.model;
  if (from == to) {
    work.duration_ns =
        transfer_ns(model.launch_latency_ns, work.bytes, model.device_copy_bytes_per_second);
    return;
  }
  device_state& source = *find_device(from);
  if (!can_access) {
    work.engines = {&source.to_host, &find_device(to)->to_device};
    work.duration_ns =
        transfer_ns(2 * model.copy_latency_ns, work.bytes,
                    std::min(model.h2d_bytes_per_second, model.d2h_bytes_per_second));
    return;
  }
  const auto& row = options_.links[static_cast<std::size_t>(from)];
  const std::uint64_t rate = row[static_cast<std::size_t>(to)].bytes_per_second;
  work.engines = {&source.to_peer[to]};
  work.duration_ns = transfer_ns(model.copy_latency_ns, work.bytes,
                                 rate != 0 ? rate : model.peer_bytes_per_second);
}

cu_result emulator::copy_between(call& current, const stream_ptr& stream, cu_device_ptr to,
                                 cu_device_ptr from, std::size_t bytes, bool is_peer_copy) {
  auto work = new_copy(current, pointer_to<void>(to), pointer_to<void>(from), bytes);
  work->accesses = {{from, bytes, byte_access::read}, {to, bytes, byte_access::write}};
  for (const accessed_bytes& access : work->accesses) {
    if (!check_access(current, *stream, access, work->label, is_peer_copy)) {
      return cu_result::invalid_value;
    }
  }
  if (overlaps(to, from, bytes)) {
    report(violation_kind::overlap, current,
           fmt::format("{} bytes from {:#x} to {:#x} overlap: {}", bytes, from, to,
                       blocks_.describe(*blocks_.find(from))));
    return cu_result::invalid_value;
  }
  const int source = blocks_.find(from)->ordinal;
  const int target = blocks_.find(to)->ordinal;
  int can_access = 0;
  if (source != target) device_can_access_peer(current, &can_access, source, target);
  plan_transfer(*work, source, target, can_access != 0);
  return enqueue_copy(current, stream, std::move(work), false);
}

cu_result emulator::memcpy_dtod_async(call& current, cu_device_ptr to, cu_device_ptr from,
                                      std::size_t bytes, cu_stream stream) {
  stream_ptr target;
  cu_result code = find_stream(current, stream, target);
  if (code == cu_result::success) code = wait_for_room(current, target);
  if (code != cu_result::success || bytes == 0) return code;
  return copy_between(current, target, to, from, bytes, false);
}

cu_result emulator::memcpy_peer_async(call& current, cu_device_ptr to, cu_context to_context,
                                      cu_device_ptr from, cu_context from_context,
                                      std::size_t bytes, cu_stream stream) {
  stream_ptr target;
  cu_result code = find_stream(current, stream, target);
  if (code == cu_result::success) code = wait_for_room(current, target);
  if (code != cu_result::success) return code;
  for (const auto& [handle, address] : {std::pair(to_context, to), {from_context, from}}) {
    const auto context = contexts_.find(handle);
    const auto block = blocks_.find(address);
    if (context == nullptr || context->is_destroyed ||
        (block != nullptr && block->ordinal != context->ordinal)) {
      report(violation_kind::wrong_context, current,
             fmt::format("{:#x} does not belong to the context given for it", address));
      return cu_result::invalid_context;
    }
    if (context->sticky != cu_result::success) return context->sticky;
  }
  if (bytes == 0) return cu_result::success;
  return copy_between(current, target, to, from, bytes, true);
}

cu_result emulator::memset_d8_async(call& current, cu_device_ptr to, unsigned char value,
                                    std::size_t bytes, cu_stream stream) {
  stream_ptr target;
  cu_result code = find_stream(current, stream, target);
  if (code == cu_result::success) code = wait_for_room(current, target);
  if (code != cu_result::success || bytes == 0) return code;
  auto work = new_operation(current, work_kind::fill);
  work->to = pointer_to<void>(to);
  work->bytes = bytes;
  work->value = value;
  work->accesses = {{to, bytes, byte_access::write}};
  if (!check_access(current, *target, work->accesses.front(), work->label)) {
    return cu_result::invalid_value;
  }
  work->duration_ns = transfer_ns(options_.model.launch_latency_ns, bytes,
                                  options_.model.device_copy_bytes_per_second);
  return enqueue_copy(current, target, std::move(work), false);
}

cu_result emulator::emulate(call& current, cu_stream stream, const emulated_work& work) {
  stream_ptr target;
  cu_result code = find_stream(current, stream, target);
  if (code == cu_result::success) code = wait_for_room(current, target);
  if (code != cu_result::success) return code;
  if (work.run == nullptr || work.drop == nullptr ||
      (work.accesses == nullptr && work.access_count > 0)) {
    return cu_result::invalid_value;
  }
  if (target->context != current.context) {
    report(violation_kind::wrong_context, current,
           fmt::format("'{}' goes to stream {} of GPU {} while the context of GPU {} is current",
                       work.label == nullptr ? "" : work.label, target->number,
                       target->context->ordinal, current.context->ordinal));
    return cu_result::invalid_handle;
  }
  auto closure = new_operation(current, work_kind::closure);
  if (work.label != nullptr) closure->label = work.label;
  closure->accesses.assign(work.accesses, work.accesses + work.access_count);
  std::erase_if(closure->accesses, [](const accessed_bytes& access) { return access.bytes == 0; });
  for (const accessed_bytes& access : closure->accesses) {
    if (check_access(current, *target, access, closure->label)) continue;
    // A kernel that touches such memory takes its context with it.
    lose(*target->context, cu_result::illegal_address);
    return cu_result::illegal_address;
  }
  closure->duration_ns = options_.model.launch_latency_ns + work.modelled_ns;
  issue_accesses(target, *closure);
  if (guard_ != nullptr) {
    target->annotated_is_used = true;
    closure->accesses.insert(closure->accesses.end(), target->annotated.begin(),
                             target->annotated.end());
  }
  closure->closure = work;
  enqueue(target, std::move(closure));
  return cu_result::success;
}

cu_result emulator::annotate(call& current, annotation kind, cu_device_ptr begin, std::size_t bytes,
                             cu_stream stream, const char* label) {
  if (bytes == 0) return cu_result::invalid_value;
  const std::string name = label == nullptr ? "" : label;
  const bool is_lifetime = kind == annotation::alloc || kind == annotation::free;
  if (stream == nullptr && kind != annotation::alloc) {
    if (is_lifetime) return annotate_lifetime(current, kind, {begin, bytes}, nullptr, name);
    return annotate_host_access(current, kind, {begin, bytes}, name);
  }
  stream_ptr target;
  const cu_result code = find_stream(current, stream, target);
  if (code != cu_result::success) return code;
  if (is_lifetime) return annotate_lifetime(current, kind, {begin, bytes}, target, name);
  return annotate_access(current, kind, {begin, bytes}, target, name);
}

/// Without a stream: put back in no order with anything, to be ordered when it is handed out.
cu_result emulator::annotate_lifetime(call& current, annotation kind, byte_range range,
                                      const stream_ptr& stream, const std::string& label) {
  emulation::stream_place place;
  if (stream != nullptr) place = {stream->number, stream->issued};
  const bool is_alloc = kind == annotation::alloc;
  const auto found = is_alloc ? blocks_.annotate_alloc(range.begin, range.bytes, label, place)
                              : blocks_.annotate_free(range.begin, range.bytes, label, place);
  if (found) {
    report(found->kind, current, found->text);
    return cu_result::invalid_value;
  }
  if (races_ == nullptr || stream == nullptr) return cu_result::success;
  if (is_alloc) {
    races_->allocated(stream->race_id, range.begin, range.bytes, label);
  } else {
    races_->freed(stream->race_id, range.begin, range.bytes, label);
  }
  collect_races(name_of(current.entry));
  return cu_result::success;
}

/// The host's own access, to a staging slot for instance: nothing to do but to look for races.
cu_result emulator::annotate_host_access(call& current, annotation kind, byte_range range,
                                         const std::string& label) {
  if (races_ == nullptr) return cu_result::success;
  const auto access = kind == annotation::read ? byte_access::read : byte_access::write;
  races_->host_access({range.begin, range.bytes, access}, label);
  collect_races(name_of(current.entry));
  return cu_result::success;
}

/// Reads and writes that were announced stay open to every closure of the stream, until others are
/// announced after one of them was enqueued.
cu_result emulator::annotate_access(call& current, annotation kind, byte_range range,
                                    const stream_ptr& stream, const std::string& label) {
  const bool is_read = kind == annotation::read;
  const accessed_bytes access{range.begin, range.bytes,
                              is_read ? byte_access::read : byte_access::write};
  if (!check_access(current, *stream, access, label)) return cu_result::invalid_value;
  blocks_.note(access.begin,
               {is_read ? "read" : "written", "'" + label + "'", {stream->number, stream->issued}});
  if (races_ != nullptr) {
    races_->operation(stream->race_id, {&access, 1}, label);
    collect_races(name_of(current.entry));
  }
  if (stream->annotated_is_used) stream->annotated.clear();
  stream->annotated_is_used = false;
  stream->annotated.push_back(access);
  return cu_result::success;
}

}  // namespace narke::internal
