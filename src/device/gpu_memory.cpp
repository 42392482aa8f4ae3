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
std::uint64_t gpu_engine::wanted_output_bytes(const gpu_work& work, std::size_t place) const {
  std::uint64_t guess = work.at(place).again_bytes;
  const std::vector<std::uint64_t>& peaks = work.learned_->peak_bytes;
  if (place < peaks.size()) {
    guess = std::max(guess, peaks[place]);
  }
  const auto& device = *devices_[static_cast<std::size_t>(work.devices[place])];
  const std::uint64_t capacity = device.memory_->capacity_bytes();
  const std::uint64_t inputs = place == 0 ? work.input_bytes_ : 0;
  const std::uint64_t beside_inputs = capacity > inputs ? capacity - inputs : 0;
  return std::max(work.gpu_memory_bytes, std::min(guess, beside_inputs));
}

void gpu_engine::learn(gpu_work& work) {
  std::vector<std::uint64_t>& peaks = work.learned_->peak_bytes;
  if (peaks.size() < work.devices.size()) {
    peaks.resize(work.devices.size());
  }
  for (std::size_t i = 0; i != work.devices.size(); ++i) {
    peaks[i] = std::max(peaks[i], work.at(i).reached_bytes);
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
  if (is_claimed_by_another(work) || device.alone_ != nullptr ||
      (work.needs_bare_device_ && !make_bare(device))) {
    return admission::later;
  }
  admission tried = reserve_elsewhere(work, why);
  if (tried == admission::admitted) {
    tried = admit_on_first(work, device, why);
  }
  if (tried != admission::admitted) {
    give_reserved_back(work);
    return tried;
  }
  if (work.runs_alone_) {
    for (const int index : work.devices) {
      device_at(index)->alone_ = &work;
    }
  }
  claimant_ = claimant_ == &work ? nullptr : claimant_;
  set_guest(work, true);
  return admission::admitted;
}

// What the body of a guest makes is not reserved to the byte: who wants a device for itself waits
// for it.
void gpu_engine::set_guest(gpu_work& work, bool is_guest) {
  for (std::size_t i = 1; i < work.devices.size() && work.is_guest_ != is_guest; ++i) {
    device_at(work.devices[i])->bodies_running_ += static_cast<std::size_t>(is_guest ? 1 : -1);
  }
  work.is_guest_ = is_guest;
}

gpu_engine::admission gpu_engine::admit_on_first(gpu_work& work, gpu_device& device,
                                                 std::exception_ptr& why) {
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
  const std::uint64_t outputs = wanted_output_bytes(work, 0);
  const std::uint64_t needed = inputs.missing_bytes + outputs;
  if (make_room(device, needed + device.reserved_bytes_, true) && place_inputs(work, device, why)) {
    work.first_.reserved_bytes = outputs;
    device.reserved_bytes_ += outputs;
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

// Memory on the other devices of a work that has several: on all of them, or on none.
//
// The first work that finds too little there becomes the claimant: nobody else is admitted on any
// of its devices until it is. So those that run there end and give back, and no stream of small
// works keeps it out for ever. It holds nothing meanwhile, and there is one claimant at a time: no
// two works wait for each other.
gpu_engine::admission gpu_engine::reserve_elsewhere(gpu_work& work, std::exception_ptr& why) {
  for (std::size_t i = 1; i < work.devices.size(); ++i) {
    gpu_device& other = *device_at(work.devices[i]);
    const scoped_context current{*options_.table, other.context_};
    poll(other);  // its submitter may sleep
    if (other.phase_ != device_phase::open) {
      why = other.lost_;
      return admission::failed;
    }
    const std::uint64_t bytes = wanted_output_bytes(work, i);
    const bool is_free = other.alone_ == nullptr && (!work.needs_bare_device_ || make_bare(other));
    if (is_free && make_room(other, bytes + other.reserved_bytes_, true)) {
      work.at(i).reserved_bytes = bytes;
      other.reserved_bytes_ += bytes;
      continue;
    }
    if (bytes > other.memory_->capacity_bytes()) {
      why = too_large(work, other, bytes);
      return admission::failed;
    }
    claimant_ = claimant_ == nullptr ? &work : claimant_;
    see_free_slabs_complete(other);
    return admission::later;
  }
  return admission::admitted;
}

void gpu_engine::give_reserved_back(gpu_work& work) {
  for (std::size_t i = 0; i != work.devices.size(); ++i) {
    device_at(work.devices[i])->reserved_bytes_ -= std::exchange(work.at(i).reserved_bytes, 0);
  }
}

bool gpu_engine::is_claimed_by_another(const gpu_work& work) const {
  return claimant_ != nullptr && claimant_ != &work &&
         std::any_of(work.devices.begin(), work.devices.end(), [&](int index) {
           const auto& its = claimant_->devices;
           return std::find(its.begin(), its.end(), index) != its.end();
         });
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
                        device.chores_running_ == 0 && device.reserved_bytes_ == 0;
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
                              return other != &candidate &&
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
  gone.buffer->remove_replica(gone);
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
  for (replica* each : buffer.replicas()) {
    const bool can_read = device.peer_access_[static_cast<std::size_t>(each->device->index_)];
    if (can_read && each->state == replica_state::ordered &&
        each->producer.sequence <= each->producer.stream->ended) {
      source = each;
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
      why = why_failed(work, device, code, "cuMemAllocFromPoolAsync");
    } else {
      make_pieces_whole(device);
    }
    return nullptr;
  }
  replica& made = add_replica(buffer, device, std::move(block));
  const char* failed = nullptr;
  if (source == nullptr && buffer.bytes() > small_copy_bytes) {
    begin_transfer(transfer_direction::to_device, made, transfer_urgency::waited_for);
  } else {
    failed =
        source != nullptr ? copy_from_peer(made, *source, code) : copy_small_from_host(made, code);
  }
  if (failed == nullptr) {
    return &made;
  }
  const gpu_device* const from = source != nullptr ? source->device : nullptr;
  check(device, code, failed);  // the replicas of a device that is lost are gone
  if (device.phase_ == device_phase::open) {
    // Whoever takes the block comes after this stream, which waits for those who had it.
    stream_order::end_work(stream, now_ns());
    made.producer = {&stream, stream.ended};
    drop(made);
  }
  const bool is_source_lost = from != nullptr && from->phase_ != device_phase::open;
  why = is_source_lost ? device.lost_ : why_failed(work, device, code, failed);
  return nullptr;
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
      check_repeated(*user.stream, order_->mark(*user.stream), "cuEventRecord");
    }
    if (&its != &device && its.phase_ == device_phase::open) {
      poll(its);  // its submitter may sleep
    }
  }
}

replica& gpu_engine::add_replica(detail::array_buffer& buffer, gpu_device& device,
                                 device_block block) {
  replica& made = buffer.add_replica();
  made.buffer = &buffer;
  made.device = &device;
  made.made_on = device.bit();
  made.block = std::move(block);
  device.link(made);
  buffer.set_known_to_engine();
  return made;
}

// Returns the call that failed with `code`, or null.
const char* gpu_engine::copy_from_peer(replica& to, replica& from, cu_result& code) {
  gpu_stream& stream = *to.device->peers_;
  const driver_table& table = *options_.table;
  code = order_->wait(stream, from.producer);
  if (code != cu_result::success) {
    return "cuStreamWaitEvent";
  }
  code = table.memcpy_peer_async(to.block.begin, to.device->context_, from.block.begin,
                                 from.device->context_, to.buffer->bytes(), stream.handle);
  if (code != cu_result::success) {
    return "cuMemcpyPeerAsync";
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
  return nullptr;
}

// The driver has read the bytes when the call returns. Returns the call that failed with `code`, or
// null.
const char* gpu_engine::copy_small_from_host(replica& to, cu_result& code) {
  gpu_stream& stream = *to.device->to_device_;
  if (to.buffer->bytes() != 0) {
    code = options_.table->memcpy_htod_async(to.block.begin, to.buffer->host_data(),
                                             to.buffer->bytes(), stream.handle);
    if (code != cu_result::success) {
      return "cuMemcpyHtoDAsync";
    }
  }
  stream_order::end_work(stream, now_ns());
  to.producer = {&stream, stream.ended};
  to.state = replica_state::ordered;
  facts_.bytes_to_device += to.buffer->bytes();
  return nullptr;
}

// The work is done with its inputs, or will never be called.
void gpu_engine::unpin_inputs(gpu_work& work) {
  gpu_device& device = *device_at(work.devices.front());
  give_reserved_back(work);
  set_guest(work, false);
  for (const int index : work.devices) {
    const gpu_work*& alone = device_at(index)->alone_;
    alone = alone == &work ? nullptr : alone;
  }
  claimant_ = claimant_ == &work ? nullptr : claimant_;
  for (const gpu_input& input : work.inputs_) {
    if (input.on_device != nullptr && device.phase_ == device_phase::open) {
      --input.on_device->pins;
    }
    release_later(*input.buffer);
  }
  work.inputs_.clear();
}

}  // namespace narke::internal
