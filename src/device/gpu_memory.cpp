// What lies on a device: inputs are reserved before a byte moves, and what is not needed now makes
// room.
//
//   1. A work is admitted when its inputs that are missing and its outputs fit into what is free:
//      never by waiting while it holds something. The works of a device are admitted in order, so
//      the first always gets its turn: all that is pinned then belongs to works that will end.
//   2. Room is made first from replicas of the oldest quarter that exist elsewhere, then from the
//      least recently used, which are copied to the host first where they are here alone.
//   3. Nothing pinned is taken. Pins are held from admission until the body was called, and by
//      copies.
#include <algorithm>
#include <utility>

#include <fmt/format.h>

#include <narke/errors.hpp>

#include "device/driver_call.hpp"
#include "device/gpu_engine.hpp"

namespace narke::internal {
namespace {

constexpr std::size_t small_copy_bytes = std::size_t{64} << 10;  // the driver takes these unpinned

}  // namespace

// Each input counts once, however often it is given.
gpu_engine::input_sizes gpu_engine::sizes_of_inputs(const gpu_work& work,
                                                    const gpu_device& device) {
  input_sizes sizes;
  for (auto input = work.inputs_.begin(); input != work.inputs_.end(); ++input) {
    const bool is_first = std::none_of(work.inputs_.begin(), input, [&](const gpu_input& earlier) {
      return earlier.buffer == input->buffer;
    });
    if (is_first) {
      const std::uint64_t bytes = device_memory::rounded(input->buffer->bytes());
      sizes.all_bytes += bytes;
      sizes.missing_bytes += input->buffer->replica_on(device) == nullptr ? bytes : 0;
    }
  }
  return sizes;
}

// What was learned of earlier bodies is a guess, of which no more is reserved than there can be:
// this body may do with less.
std::uint64_t gpu_engine::wanted_output_bytes(const gpu_work& work,
                                              const gpu_device& device) const {
  const auto learned = learned_bytes_.find(work.key);
  const std::uint64_t guess = std::max(
      work.again_bytes_, learned != learned_bytes_.end() ? learned->second : std::uint64_t{0});
  const std::uint64_t capacity = device.memory_->capacity_bytes();
  const std::uint64_t beside_inputs =
      capacity > work.input_bytes_ ? capacity - work.input_bytes_ : 0;
  return std::max(work.gpu_memory_bytes, std::min(guess, beside_inputs));
}

void gpu_engine::learn(const gpu_work& work) {
  if (work.reached_bytes_ != 0) {
    std::uint64_t& peak = learned_bytes_[work.key];
    peak = std::max(peak, work.reached_bytes_);
  }
}

std::exception_ptr gpu_engine::too_large(const gpu_work& work, const gpu_device& device,
                                         std::uint64_t wanted_bytes) const {
  return std::make_exception_ptr(out_of_device_memory{fmt::format(
      "{} needs {} bytes on GPU {} for its inputs and outputs together, and that GPU has {} bytes "
      "for narke. Split the data into smaller arrays, or use a GPU with more memory",
      work.label, wanted_bytes, device.ordinal_, device.memory_->capacity_bytes())});
}

gpu_engine::admission gpu_engine::try_admit(gpu_work& work, gpu_device& device,
                                            std::exception_ptr& why) {
  for (const gpu_input& input : work.inputs_) {
    if (input.buffer->lost() != nullptr) {
      why = input.buffer->lost();
      return admission::failed;
    }
  }
  if (device.alone_ != nullptr || (work.needs_bare_device_ && !make_bare(device))) {
    return admission::later;
  }
  work.waits_elsewhere_ = false;
  for (gpu_input& input : work.inputs_) {
    if (replica* there = input.buffer->replica_on(device)) {
      there->is_leaving = false;  // whoever wanted it away finds another
      ++there->pins;
      input.on_device = there;
    }
  }
  const input_sizes inputs = sizes_of_inputs(work, device);
  work.input_bytes_ = inputs.all_bytes;
  const std::uint64_t outputs = wanted_output_bytes(work, device);
  const std::uint64_t needed = inputs.missing_bytes + outputs;
  if (make_room(device, needed + device.reserved_bytes_, true) && place_inputs(work, device, why)) {
    work.reserved_bytes_ = outputs;
    device.reserved_bytes_ += outputs;
    device.alone_ = work.runs_alone_ ? &work : nullptr;
    return admission::admitted;
  }
  const bool is_open = device.phase_ == device_phase::open;
  unpin_for_retry(work, is_open);
  if (why != nullptr || !is_open) {
    return why != nullptr ? admission::failed : admission::later;
  }
  // Nobody else will give anything back: what is there does not do.
  if (work.waits_elsewhere_ || !is_drained(device)) {
    return admission::later;
  }
  if (!work.needs_bare_device_ && inputs.all_bytes + outputs <= device.memory_->capacity_bytes()) {
    work.needs_bare_device_ = true;  // it would fit, but not between what lies there
    return admission::later;
  }
  why = too_large(work, device, inputs.all_bytes + outputs);
  return admission::failed;
}

// Whether nothing is on the device that can leave it, and all memory that is free is in one piece
// but for what lies between: then whatever fits by its size has room.
bool gpu_engine::make_bare(gpu_device& device) {
  if (!device.admitted_.empty() || device.bodies_running_ != 0) {
    return false;
  }
  make_room(device, device.memory_->capacity_bytes(), true);
  see_free_slabs_complete(device);
  if (device.phase_ != device_phase::open || !is_drained(device)) {
    return false;
  }
  device.memory_->trim();
  device.memory_->gather();
  return true;
}

// Whether nothing that is under way can give room back any more.
bool gpu_engine::is_drained(gpu_device& device) {
  const bool is_alone = device.admitted_.empty() && device.bodies_running_ == 0 &&
                        device.transfers_.empty() && device.again_.empty() &&
                        device.chores_running_ == 0;
  bool is_leaving = false;  // its copy to the host may be another device's
  for (replica* each = device.oldest_; each != nullptr; each = each->newer) {
    is_leaving = is_leaving || each->is_leaving;
  }
  return is_alone && !is_leaving &&
         std::all_of(device.in_flight_.begin(), device.in_flight_.end(),
                     [](const auto& in_stream) { return in_stream.empty(); }) &&
         device.memory_->users_of_free_slabs().empty();
}

// Whether `bytes` are free, now. May begin copies to the host that make them free later.
bool gpu_engine::make_room(gpu_device& device, std::uint64_t bytes, bool may_copy) {
  device_memory& memory = *device.memory_;
  // Among what was used lately, what is elsewhere is no better to lose than what is not.
  const std::uint64_t oldest_bytes = may_copy ? memory.used_bytes() / 4 : UINT64_MAX;
  std::uint64_t passed_bytes = 0;
  replica* next = nullptr;
  for (replica* each = device.oldest_;
       each != nullptr && passed_bytes < oldest_bytes && memory.free_bytes() < bytes; each = next) {
    next = each->newer;
    passed_bytes += each->block.bytes;
    static_cast<void>(drop_if_elsewhere(*each));
  }
  if (memory.free_bytes() >= bytes) {
    return true;
  }
  std::uint64_t coming = memory.free_bytes();
  for (replica* each = device.oldest_; each != nullptr; each = each->newer) {
    each->is_leaving = each->is_leaving && find_to_host(*each->buffer) != nullptr;
    coming += each->is_leaving ? each->block.bytes : 0;
  }
  for (replica* each = device.oldest_; may_copy && each != nullptr && coming < bytes; each = next) {
    next = each->newer;
    const std::uint64_t its_bytes = each->block.bytes;
    if (drop_if_elsewhere(*each)) {
      coming += its_bytes;
      continue;
    }
    if (each->pins != 0 || each->is_leaving || each->state != replica_state::ordered ||
        each->producer.sequence > each->producer.stream->ended) {
      continue;
    }
    coming += its_bytes;
    detail::array_buffer& buffer = *each->buffer;
    if (!buffer.try_add_ref()) {
      drop(*each);  // its last handle went a moment ago
      continue;
    }
    each->is_leaving = true;
    ++device.evictions_;
    if (find_to_host(buffer) == nullptr) {
      begin_transfer(transfer_direction::to_host, *each, transfer_urgency::eviction);
    }
    static_cast<void>(buffer.drop_ref());  // the transfer has one
  }
  return memory.free_bytes() >= bytes;
}

// On the host, or on another device where it is or will be, or its last handle is going: then this
// copy is not needed.
bool gpu_engine::drop_if_elsewhere(replica& candidate) {
  if (candidate.pins != 0 || candidate.state != replica_state::ordered ||
      candidate.producer.sequence > candidate.producer.stream->ended) {
    return false;
  }
  const auto& all = candidate.buffer->replicas();
  const bool is_elsewhere = !candidate.buffer->is_referenced() || candidate.buffer->is_on_host() ||
                            candidate.buffer->lost() != nullptr ||
                            std::any_of(all.begin(), all.end(), [&](const auto& other) {
                              return other.get() != &candidate &&
                                     other->state == replica_state::ordered && !other->is_leaving &&
                                     other->device->phase_ == device_phase::open;
                            });
  if (is_elsewhere) {
    drop(candidate);
  }
  return is_elsewhere;
}

// Makes no call of the driver: the block knows who still uses it.
void gpu_engine::drop(replica& gone) {
  gpu_device& device = *gone.device;
  device.unlink(gone);
  if (std::erase(device.builders_, &gone) != 0) {
    gone.producer.sequence = std::max(gone.producer.sequence, gone.producer.stream->ended);
  }
  if (device.memory_ != nullptr) {
    device_block block = std::move(gone.block);
    block.users = gone.users();
    device.memory_->let_go(std::move(block));
  }
  std::erase_if(gone.buffer->replicas(), [&](const auto& each) { return each.get() == &gone; });
}

// Requires: the bytes are free, though perhaps not in one piece. What was placed stays, whatever
// comes of the others: the next try finds it there.
bool gpu_engine::place_inputs(gpu_work& work, gpu_device& device, std::exception_ptr& why) {
  for (gpu_input& input : work.inputs_) {
    if (input.on_device != nullptr) {
      continue;
    }
    replica* there = input.buffer->replica_on(device);  // given twice
    if (there == nullptr) {
      there = bring(work, *input.buffer, device, why);
    }
    if (there == nullptr) {
      return false;
    }
    ++there->pins;
    input.on_device = there;
  }
  return true;
}

// Replicas of a device that is lost are gone.
void gpu_engine::unpin_for_retry(gpu_work& work, bool is_open) {
  for (gpu_input& input : work.inputs_) {
    replica* there = std::exchange(input.on_device, nullptr);
    if (there != nullptr && is_open) {
      --there->pins;
    }
  }
}

// A replica on `device`, with its bytes on their way; null when there is no room in one piece, or
// when the bytes have to come to the host first.
replica* gpu_engine::bring(gpu_work& work, detail::array_buffer& buffer, gpu_device& device,
                           std::exception_ptr& why) {
  replica* source = nullptr;
  for (const auto& each : buffer.replicas()) {
    const bool can_read = device.peer_access_[static_cast<std::size_t>(each->device->index_)];
    if (can_read && each->state == replica_state::ordered &&
        each->producer.sequence <= each->producer.stream->ended) {
      source = each.get();
    }
  }
  if (source == nullptr && !buffer.is_on_host()) {
    work.waits_elsewhere_ = start_to_host(buffer, transfer_urgency::waited_for);
    why = work.waits_elsewhere_ ? nullptr : buffer.lost();
    return nullptr;
  }
  gpu_stream& stream = source != nullptr ? *device.peers_ : *device.to_device_;
  cu_result code = cu_result::success;
  device_block block = device.memory_->allocate(buffer.bytes(), stream, code);
  if (!block && code == cu_result::success && device.memory_->trim()) {
    block = device.memory_->allocate(buffer.bytes(), stream, code);
  }
  if (!block) {
    if (code == cu_result::out_of_memory) {
      device.memory_->lower_capacity();  // other processes have it
    } else if (code != cu_result::success) {
      check(device, code, "cuMemAllocFromPoolAsync");
      why = device.lost_;
    } else {
      make_pieces_whole(device);
    }
    return nullptr;
  }
  replica& made = add_replica(buffer, device, std::move(block));
  const bool did =
      source != nullptr ? copy_from_peer(made, *source)
      : buffer.bytes() <= small_copy_bytes
          ? copy_small_from_host(made)
          : (begin_transfer(transfer_direction::to_device, made, transfer_urgency::waited_for),
             true);
  if (!did) {
    if (device.phase_ == device_phase::open) {
      drop(made);  // it was the source's device
    }
    why = device.lost_;
    return nullptr;
  }
  return &made;
}

// There is room, but in pieces. What lies between them moves out, least recently used first, and
// what the free pieces are used by is to be seen complete, so that whole slabs can be given back.
void gpu_engine::make_pieces_whole(gpu_device& device) {
  see_free_slabs_complete(device);
  for (replica* each = device.oldest_; each != nullptr; each = each->newer) {
    if (drop_if_elsewhere(*each)) {
      return;
    }
  }
  make_room(device, device.memory_->free_bytes() + 1, true);
}

void gpu_engine::see_free_slabs_complete(gpu_device& device) {
  for (const stream_point& user : device.memory_->users_of_free_slabs()) {
    gpu_device& its = *user.stream->device;
    if (user.sequence <= user.stream->ended && user.stream->marked < user.sequence &&
        its.phase_ == device_phase::open) {
      check(its, order_->mark(*user.stream), "cuEventRecord");
    }
    if (&its != &device && its.phase_ == device_phase::open) {
      poll(its);  // its submitter may sleep
    }
  }
}

replica& gpu_engine::add_replica(detail::array_buffer& buffer, gpu_device& device,
                                 device_block block) {
  auto made = std::make_unique<replica>();
  made->buffer = &buffer;
  made->device = &device;
  made->made_on = device.bit();
  made->block = std::move(block);
  device.link(*made);
  buffer.set_known_to_engine();
  return *buffer.replicas().emplace_back(std::move(made));
}

bool gpu_engine::copy_from_peer(replica& to, replica& from) {
  gpu_stream& stream = *to.device->peers_;
  const driver_table& table = *options_.table;
  if (!check(*to.device, order_->wait(stream, from.producer), "cuStreamWaitEvent") ||
      !check(*to.device,
             table.memcpy_peer_async(to.block.begin, to.device->context_, from.block.begin,
                                     from.device->context_, to.buffer->bytes(), stream.handle),
             "cuMemcpyPeerAsync")) {
    return false;
  }
  stream_order::end_work(stream, now_ns());
  to.producer = {&stream, stream.ended};
  to.state = replica_state::ordered;
  to.made_on = to.device->bit() | from.device->bit();  // which has to live until it is read
  to.made_on |= is_complete(from.producer) ? 0 : from.made_on;
  leaned_on_ |= to.made_on & ~to.device->bit();
  if (!is_left_out(options_.mutation, engine_step::note_copy_across)) {
    from.readers.add(to.producer);
  }
  facts_.bytes_between_devices += to.buffer->bytes();
  return true;
}

// The driver has read the bytes when the call returns.
bool gpu_engine::copy_small_from_host(replica& to) {
  gpu_stream& stream = *to.device->to_device_;
  if (to.buffer->bytes() != 0 &&
      !check(*to.device,
             options_.table->memcpy_htod_async(to.block.begin, to.buffer->host_data(),
                                               to.buffer->bytes(), stream.handle),
             "cuMemcpyHtoDAsync")) {
    return false;
  }
  stream_order::end_work(stream, now_ns());
  to.producer = {&stream, stream.ended};
  to.state = replica_state::ordered;
  facts_.bytes_to_device += to.buffer->bytes();
  return true;
}

// The work is done with its inputs, or will never be called.
void gpu_engine::unpin_inputs(gpu_work& work) {
  gpu_device& device = *device_at(work.devices.front());
  device.reserved_bytes_ -= std::exchange(work.reserved_bytes_, 0);
  device.alone_ = device.alone_ == &work ? nullptr : device.alone_;
  for (const gpu_input& input : work.inputs_) {
    if (input.on_device != nullptr && device.phase_ == device_phase::open) {
      --input.on_device->pins;
    }
    release_later(*input.buffer);
  }
  work.inputs_.clear();
}

}  // namespace narke::internal
