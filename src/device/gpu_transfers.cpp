// Transfers (see transfer.hpp), and arrays as the host sees them.
#include <algorithm>
#include <cstring>
#include <utility>

#include <narke/errors.hpp>

#include "base/needed_memory.hpp"
#include "device/driver_call.hpp"
#include "device/gpu_engine.hpp"
#include "device/gpu_frame.hpp"

namespace narke::internal {

transfer& gpu_engine::begin_transfer(transfer_direction direction, replica& on_device,
                                     transfer_urgency urgency) {
  gpu_device& device = *on_device.device;
  if (direction == transfer_direction::to_host) {
    on_device.buffer->expect_on_host();  // first: it may be large, and who asks is told
  }
  const memory_needed needed;
  on_device.buffer->add_ref();
  ++on_device.pins;
  // The more urgent go first; among equals, who came first.
  const auto at = std::find_if(device.transfers_.begin(), device.transfers_.end(),
                               [&](const transfer& each) { return each.urgency < urgency; });
  transfer& made = *device.transfers_.emplace(at);
  made.direction = direction;
  made.urgency = urgency;
  made.buffer = on_device.buffer;
  made.on_device = &on_device;
  if (options_.has_threads) {
    ensure_thread(device);  // no work of its own may have been there yet
  }
  device.chores_.notify_all();
  return made;
}

transfer* gpu_engine::find_to_host(detail::array_buffer& buffer) {
  for (const auto& device : devices_) {
    for (transfer& each : device->transfers_) {
      if (each.buffer == &buffer && each.direction == transfer_direction::to_host) {
        return &each;
      }
    }
  }
  return nullptr;
}

// Whether the bytes are, or will be, on the host. False when they are gone.
bool gpu_engine::start_to_host(detail::array_buffer& buffer, transfer_urgency urgency) {
  if (buffer.is_on_host()) {
    return true;
  }
  if (buffer.lost() != nullptr) {
    return false;
  }
  if (transfer* there = find_to_host(buffer)) {
    if (there->urgency < urgency) {
      there->urgency = urgency;  // it is served where it stands: order is a matter of speed
    }
    return true;
  }
  if (buffer.replicas().empty()) {
    return false;
  }
  begin_transfer(transfer_direction::to_host, *buffer.replicas().front(), urgency);
  return true;
}

// Enqueues what can be enqueued, and sees what has landed. Copies in host memory are chores.
bool gpu_engine::move_transfers(gpu_device& device) {
  bool did = false;
  bool has_chores = false;
  for (auto at = device.transfers_.begin(); at != device.transfers_.end();) {
    transfer& each = *at++;
    if (each.direction == transfer_direction::to_host) {
      did = enqueue_to_host(device, each) || did;
      if (device.phase_ != device_phase::open) {
        return true;  // the transfers are gone
      }
      has_chores = has_chores || (!each.chunks.empty() && is_complete(each.chunks.front().copied));
    } else {
      has_chores = true;
    }
  }
  if (has_chores) {
    device.chores_.notify_one();
  }
  return did;
}

bool gpu_engine::enqueue_to_host(gpu_device& device, transfer& moved) {
  gpu_stream& stream = *device.to_host_;
  const std::size_t bytes = moved.buffer->bytes();
  if (moved.enqueued_bytes == bytes && moved.has_begun) {
    return false;
  }
  replica& from = *moved.on_device;
  if (from.state != replica_state::ordered ||
      from.producer.sequence > from.producer.stream->ended) {
    return false;
  }
  bool did = false;
  while (moved.enqueued_bytes < bytes || !moved.has_begun) {
    const auto slot = std::find_if(device.staging_.to_host.begin(), device.staging_.to_host.end(),
                                   [](const staging_slot& each) { return !each.is_taken; });
    if (slot == device.staging_.to_host.end()) {
      return did;
    }
    const std::size_t chunk = std::min(device.staging_.chunk_bytes, bytes - moved.enqueued_bytes);
    // What fails without the loss of the device is tried again at the next step.
    if (!moved.has_begun &&
        !check_repeated(stream, order_->wait(stream, from.producer), "cuStreamWaitEvent")) {
      return did;
    }
    moved.has_begun = true;
    if (chunk != 0 && !check_repeated(stream,
                                      options_.table->memcpy_dtoh_async(
                                          slot->data, from.block.begin + moved.enqueued_bytes,
                                          chunk, stream.handle),
                                      "cuMemcpyDtoHAsync")) {
      return did;
    }
    stream_order::end_work(stream, now_ns());
    if (!check_repeated(stream, order_->mark(stream), "cuEventRecord") &&
        device.phase_ != device_phase::open) {
      return true;
    }
    slot->is_taken = true;
    moved.chunks.push_back({&*slot, moved.enqueued_bytes, chunk, {&stream, stream.ended}});
    moved.enqueued_bytes += chunk;
    facts_.bytes_to_host += chunk;
    did = true;
  }
  // Enqueued to its end: the block may be used again in stream order.
  if (!is_left_out(options_.mutation, engine_step::note_copy_down)) {
    from.readers.add({&stream, stream.ended});
  }
  moved.on_device = nullptr;
  --from.pins;
  if (from.is_leaving && from.pins == 0) {
    drop(from);
  }
  return true;
}

// The next copy in host memory. Its slot, and its transfer, are the copier's until finish_chore.
copy_chore gpu_engine::next_chore(gpu_device& device) {
  for (transfer& each : device.transfers_) {
    if (each.has_chore) {
      continue;
    }
    if (each.direction == transfer_direction::to_host) {
      if (each.chunks.empty() || (!is_complete(each.chunks.front().copied) &&
                                  !is_left_out(options_.mutation, engine_step::expect_slot_made))) {
        continue;
      }
      const transfer::chunk& landed = each.chunks.front();
      each.has_chore = true;
      return {&each,
              static_cast<std::byte*>(each.buffer->host_data()) + landed.offset,
              landed.slot->data,
              landed.bytes,
              landed.offset,
              landed.slot};
    }
    const auto slot = std::find_if(
        device.staging_.to_device.begin(), device.staging_.to_device.end(),
        [&](const staging_slot& one) {
          return !one.is_taken && (is_complete(one.last_use) ||
                                   is_left_out(options_.mutation, engine_step::expect_slot_read));
        });
    if (slot != device.staging_.to_device.end()) {
      slot->is_taken = true;
      each.has_chore = true;
      const std::size_t chunk =
          std::min(device.staging_.chunk_bytes, each.buffer->bytes() - each.enqueued_bytes);
      return {&each,
              slot->data,
              static_cast<const std::byte*>(each.buffer->host_data()) + each.enqueued_bytes,
              chunk,
              each.enqueued_bytes,
              &*slot};
    }
  }
  return {};
}

// Requires: the mutex, which is let go for the copy.
bool gpu_engine::do_chore(gpu_device& device, lock_type& lock) {
  const copy_chore chore = next_chore(device);
  if (!chore) {
    return false;
  }
  ++device.chores_running_;
  lock.unlock();
  const bool is_read = chore.from == chore.slot->data;
  options_.table->annotate(is_read ? annotation::read : annotation::write,
                           reinterpret_cast<cu_device_ptr>(chore.slot->data), chore.bytes, nullptr,
                           "staging slot");
  std::memcpy(chore.to, chore.from, chore.bytes);
  lock.lock();
  --device.chores_running_;
  finish_chore(device, chore);
  device.changed_.notify_all();
  return true;
}

void gpu_engine::finish_chore(gpu_device& device, const copy_chore& chore) {
  transfer& of = *chore.of;
  of.has_chore = false;
  if (device.phase_ != device_phase::open) {
    fail_transfers(device);  // they waited for this copy
    return;
  }
  if (of.direction == transfer_direction::to_host) {
    chore.slot->is_taken = false;
    of.landed_bytes += chore.bytes;
    of.chunks.pop_front();
    if (of.landed_bytes == of.buffer->bytes() && of.chunks.empty() && of.has_begun) {
      if (of.buffer->lost() != nullptr) {
        of.buffer->give_host_up();  // what was copied came of work of a device that is lost
      } else {
        of.buffer->set_on_host();
      }
      finish_transfer(device, of);
      host_changed_.notify_all();
    }
    return;
  }
  const scoped_context current{*options_.table, device.context_};
  gpu_stream& stream = *device.to_device_;
  replica& to = *of.on_device;
  chore.slot->is_taken = false;
  if (!check_repeated(
          stream,
          options_.table->memcpy_htod_async(to.block.begin + chore.offset, chore.slot->data,
                                            chore.bytes, stream.handle),
          "cuMemcpyHtoDAsync")) {
    return;  // the chunk is brought again
  }
  stream_order::end_work(stream, now_ns());
  chore.slot->last_use = {&stream, stream.ended};
  if (!check_repeated(stream, order_->mark(stream), "cuEventRecord") &&
      device.phase_ != device_phase::open) {
    return;
  }
  of.enqueued_bytes += chore.bytes;
  facts_.bytes_to_device += chore.bytes;
  if (of.enqueued_bytes == of.buffer->bytes()) {
    to.producer = {&stream, stream.ended};
    to.state = replica_state::ordered;
    --to.pins;
    finish_transfer(device, of);
  }
}

void gpu_engine::finish_transfer(gpu_device& device, transfer& done) {
  release_later(*done.buffer);
  const auto at = std::find_if(device.transfers_.begin(), device.transfers_.end(),
                               [&](const transfer& each) { return &each == &done; });
  device.transfers_.erase(at);
}

// The device is lost. Transfers that a thread copies for fail when it comes back.
void gpu_engine::fail_transfers(gpu_device& device) {
  for (auto at = device.transfers_.begin(); at != device.transfers_.end();) {
    if (at->has_chore) {
      ++at;
      continue;
    }
    if (at->direction == transfer_direction::to_host && !at->buffer->is_on_host()) {
      at->buffer->give_host_up();
      if (at->buffer->replicas().empty()) {
        at->buffer->set_lost(device.lost_);
      }
    }
    release_later(*at->buffer);
    at = device.transfers_.erase(at);
  }
  host_changed_.notify_all();
}

// Arrays as the host sees them.

const void* gpu_engine::host_bytes(detail::array_buffer& buffer) {
  if (buffer.is_on_host()) {
    return buffer.host_data();
  }
  lock_type lock{mutex_};
  const auto is_decided = [&] {
    return buffer.is_on_host() || !start_to_host(buffer, transfer_urgency::waited_for);
  };
  if (!is_decided() && options_.has_threads) {
    lock.unlock();
    const gpu_wait waits;
    lock.lock();
    host_changed_.wait(lock, is_decided);
    lock.unlock();
  } else {
    while (!is_decided()) {
      lock.unlock();
      for (std::size_t i = 0; i != devices_.size(); ++i) {
        advance(static_cast<int>(i));
      }
      lock.lock();
    }
    lock.unlock();
  }
  if (buffer.is_on_host()) {
    return buffer.host_data();
  }
  if (buffer.lost() != nullptr) {
    std::rethrow_exception(buffer.lost());
  }
  throw object_lost_error{
      "narke::array: the elements are nowhere any more: they were on a GPU alone when the runtime "
      "was shut down. Call host() before that"};
}

void gpu_engine::prefetch_to_host(detail::array_buffer& buffer) noexcept {
  const memory_needed needed;
  const lock_type lock{mutex_};
  if (is_started_) {
    start_to_host(buffer, transfer_urgency::prefetch);
  }
}

// Requires: the last reference is gone.
void gpu_engine::let_go(detail::array_buffer& buffer) noexcept {
  const memory_needed needed;
  lock_type lock{mutex_};
  while (!buffer.replicas().empty()) {
    drop(*buffer.replicas().back());
  }
  lock.unlock();
  delete &buffer;
}

detail::array_ptr gpu_engine::take_for_writing_on_host(detail::array_ptr buffer) {
  const void* bytes = host_bytes(*buffer);
  if (buffer.get()->is_last_ref()) {
    // What lies on GPUs is out of date from here on. A copy that still reads the host's bytes has a
    // reference of its own.
    const lock_type lock{mutex_};
    if (buffer.get()->is_last_ref()) {
      while (!buffer.get()->replicas().empty()) {
        drop(*buffer.get()->replicas().back());
      }
      return buffer;
    }
  }
  detail::array_ptr copy = detail::make_host_buffer(buffer.get()->bytes());
  std::memcpy(copy.get()->host_data(), bytes, buffer.get()->bytes());
  return copy;
}

// What a body wrote is an array from here on: it may be copied, moved out and dropped.
void gpu_engine::seal(detail::array_buffer& buffer) noexcept {
  const memory_needed needed;
  const lock_type lock{mutex_};
  for (replica* each : buffer.replicas()) {
    std::vector<replica*>& builders = each->device->builders_;
    const auto at = std::find(builders.begin(), builders.end(), each);
    if (at == builders.end()) {
      continue;
    }
    builders.erase(at);
    --each->pins;
    const bool in_its_body =
        detail::this_frame != nullptr && detail::this_frame->is_in(*each->producer.stream);
    if (!in_its_body) {
      each->producer.sequence = std::max(each->producer.sequence, each->producer.stream->ended);
    } else {
      each->producer.sequence = stream_order::next_sequence(*each->producer.stream);
    }
  }
}

// Before the devices close: what somebody holds and is nowhere else comes to the host.
void gpu_engine::bring_all_to_host(gpu_device& device, lock_type& lock) noexcept {
  for (replica* each = device.oldest_; each != nullptr; each = each->newer) {
    if (each->pins == 0 && !each->buffer->is_on_host() && each->buffer->try_add_ref()) {
      try {
        start_to_host(*each->buffer, transfer_urgency::waited_for);
      } catch (const std::bad_alloc&) {  // it is lost then, and host() says so
      }
      release_later(*each->buffer);
    }
  }
  while (!device.transfers_.empty() && device.phase_ == device_phase::open) {
    if (options_.has_threads) {
      device.changed_.notify_all();
      host_changed_.wait_for(lock, std::chrono::milliseconds{1});
    } else {
      const scoped_context current{*options_.table, device.context_};
      advance_locked(device, lock, true);
    }
  }
  sweep(lock);
}

}  // namespace narke::internal
