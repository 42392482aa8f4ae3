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
  const bool did = take_step(device, lock, makes_copies);
  device.was_busy_ = did;
  return did;
}

// While bodies are enqueued one after another nobody is helped by an end that is seen at once.
bool gpu_engine::is_time_to_poll(gpu_device& device) {
  constexpr int steps_between = 8;
  if (device.was_busy_ && device.transfers_.empty() && !device.is_blocked_for_memory_ &&
      ++device.steps_unpolled_ < steps_between) {
    return false;
  }
  device.steps_unpolled_ = 0;
  return true;
}

bool gpu_engine::take_step(gpu_device& device, lock_type& lock, bool makes_copies) {
  bool did = device.phase_ == device_phase::open && is_time_to_poll(device) && poll(device);
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
  gpu_work* work = next_runnable(device);
  if (work == nullptr) {
    const bool prepared = prepare_next(device, lock);
    const bool admitted = device.phase_ == device_phase::open && admit_next(device, lock);
    did = did || prepared || admitted;
    if (device.phase_ != device_phase::open) {
      return true;
    }
    work = admitted ? next_runnable(device) : nullptr;
  }
  if (work != nullptr) {
    run(*work, device, lock);
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
      check_repeated(*stream, order_->poll(*stream, progressed), "cuEventQuery");
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
  std::vector<gpu_work*> unopened;
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
      forget_share(work);
      in_stream.pop_front();
    }
  }
  if (is_lost) {
    for (auto* queue : {&device.submitted_, &device.prepared_, &device.admitted_, &device.again_}) {
      for (gpu_work* work : *queue) {
        unpin_inputs(*work);
        (device.was_open_ ? failed : unopened).push_back(work);
      }
      queue->clear();
    }
    device.reserved_bytes_ = 0;
  }
  const bool is_to_tell = is_lost && !std::exchange(device.is_loss_told_, true);
  if (complete.empty() && failed.empty() && unopened.empty() && !is_to_tell) {
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
  for (gpu_work* work : unopened) {
    work->unopened(why);
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
  std::exception_ptr unopened;
  if (work.devices.size() > 1 && !are_others_open(work, device, lock, unopened)) {
    if (unopened == nullptr || device.phase_ != device_phase::open) {
      return false;
    }
    device.submitted_.pop_front();
    lock.unlock();
    work.unopened(unopened);
    lock.lock();
    return true;
  }
  device.submitted_.pop_front();
  ++device.bodies_running_;
  lock.unlock();
  std::exception_ptr thrown;
  try {
    work.prepare(
        [](void* context, detail::array_buffer& input) {
          input.add_ref();
          static_cast<gpu_work*>(context)->inputs_.push_back({.buffer = &input});
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
    fail(work, thrown, lock);
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
    fail(work, why, lock);
    return true;
  }
  switch (try_admit(work, device, why)) {
    case admission::later:
      device.is_blocked_for_memory_ = true;
      return false;
    case admission::failed:
      device.prepared_.pop_front();
      fail(work, why, lock);
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

void gpu_engine::fail(gpu_work& work, const std::exception_ptr& why, lock_type& lock) {
  unpin_inputs(work);
  forget_share(work);
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
    if (work.first_.stream == nullptr) {
      choose_streams(work);
    }
    const std::size_t slot = slot_of(device, *work.first_.stream);
    const bool is_first =
        std::find(passed.begin(), passed.end(), work.first_.stream) == passed.end();
    const bool has_inputs =
        std::all_of(work.inputs_.begin(), work.inputs_.end(), [](const gpu_input& input) {
          return input.on_device->state == replica_state::ordered &&
                 input.on_device->producer.sequence <= input.on_device->producer.stream->ended;
        });
    if (is_first && !has_leased_stream(work) &&
        device.in_flight_[slot].size() < options_.works_in_flight_max &&
        (has_inputs || is_left_out(options_.mutation, engine_step::expect_input))) {
      device.admitted_.erase(at);
      return &work;
    }
    passed.push_back(work.first_.stream);
  }
  return nullptr;
}

void gpu_engine::choose_streams(gpu_work& work) {
  for (std::size_t i = 0; i != work.devices.size(); ++i) {
    work.at(i).stream = &stream_for(*device_at(work.devices[i]), work.share_id);
  }
}

// Whether another body runs, or waits, in one of its streams.
bool gpu_engine::has_leased_stream(const gpu_work& work) {
  for (std::size_t i = 0; i != work.devices.size(); ++i) {
    const gpu_device& each = *device_at(work.devices[i]);
    if (each.leased_[slot_of(each, *work.at(i).stream)]) {
      return true;
    }
  }
  return false;
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

void gpu_engine::forget_share(const gpu_work& work) {
  if (work.first_.stream == nullptr) {
    return;
  }
  for (const int index : work.devices) {
    gpu_device& each = *device_at(index);
    const auto share =
        std::find_if(each.shares_.begin(), each.shares_.end(),
                     [&](const share_stream& one) { return one.share_id == work.share_id; });
    if (share != each.shares_.end() && --share->works == 0) {
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
  if (const std::exception_ptr why = begin_body(work, frame)) {
    for (const auto& place : frame.places) {
      place.device->leased_[slot_of(*place.device, *place.stream)] = false;
    }
    fail(work, why, lock);
    return;
  }
  count_body(work, 1);
  body_times& times = work.learned_->times;
  if (times.is_slow() && options_.has_threads) {
    // This thread is the spare one: another submits meanwhile.
    frame.gave_role_up = true;
    ++facts_.bodies_on_spare_threads;
    give_role_up(device);
  }
  const bool is_timed = times.wants_sample();
  lock.unlock();
  detail::gpu_frame* const outer = std::exchange(detail::this_frame, &frame);
  const std::uint64_t begun_ns = is_timed ? now_ns() : 0;
  work.run_body(frame.context(0));
  const std::uint64_t took_ns = is_timed ? now_ns() - begun_ns : 0;
  detail::this_frame = outer;
  options_.table->ctx_set_current(device.context_);  // whatever the body made current
  lock.lock();
  if (is_timed) {
    times.note(took_ns);
  }
  end_body(work, device, frame);
  if (frame.grew_too_far && work.body_failed() && !work.runs_alone_) {
    count_body(work, -1);
    call_again(work, device, lock);
    return;
  }
  sweep(lock);
  lock.unlock();
  work.ordered();
  lock.lock();
  // Only now may its end be told. Another body of this stream may have overtaken this thread.
  auto& in_stream = device.in_flight_[slot_of(device, *work.first_.stream)];
  const auto after = std::find_if(in_stream.rbegin(), in_stream.rend(), [&](const gpu_work* each) {
    return each->sequence_ < work.sequence_;
  });
  in_stream.insert(after.base(), &work);
  count_body(work, -1);
}

// On each of its devices.
void gpu_engine::count_body(const gpu_work& work, int change) {
  for (const int index : work.devices) {
    device_at(index)->bodies_running_ += static_cast<std::size_t>(change);
  }
}

// Requires: every input is ordered. Returns why it cannot begin, else null.
std::exception_ptr gpu_engine::begin_body(gpu_work& work, detail::gpu_frame& frame) {
  gpu_stream& stream = *work.first_.stream;
  work.sequence_ = stream_order::begin_body(stream);
  work.made_on_ = 0;
  for (const gpu_input& input : work.inputs_) {
    if (!is_complete(input.on_device->producer)) {
      work.made_on_ |= input.on_device->made_on;
    }
  }
  for (std::size_t i = 0; i != work.devices.size(); ++i) {
    gpu_device& each = *device_at(work.devices[i]);
    work.made_on_ |= each.bit();
    gpu_stream& its = *work.at(i).stream;
    frame.places.push_back({&each, &its, stream_order::begin_body(its)});
    each.leased_[slot_of(each, its)] = true;
  }
  leaned_on_ |= work.devices.size() > 1 ? work.made_on_ : 0;
  if (const std::exception_ptr why = why_lost(work)) {
    return why;
  }
  point_list producers;
  for (gpu_input& input : work.inputs_) {
    producers.add(input.on_device->producer);
    input.begin = input.on_device->block.begin;
  }
  for (const auto& place : frame.places) {
    const cu_result code = order_->wait(*place.stream, producers);
    if (!check(*place.device, code, "cuStreamWaitEvent")) {
      const std::exception_ptr why = why_lost(work);  // by whichever device it was
      return why != nullptr ? why : why_failed(work, *place.device, code, "cuStreamWaitEvent");
    }
  }
  return nullptr;
}

// By a device or an input that is lost.
std::exception_ptr gpu_engine::why_lost(const gpu_work& work) {
  if (!is_any_lost_) {
    return nullptr;
  }
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
  gpu_stream& stream = *work.first_.stream;
  for (std::size_t i = frame.places.size(); i-- != 0;) {
    const auto& place = frame.places[i];
    place.device->leased_[slot_of(*place.device, *place.stream)] = false;
    // When the oldest of those that no event covers ended: the others need no clock.
    const bool is_first_unmarked = place.stream->marked == place.stream->ended;
    stream_order::end_work(*place.stream, is_first_unmarked ? now_ns() : 0);
    if (i != 0 && place.device->phase_ == device_phase::open &&
        device.phase_ == device_phase::open) {
      point_list its_end;
      its_end.add({place.stream, place.sequence});
      wait_surely(stream, its_end);
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
    check_repeated(stream, order_->mark(stream), "cuEventRecord");
  }
}

// The body wanted more memory than there was: its work drains, what it made goes, and it is called
// again alone, with a quarter more than it would have needed.
void gpu_engine::call_again(gpu_work& work, gpu_device& device, lock_type& lock) {
  lock.unlock();
  const bool can = work.try_rewind();
  lock.lock();
  if (const std::exception_ptr why = why_lost(work)) {
    fail(work, why, lock);
    return;
  }
  const gpu_device& full = *device_at(work.devices[work.asked_on_]);
  const std::uint64_t inputs = work.asked_on_ == 0 ? work.input_bytes_ : 0;
  const std::uint64_t wanted = work.at(work.asked_on_).reached_bytes + work.asked_bytes_;
  const bool fits = inputs + work.asked_bytes_ <= full.memory_->capacity_bytes();
  if (!can || !fits) {
    fail(work, too_large(work, full, inputs + wanted), lock);
    return;
  }
  work.runs_alone_ = work.needs_bare_device_ = true;
  for (std::size_t i = 0; i != work.devices.size(); ++i) {
    work.at(i).again_bytes = work.at(i).reached_bytes;
  }
  work.at(work.asked_on_).again_bytes = wanted + wanted / 4;
  device.again_.push_back(&work);
}

// Those whose first work has drained go to the head of the queue.
bool gpu_engine::requeue_again(gpu_device& device) {
  bool did = false;
  for (auto at = device.again_.begin(); at != device.again_.end();) {
    gpu_work& work = **at;
    if (!work.first_.stream->is_complete(work.sequence_)) {
      ++at;
      continue;
    }
    forget_share(work);
    for (std::size_t i = 0; i != work.devices.size(); ++i) {
      work.at(i).stream = nullptr;
      work.at(i).reached_bytes = 0;
    }
    work.asked_bytes_ = 0;
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
      check_repeated(stream, order_->mark(stream), "cuEventRecord");
    }
  }
  for (gpu_stream* stream : {device.to_device_, device.to_host_}) {
    const bool lacks_mark = stream->failures != 0 && stream->marked != stream->ended;
    if (device.phase_ == device_phase::open && lacks_mark) {
      check_repeated(*stream, order_->mark(*stream), "cuEventRecord");
    }
  }
}

}  // namespace narke::internal
