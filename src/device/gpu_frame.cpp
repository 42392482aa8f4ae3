#include "device/gpu_frame.hpp"

#include <algorithm>
#include <chrono>
#include <stdexcept>
#include <utility>

#include <fmt/format.h>

#include <narke/errors.hpp>

#include "base/forked_child.hpp"
#include "base/needed_memory.hpp"
#include "device/driver_call.hpp"

namespace narke::detail {

using internal::accessed_bytes;
using internal::byte_access;
using internal::cu_result;
using internal::device_block;
using internal::replica;
using internal::replica_state;

constinit thread_local gpu_frame* this_frame = nullptr;

namespace {

[[noreturn]] void throw_lost(const internal::gpu_device& device, const std::exception_ptr& why) {
  if (why != nullptr) {
    std::rethrow_exception(why);
  }
  throw device_lost_error{fmt::format("GPU {} is lost", device.ordinal())};
}

}  // namespace

// Requires: the mutex. When a device is lost, so are the replicas that its bodies know.
void gpu_frame::expect_open(std::size_t on) const {
  const internal::gpu_device& device = *places[on].device;
  if (device.phase_ != internal::device_phase::open) {
    throw_lost(device, device.lost_);
  }
}

bool gpu_frame::is_in(const internal::gpu_stream& stream) const noexcept {
  return std::any_of(places.begin(), places.end(),
                     [&](const place& each) { return each.stream == &stream; });
}

// What can leave for the host leaves, before it is said that there is no room: a body that has
// state is not called again. Only copies to the host are waited for, which need no body to get on;
// the role is another thread's meanwhile. Requires: the mutex. No block: there is none to be had
// so.
device_block gpu_frame::wait_for_block(lock_type& lock, std::size_t on, std::size_t bytes) {
  internal::gpu_device& device = *places[on].device;
  const std::uint64_t wanted = internal::device_memory::rounded(bytes);
  // Without threads whoever waits would have to move the engine on himself.
  while (engine.options_.has_threads && device.phase_ == internal::device_phase::open) {
    const std::uint64_t used_bytes = device.memory_->used_bytes();
    if (engine.make_room(device, wanted + device.reserved_bytes_, true)) {
      cu_result code = cu_result::success;
      device_block block = device.memory_->allocate(bytes, *places[on].stream, code);
      if (block || code != cu_result::success) {
        return block;
      }
      engine.make_pieces_whole(device);
    }
    if (device.transfers_.empty() && device.memory_->used_bytes() == used_bytes) {
      return {};
    }
    if (device.transfers_.empty()) {
      continue;
    }
    if (!std::exchange(gave_role_up, true)) {
      engine.give_role_up(*places.front().device);
    }
    engine.host_changed_.wait_for(lock, std::chrono::milliseconds{1});
  }
  return {};
}

// From memory that is free or can be made free by copies to the host; never by waiting for another
// body while this one holds what it has. Requires: the mutex.
device_block gpu_frame::take_block(lock_type& lock, std::size_t on, std::size_t bytes) {
  place& here = places[on];
  internal::gpu_device& device = *here.device;
  if (device.phase_ != internal::device_phase::open) {
    throw_lost(device, device.lost_);
  }
  const internal::scoped_context current{*engine.options_.table, device.context_};
  const std::uint64_t wanted = internal::device_memory::rounded(bytes);
  internal::gpu_work::place& its = work->at(on);
  const std::uint64_t reserved = std::min(its.reserved_bytes, wanted);
  its.reserved_bytes -= reserved;
  device.reserved_bytes_ -= reserved;
  cu_result code = cu_result::success;
  device_block block = wait_for_block(lock, on, bytes);
  expect_open(on);
  if (!block && engine.make_room(device, wanted + device.reserved_bytes_, false)) {
    block = device.memory_->allocate(bytes, *here.stream, code);
    if (!block && code == cu_result::success && device.memory_->trim()) {
      block = device.memory_->allocate(bytes, *here.stream, code);
    }
  }
  if (block) {
    its.reached_bytes += wanted;
    return block;
  }
  if (code == cu_result::out_of_memory) {
    device.memory_->lower_capacity();
  } else if (!engine.check(device, code, "cuMemAllocFromPoolAsync")) {
    std::rethrow_exception(engine.why_failed(*work, device, code, "cuMemAllocFromPoolAsync"));
  }
  grew_too_far = true;
  work->asked_bytes_ = wanted;
  work->asked_on_ = on;
  throw out_of_device_memory{fmt::format(
      "{}: asked for {} bytes on GPU {}, of whose {} bytes {} are in use. Say what the task takes "
      "by gpu_memory, or split the data",
      work->label, bytes, device.ordinal(), device.memory_->capacity_bytes(),
      device.memory_->used_bytes())};
}

array_buffer* gpu_frame::make_output(std::size_t on, std::size_t bytes, device_block block) {
  place& here = places[on];
  auto* buffer = new array_buffer{bytes};
  replica& made = engine.add_replica(*buffer, *here.device, std::move(block));
  made.producer = {here.stream, here.sequence};
  made.state = replica_state::ordered;
  made.made_on = work->made_on_;
  made.pins = 1;  // until it is sealed
  here.device->builders_.push_back(&made);
  return buffer;
}

array_ptr gpu_frame::allocate(std::size_t on, std::size_t bytes) {
  const internal::memory_needed needed;
  internal::gpu_engine::lock_type lock{engine.mutex_};
  array_buffer* buffer = make_output(on, bytes, take_block(lock, on, bytes));
  buffer->add_ref();
  outputs.push_back(buffer);
  return array_ptr{buffer};
}

void* gpu_frame::allocate_temporary(std::size_t on, std::size_t bytes) {
  const internal::memory_needed needed;
  internal::gpu_engine::lock_type lock{engine.mutex_};
  temporaries.push_back({take_block(lock, on, bytes), on});
  return reinterpret_cast<void*>(temporaries.back().block.begin);
}

// In stream order: later work of this body may have the bytes at once.
void gpu_frame::free_temporary(std::size_t on, void* memory) noexcept {
  const internal::memory_needed needed;
  const auto at = std::find_if(
      temporaries.begin(), temporaries.end(), [&](const internal::temporary_block& each) {
        return each.block.begin == reinterpret_cast<internal::cu_device_ptr>(memory);
      });
  if (at == temporaries.end()) {
    return;
  }
  const internal::gpu_engine::lock_type lock{engine.mutex_};
  const place& here = places[on];
  if (here.device->phase_ == internal::device_phase::open) {
    at->block.users.add({here.stream, here.sequence});
    here.device->memory_->let_go(std::move(at->block));
  }
  temporaries.erase(at);
}

// Everything that the body has on the device is taken to be used by each of its closures there.
void gpu_frame::emulate(std::size_t on, const emulated_closure& closure) {
  const internal::memory_needed needed;
  const place& here = places[on];
  accesses.clear();
  {
    const internal::gpu_engine::lock_type lock{engine.mutex_};
    if (places.front().device->phase_ != internal::device_phase::open ||
        here.device->phase_ != internal::device_phase::open) {
      closure.drop(closure.closure);
      expect_open(0);
      expect_open(on);
    }
    // Another of the body's devices reads them over a link, or not at all.
    const auto first = static_cast<std::size_t>(places.front().device->index_);
    if (on == 0 || here.device->peer_access_[first]) {
      for (const internal::gpu_input& input : work->inputs_) {
        accesses.push_back(
            {input.on_device->block.begin, input.buffer->bytes(), byte_access::read});
      }
    }
    for (const replica* builder : here.device->builders_) {
      if (builder->producer.stream == here.stream) {
        accesses.push_back({builder->block.begin, builder->block.bytes, byte_access::write});
      }
    }
    for (const internal::temporary_block& each : temporaries) {
      if (each.on == on) {
        accesses.push_back({each.block.begin, each.block.bytes, byte_access::write});
      }
    }
  }
  std::erase_if(accesses, [](const accessed_bytes& each) { return each.bytes == 0; });
  const internal::emulated_work enqueued{.run = closure.run,
                                         .drop = closure.drop,
                                         .context = closure.closure,
                                         .accesses = accesses.data(),
                                         .access_count = accesses.size(),
                                         .label = "closure",
                                         .modelled_ns = 0};
  const internal::scoped_context current{*engine.options_.table, here.device->context()};
  const cu_result code = engine.options_.table->emulate(here.stream->handle, enqueued);
  if (code != cu_result::success) {
    closure.drop(closure.closure);  // it was not taken: neither run nor dropped
    const internal::gpu_engine::lock_type lock{engine.mutex_};
    engine.check(*here.device, code, "emulate");
    expect_open(on);
    internal::check_driver(*engine.options_.table, code, "emulate");
  }
}

// The role goes to another thread first: this one blocks.
void gpu_frame::synchronize(std::size_t on) {
  place& here = places[on];
  const internal::driver_table& table = *engine.options_.table;
  {
    const internal::gpu_engine::lock_type lock{engine.mutex_};
    if (here.device->phase_ != internal::device_phase::open) {
      throw_lost(*here.device, here.device->lost_);
    }
    engine.order_->begin_host_wait();
    if (!std::exchange(gave_role_up, true)) {
      engine.give_role_up(*places.front().device);
    }
  }
  const internal::scoped_context current{table, here.device->context_};
  const cu_result code = table.stream_synchronize(here.stream->handle);
  const internal::gpu_engine::lock_type lock{engine.mutex_};
  if (!engine.check(*here.device, code, "cuStreamSynchronize")) {
    expect_open(0);
    std::rethrow_exception(engine.why_failed(*work, *here.device, code, "cuStreamSynchronize"));
  }
  if (engine.leaned_on_ != 0) {
    engine.expect_leaned_on();
    expect_open(on);
  }
  engine.order_->note_drained(*here.stream, here.sequence - 1);
}

array_ptr gpu_frame::take_for_writing(array_ptr buffer, std::size_t on) {
  const internal::memory_needed needed;
  place& here = places[on];
  const auto given =
      std::count_if(work->inputs_.begin(), work->inputs_.end(),
                    [&](const internal::gpu_input& input) { return input.buffer == buffer.get(); });
  device_block block;
  internal::gpu_engine::lock_type lock{engine.mutex_};
  expect_open(on);
  if (buffer.get()->lost() != nullptr) {
    std::rethrow_exception(buffer.get()->lost());
  }
  // Decided under the mutex: a copy to the host that another device begins has a reference, and
  // reads what would be dropped below. In a body of several devices the others may read the array
  // over a link, in no order with this one.
  if (!buffer.get()->is_only(static_cast<std::uint32_t>(1 + given)) || given != 1 ||
      places.size() != 1) {
    block = take_block(lock, on, buffer.get()->bytes());
  }
  const internal::scoped_context current{*engine.options_.table, here.device->context_};
  replica& from = *buffer.get()->replica_on(*here.device);
  internal::gpu_stream& stream = *here.stream;
  if (!block) {
    // In place: after everybody who reads it, and what is elsewhere is out of date.
    const cu_result code = engine.order_->wait(stream, from.readers);
    if (!engine.check(*here.device, code, "cuStreamWaitEvent")) {
      expect_open(on);
      std::rethrow_exception(engine.why_failed(*work, *here.device, code, "cuStreamWaitEvent"));
    }
    const auto& all = buffer.get()->replicas();
    for (std::size_t i = all.size(); i-- != 0;) {
      if (all[i] != &from) {
        engine.drop(*all[i]);
      }
    }
    const internal::host_memory stale = buffer.get()->take_host_memory();
    from.producer = {&stream, here.sequence};
    from.made_on = work->made_on_;
    ++from.pins;
    here.device->builders_.push_back(&from);
    consumed = true;
    lock.unlock();
    if (stale) {
      stale.let_go(stale.owner);
    }
    return buffer;
  }
  array_buffer* made = make_output(on, buffer.get()->bytes(), std::move(block));
  const replica& to = *made->replica_on(*here.device);
  made->add_ref();
  outputs.push_back(made);
  array_ptr copy{made};
  if (made->bytes() == 0) {
    return copy;
  }
  const cu_result code = engine.options_.table->memcpy_dtod_async(to.block.begin, from.block.begin,
                                                                  made->bytes(), stream.handle);
  if (!engine.check(*here.device, code, "cuMemcpyDtoDAsync")) {
    const std::exception_ptr why =
        engine.why_failed(*work, *here.device, code, "cuMemcpyDtoDAsync");
    lock.unlock();  // the copy goes before the mutex could be had again
    std::rethrow_exception(why);
  }
  return copy;
}

const void* gpu_frame::bytes_of(const array_buffer& buffer, std::size_t on) {
  if (on == 0) {
    for (const internal::gpu_input& input : work->inputs_) {
      if (input.buffer == &buffer) {
        return reinterpret_cast<const void*>(input.begin);
      }
    }
  }
  const internal::gpu_engine::lock_type lock{engine.mutex_};
  const replica* there = buffer.replica_on(*places[on].device);
  if (there == nullptr) {
    there = buffer.replica_on(*places.front().device);
  }
  return there != nullptr ? reinterpret_cast<const void*>(there->block.begin) : nullptr;
}

gpu_context& gpu_frame::context(std::size_t on) {
  while (contexts.size() <= on) {
    contexts.push_back(gpu_context_access::make(*this, static_cast<int>(contexts.size())));
  }
  return *contexts[on];
}

void gpu_frame::reset(internal::gpu_work& begins) noexcept {
  work = &begins;
  places.clear();
  temporaries.clear();
  outputs.clear();
  gave_role_up = grew_too_far = consumed = false;
}

gpu_frame::~gpu_frame() {
  for (gpu_context* each : contexts) {
    gpu_context_access::destroy(each);
  }
}

// What gpu_context and arrays call.

void release_ref(array_buffer& buffer) noexcept {
  if (buffer.drop_ref()) {
    if (internal::is_forked_child()) {
      return;  // the engine is its parent's
    }
    if (buffer.is_known_to_engine()) {
      internal::gpu_engine::instance().let_go(buffer);
    } else {
      delete &buffer;
    }
  }
}

const void* host_bytes(array_buffer& buffer) {
  internal::refuse_in_forked_child("array::host");
  if (this_frame != nullptr) {
    throw error{
        "narke::array: host() in the body of a GPU task: the body runs before the elements exist. "
        "Give the array to a CPU task by its ref, or read it after get"};
  }
  return internal::gpu_engine::instance().host_bytes(buffer);
}

void seal_builder(array_buffer& buffer) noexcept {
  if (buffer.is_known_to_engine()) {
    internal::gpu_engine::instance().seal(buffer);
  }
}

array_ptr take_for_writing(array_ptr buffer, gpu_context* on) {
  if (on == nullptr) {
    return internal::gpu_engine::instance().take_for_writing_on_host(std::move(buffer));
  }
  return gpu_context_access::frame(*on).take_for_writing(std::move(buffer),
                                                         gpu_context_access::index(*on));
}

const void* device_bytes(const array_buffer& buffer, const gpu_context& gpu) {
  return gpu_context_access::frame(gpu).bytes_of(buffer, gpu_context_access::index(gpu));
}

}  // namespace narke::detail

