// Moving a device on: its ends are seen, its works prepared and admitted, its bodies called.
#include <algorithm>
#include <utility>

#include "device/driver_call.hpp"
#include "device/gpu_engine.hpp"
#include "device/gpu_frame.hpp"

namespace narke::internal {

// One step. Requires: the mutex and the role; the device's context is current. The mutex is let go
// meanwhile.
bool gpu_engine::advance_locked(gpu_device& device, lock_type& lock, bool makes_copies) {
  bool did = device.phase_ == device_phase::open && poll(device);
  did = finish_complete(device, lock) || did;
  if (device.phase_ == device_phase::lost) {
    return did;
  }
  did = move_transfers(device) || did;
  did = requeue_again(device) || did;
  if (makes_copies && do_chore(device, lock)) {
    did = true;
  }
  if (device.phase_ != device_phase::open) {
    return true;  // what the works know of it is gone
  }
  if (gpu_work* work = next_runnable(device)) {
    run(*work, device, lock);
    return true;
  }
  if (prepare_next(device, lock) || admit_next(device, lock)) {
    return true;
  }
  mark_old_work(device);
  return did;
}

bool gpu_engine::poll(gpu_device& device) {
  bool progressed = false;
  const auto look = [&](gpu_stream* stream) {
    if (!stream->markers.empty() && device.phase_ == device_phase::open) {
      if (leaned_on_ != 0 &&
          options_.table->event_query(stream->markers.front().event) == cu_result::success) {
        expect_leaned_on();
      }
      check(device, order_->poll(*stream, progressed), "cuEventQuery");
    }
  };
  for (gpu_stream* stream : device.compute_) {
    look(stream);
  }
  look(device.to_device_);
  look(device.to_host_);
  look(device.peers_);
  return progressed;
}

// Tells the works that are complete, outside the mutex: what follows from an end is the layers'
// above. On a device that is lost, every work that is left fails.
bool gpu_engine::finish_complete(gpu_device& device, lock_type& lock) {
  std::vector<gpu_work*> complete;
  std::vector<gpu_work*> failed;
  const bool is_lost = device.phase_ == device_phase::lost;
  for (std::size_t i = 0; i != device.in_flight_.size(); ++i) {
    auto& in_stream = device.in_flight_[i];
    while (!in_stream.empty() &&
           (is_lost || device.compute_[i]->is_complete(in_stream.front()->sequence_))) {
      gpu_work& work = *in_stream.front();
      (is_lost ? failed : complete).push_back(&work);
      for (const int index : work.devices) {
        gpu_device& other = *device_at(index);
        if (&other != &device && other.phase_ == device_phase::open) {
          poll(other);  // its submitter may sleep
        }
      }
      forget_share(device, work);
      in_stream.pop_front();
    }
  }
  if (is_lost) {
    for (auto* queue : {&device.submitted_, &device.prepared_, &device.admitted_, &device.again_}) {
      for (gpu_work* work : *queue) {
        unpin_inputs(*work);
        failed.push_back(work);
      }
      queue->clear();
    }
    device.reserved_bytes_ = 0;
  }
  const bool is_to_tell = is_lost && !std::exchange(device.is_loss_told_, true);
  if (complete.empty() && failed.empty() && !is_to_tell) {
    return false;
  }
  const std::exception_ptr why = device.lost_;
  lock.unlock();
  if (is_to_tell && on_device_lost != nullptr) {
    on_device_lost(device.index_, why);
  }
  for (gpu_work* work : complete) {
    work->completed(work->tainted_);
  }
  for (gpu_work* work : failed) {
    work->completed(why);
  }
  lock.lock();
  return true;
}

// Arguments are made ready one work at a time, in the order submitted; two are kept ahead.
bool gpu_engine::prepare_next(gpu_device& device, lock_type& lock) {
  constexpr std::size_t ahead = 2;
  if (device.submitted_.empty() || device.prepared_.size() >= ahead) {
    return false;
  }
  gpu_work& work = *device.submitted_.front();
  device.submitted_.pop_front();
  ++device.bodies_running_;
  lock.unlock();
  std::exception_ptr thrown;
  try {
    work.prepare(
        [](void* context, detail::array_buffer& input) {
          input.add_ref();
          static_cast<gpu_work*>(context)->inputs_.push_back({&input, nullptr});
        },
        &work);
  } catch (...) {
    thrown = std::current_exception();
  }
  lock.lock();
  --device.bodies_running_;
  if (thrown == nullptr) {
    device.prepared_.push_back(&work);
  } else {
    fail(work, device, thrown, lock);
  }
  return true;
}

bool gpu_engine::admit_next(gpu_device& device, lock_type& lock) {
  if (device.prepared_.empty()) {
    return false;
  }
  gpu_work& work = *device.prepared_.front();
  std::exception_ptr why;
  if (work.devices.size() > 1 && !are_others_open(work, device, lock, why)) {
    if (why == nullptr) {
      return false;
    }
    device.prepared_.pop_front();
    fail(work, device, why, lock);
    return true;
  }
  switch (try_admit(work, device, why)) {
    case admission::later:
      device.is_blocked_for_memory_ = true;
      return false;
    case admission::failed:
      device.prepared_.pop_front();
      fail(work, device, why, lock);
      return true;
    case admission::admitted:
      break;
  }
  device.is_blocked_for_memory_ = false;
  device.prepared_.pop_front();
  device.admitted_.push_back(&work);
  return true;
}

// The other devices of a work that has several are opened by the first one's submitter.
bool gpu_engine::are_others_open(const gpu_work& work, gpu_device& device, lock_type& lock,
                                 std::exception_ptr& why) {
  for (const int index : work.devices) {
    gpu_device& each = *device_at(index);
    if (each.phase_ == device_phase::closed) {
      open(each, lock);
    }
    if (each.phase_ != device_phase::open) {
      why = each.lost_;  // null while another thread opens it
      return false;
    }
  }
  return device.phase_ == device_phase::open;
}

void gpu_engine::fail(gpu_work& work, gpu_device& device, const std::exception_ptr& why,
                      lock_type& lock) {
  unpin_inputs(work);
  forget_share(device, work);
  lock.unlock();
  work.completed(why);
  lock.lock();
}

// The first admitted work whose inputs are ordered and whose stream is nobody's. The works of one
// share keep their order: a later one never passes an earlier one of the same stream.
gpu_work* gpu_engine::next_runnable(gpu_device& device) {
  std::vector<const gpu_stream*>& passed = device.passed_streams_;
  passed.clear();
  for (auto at = device.admitted_.begin(); at != device.admitted_.end(); ++at) {
    gpu_work& work = **at;
    if (work.stream_ == nullptr) {
      work.stream_ = &stream_for(device, work.share_id);
    }
    const std::size_t slot = slot_of(device, *work.stream_);
    const bool is_first = std::find(passed.begin(), passed.end(), work.stream_) == passed.end();
    const bool has_inputs =
        std::all_of(work.inputs_.begin(), work.inputs_.end(), [](const gpu_input& input) {
          return input.on_device->state == replica_state::ordered &&
                 input.on_device->producer.sequence <= input.on_device->producer.stream->ended;
        });
    if (is_first && !device.leased_[slot] &&
        device.in_flight_[slot].size() < options_.works_in_flight_max &&
        (has_inputs || is_left_out(options_.mutation, engine_step::expect_input))) {
      device.admitted_.erase(at);
      return &work;
    }
    passed.push_back(work.stream_);
  }
  return nullptr;
}

std::size_t gpu_engine::slot_of(const gpu_device& device, const gpu_stream& stream) noexcept {
  return static_cast<std::size_t>(
      std::find(device.compute_.begin(), device.compute_.end(), &stream) - device.compute_.begin());
}

gpu_stream& gpu_engine::stream_for(gpu_device& device, std::uint64_t share_id) {
  for (share_stream& each : device.shares_) {
    if (each.share_id == share_id) {
      ++each.works;
      return *each.stream;
    }
  }
  // The stream with the fewest works of others.
  std::vector<std::size_t> works(device.compute_.size());
  for (const share_stream& each : device.shares_) {
    works[slot_of(device, *each.stream)] += each.works;
  }
  const auto least = std::min_element(works.begin(), works.end()) - works.begin();
  gpu_stream& chosen = *device.compute_[static_cast<std::size_t>(least)];
  device.shares_.push_back({share_id, &chosen, 1});
  return chosen;
}

void gpu_engine::forget_share(gpu_device& device, const gpu_work& work) {
  if (work.stream_ == nullptr) {
    return;
  }
  for (const int index : work.devices) {
    gpu_device& each = *device_at(index);
    const auto share =
        std::find_if(each.shares_.begin(), each.shares_.end(),
                     [&](const share_stream& one) { return one.share_id == work.share_id; });
    const bool has_it = &each == &device || work.has_begun_;
    if (has_it && share != each.shares_.end() && --share->works == 0) {
      each.shares_.erase(share);
    }
  }
}

// Frames are used again: their memory is.
void gpu_engine::run(gpu_work& work, gpu_device& device, lock_type& lock) {
  detail::gpu_frame* frame = nullptr;
  if (free_frames_.empty()) {
    frame = new detail::gpu_frame{*this};
  } else {
    frame = free_frames_.back();
    free_frames_.pop_back();
  }
  frame->reset(work);
  run_in(*frame, work, device, lock);
  free_frames_.push_back(frame);
}

void gpu_engine::run_in(detail::gpu_frame& frame, gpu_work& work, gpu_device& device,
                        lock_type& lock) {
  const bool can_begin = begin_body(work, device, frame);
  work.has_begun_ = true;
  if (!can_begin) {
    for (const auto& place : frame.places) {
      place.device->leased_[slot_of(*place.device, *place.stream)] = false;
    }
    fail(work, device, why_lost(work), lock);
    return;
  }
  ++device.bodies_running_;
  lock.unlock();
  detail::gpu_frame* const outer = std::exchange(detail::this_frame, &frame);
  work.run_body(frame.context(0));
  detail::this_frame = outer;
  options_.table->ctx_set_current(device.context_);  // whatever the body made current
  lock.lock();
  end_body(work, device, frame);
  if (frame.grew_too_far && work.body_failed() && !work.runs_alone_) {
    --device.bodies_running_;
    call_again(work, device, lock);
    return;
  }
  sweep(lock);
  lock.unlock();
  work.ordered();
  lock.lock();
  // Only now may its end be told. Another body of this stream may have overtaken this thread.
  auto& in_stream = device.in_flight_[slot_of(device, *work.stream_)];
  const auto after = std::find_if(in_stream.rbegin(), in_stream.rend(), [&](const gpu_work* each) {
    return each->sequence_ < work.sequence_;
  });
  in_stream.insert(after.base(), &work);
  --device.bodies_running_;
}

// Requires: every input is ordered.
bool gpu_engine::begin_body(gpu_work& work, gpu_device& device, detail::gpu_frame& frame) {
  gpu_stream& stream = *work.stream_;
  work.sequence_ = stream_order::next_sequence(stream);
  work.made_on_ = 0;
  for (const gpu_input& input : work.inputs_) {
    if (!is_complete(input.on_device->producer)) {
      work.made_on_ |= input.on_device->made_on;
    }
  }
  for (const int index : work.devices) {
    gpu_device& each = *device_at(index);
    work.made_on_ |= each.bit();
    gpu_stream& its = &each == &device ? stream : stream_for(each, work.share_id);
    frame.places.push_back({&each, &its, stream_order::next_sequence(its)});
    each.leased_[slot_of(each, its)] = true;
  }
  leaned_on_ |= work.devices.size() > 1 ? work.made_on_ : 0;
  if (why_lost(work) != nullptr) {
    return false;
  }
  point_list producers;
  for (const gpu_input& input : work.inputs_) {
    producers.add(input.on_device->producer);
  }
  return std::all_of(frame.places.begin(), frame.places.end(), [&](const auto& place) {
    return check(*place.device, order_->wait(*place.stream, producers), "cuStreamWaitEvent");
  });
}

// By a device or an input that is lost.
std::exception_ptr gpu_engine::why_lost(const gpu_work& work) {
  for (const int index : work.devices) {
    if (device_at(index)->phase_ == device_phase::lost) {
      return device_at(index)->lost_;
    }
  }
  for (const gpu_input& input : work.inputs_) {
    if (input.buffer->lost() != nullptr) {
      return input.buffer->lost();
    }
  }
  for (const auto& each : devices_) {
    if (each->phase_ == device_phase::lost && (work.made_on_ & each->bit()) != 0) {
      return each->lost_;
    }
  }
  return nullptr;
}

// What the body used is used until here, and what it made is made here.
void gpu_engine::end_body(gpu_work& work, gpu_device& device, detail::gpu_frame& frame) {
  const std::uint64_t now = now_ns();
  gpu_stream& stream = *work.stream_;
  for (std::size_t i = frame.places.size(); i-- != 0;) {
    const auto& place = frame.places[i];
    place.device->leased_[slot_of(*place.device, *place.stream)] = false;
    stream_order::end_work(*place.stream, now);
    if (i != 0 && place.device->phase_ == device_phase::open &&
        device.phase_ == device_phase::open) {
      check(*place.device, order_->wait(stream, {place.stream, place.sequence}),
            "cuStreamWaitEvent");
    }
  }
  for (temporary_block& each : frame.temporaries) {
    const auto& place = frame.places[each.on];
    if (place.device->phase_ == device_phase::open) {
      if (!is_left_out(options_.mutation, engine_step::note_scratch)) {
        each.block.users.add({place.stream, place.sequence});
      }
      place.device->memory_->let_go(std::move(each.block));
    }
  }
  for (const gpu_input& input : work.inputs_) {
    if (device.phase_ == device_phase::open) {
      for (const auto& place : frame.places) {
        if (!is_left_out(options_.mutation, engine_step::note_reader)) {
          input.on_device->readers.add({place.stream, place.sequence});
        }
      }
      device.touch(*input.on_device);
    }
  }
  work.tainted_ = why_lost(work);
  unpin_inputs(work);
  for (detail::array_buffer* output : frame.outputs) {
    if (work.tainted_ != nullptr) {
      output->set_lost(work.tainted_);
    }
    release_later(*output);
  }
  learn(work);
  const bool is_to_repeat = frame.grew_too_far && work.body_failed() && !work.runs_alone_;
  const bool is_marker_due = stream.ended - stream.marked >= options_.marker_period;
  if (device.phase_ == device_phase::open &&
      (is_to_repeat || is_marker_due || work.is_wanted.load(std::memory_order_acquire))) {
    check(device, order_->mark(stream), "cuEventRecord");
  }
}

// The body wanted more memory than there was: its work drains, what it made goes, and it is called
// again alone, with a quarter more than it would have needed.
void gpu_engine::call_again(gpu_work& work, gpu_device& device, lock_type& lock) {
  const std::uint64_t wanted = work.reached_bytes_ + work.asked_bytes_;
  lock.unlock();
  const bool can = work.try_rewind();
  lock.lock();
  if (device.phase_ != device_phase::open) {
    fail(work, device, device.lost_, lock);
    return;
  }
  const bool fits = work.input_bytes_ + work.asked_bytes_ <= device.memory_->capacity_bytes();
  if (!can || !fits) {
    fail(work, device, too_large(work, device, work.input_bytes_ + wanted), lock);
    return;
  }
  work.runs_alone_ = work.needs_bare_device_ = true;
  work.again_bytes_ = wanted + wanted / 4;
  device.again_.push_back(&work);
}

// Those whose first work has drained go to the head of the queue.
bool gpu_engine::requeue_again(gpu_device& device) {
  bool did = false;
  for (auto at = device.again_.begin(); at != device.again_.end();) {
    gpu_work& work = **at;
    if (!work.stream_->is_complete(work.sequence_)) {
      ++at;
      continue;
    }
    forget_share(device, work);
    work.stream_ = nullptr;
    work.reached_bytes_ = work.asked_bytes_ = 0;
    device.submitted_.push_front(&work);
    at = device.again_.erase(at);
    did = true;
  }
  return did;
}

// The ends of works that nobody waits for are seen too, a little later; those that somebody waits
// for at once.
void gpu_engine::mark_old_work(gpu_device& device) {
  for (std::size_t i = 0; i != device.compute_.size(); ++i) {
    gpu_stream& stream = *device.compute_[i];
    const auto& works = device.in_flight_[i];
    if (stream.marked == stream.ended || works.empty() || device.phase_ != device_phase::open) {
      continue;
    }
    bool is_due = now_ns() - stream.unmarked_since_ns >= options_.marker_age_ns ||
                  !device.prepared_.empty() || works.size() >= options_.works_in_flight_max;
    for (auto work = works.rbegin(); !is_due && work != works.rend(); ++work) {
      if ((*work)->sequence_ <= stream.marked) {
        break;
      }
      is_due = (*work)->is_wanted.load(std::memory_order_acquire);
    }
    if (is_due) {
      check(device, order_->mark(stream), "cuEventRecord");
    }
  }
}

}  // namespace narke::internal