namespace narke {

int gpu_context::device() const noexcept {
  return frame_->places[static_cast<std::size_t>(index_)].device->ordinal();
}

CUstream_st* gpu_context::stream() const noexcept {
  return reinterpret_cast<CUstream_st*>(
      frame_->places[static_cast<std::size_t>(index_)].stream->handle);
}

void gpu_context::synchronize() {
  frame_->synchronize(static_cast<std::size_t>(index_));
}

bool gpu_context::is_emulated() const noexcept {
  return frame_->engine.is_emulated();
}

int gpu_context::size() const noexcept {
  return static_cast<int>(frame_->places.size());
}

gpu_context& gpu_context::on(int index) {
  if (index < 0 || index >= size()) {
    throw std::invalid_argument{fmt::format(
        "gpu_context::on({}): the task has {} GPUs, counted from 0; ask for more by num_gpus",
        index, size())};
  }
  return frame_->context(static_cast<std::size_t>(index));
}

void* gpu_context::allocate_temporary(std::size_t bytes) {
  return frame_->allocate_temporary(static_cast<std::size_t>(index_), bytes);
}

void gpu_context::free_temporary(void* memory) noexcept {
  frame_->free_temporary(static_cast<std::size_t>(index_), memory);
}

detail::array_ptr gpu_context::allocate_buffer(std::size_t bytes) {
  return frame_->allocate(static_cast<std::size_t>(index_), bytes);
}

void gpu_context::emulate_closure(const detail::emulated_closure& work) {
  frame_->emulate(static_cast<std::size_t>(index_), work);
}

}  // namespace narke
