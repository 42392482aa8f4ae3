#include "early_record.hpp"

#include <map>
#include <memory>

namespace narke_test {
namespace {

using namespace narke::internal;

// Before each piece of work its stream's shadow event is recorded. The record that is to be early
// takes the shadow's place: from then on its event stands for the shadow.
struct early_state {
  const driver_table& real;
  std::uint64_t nth = 0;
  std::uint64_t records = 0;
  std::map<cu_stream, cu_event> shadows;
  std::map<cu_event, cu_event> stands_for;
};

std::unique_ptr<early_state> state;

cu_event real_event(cu_event event) {
  const auto other = state->stands_for.find(event);
  return other != state->stands_for.end() ? other->second : event;
}

void forget(cu_event event) {
  const auto other = state->stands_for.find(event);
  if (other != state->stands_for.end()) {
    state->real.event_destroy(other->second);
    state->stands_for.erase(other);
  }
}

void before_work(cu_stream stream) {
  cu_event& shadow = state->shadows[stream];
  if (shadow == nullptr) {
    state->real.event_create(&shadow, cu_event_disable_timing);
  }
  state->real.event_record(shadow, stream);
}

cu_result emulate_later(cu_stream stream, const emulated_work& work) {
  before_work(stream);
  return state->real.emulate(stream, work);
}
cu_result htod_later(cu_device_ptr to, const void* from, std::size_t bytes, cu_stream stream) {
  before_work(stream);
  return state->real.memcpy_htod_async(to, from, bytes, stream);
}
cu_result dtoh_later(void* to, cu_device_ptr from, std::size_t bytes, cu_stream stream) {
  before_work(stream);
  return state->real.memcpy_dtoh_async(to, from, bytes, stream);
}
cu_result dtod_later(cu_device_ptr to, cu_device_ptr from, std::size_t bytes, cu_stream stream) {
  before_work(stream);
  return state->real.memcpy_dtod_async(to, from, bytes, stream);
}
cu_result peer_later(cu_device_ptr to, cu_context to_context, cu_device_ptr from,
                     cu_context from_context, std::size_t bytes, cu_stream stream) {
  before_work(stream);
  return state->real.memcpy_peer_async(to, to_context, from, from_context, bytes, stream);
}

cu_result record(cu_event event, cu_stream stream) {
  forget(event);
  const auto shadow = state->shadows.find(stream);
  if (shadow == state->shadows.end() || ++state->records != state->nth) {
    return state->real.event_record(event, stream);
  }
  state->stands_for[event] = shadow->second;
  state->shadows.erase(shadow);
  return cu_result::success;
}
cu_result query(cu_event event) {
  return state->real.event_query(real_event(event));
}
cu_result synchronize(cu_event event) {
  return state->real.event_synchronize(real_event(event));
}
cu_result wait(cu_stream stream, cu_event event, unsigned flags) {
  return state->real.stream_wait_event(stream, real_event(event), flags);
}
cu_result destroy_event(cu_event event) {
  forget(event);
  return state->real.event_destroy(event);
}
cu_result destroy_stream(cu_stream stream) {
  const auto shadow = state->shadows.find(stream);
  if (shadow != state->shadows.end()) {
    state->real.event_destroy(shadow->second);
    state->shadows.erase(shadow);
  }
  return state->real.stream_destroy(stream);
}

}  // namespace

early_record::early_record(const driver_table& real, std::uint64_t nth) : table_{real} {
  state.reset(new early_state{.real = real, .nth = nth, .shadows = {}, .stands_for = {}});
  table_.emulate = emulate_later;
  table_.memcpy_htod_async = htod_later;
  table_.memcpy_dtoh_async = dtoh_later;
  table_.memcpy_dtod_async = dtod_later;
  table_.memcpy_peer_async = peer_later;
  table_.event_record = record;
  table_.event_query = query;
  table_.event_synchronize = synchronize;
  table_.stream_wait_event = wait;
  table_.event_destroy = destroy_event;
  table_.stream_destroy = destroy_stream;
}

early_record::~early_record() {
  state.reset();
}

std::uint64_t early_record::records() const {
  return state->records;
}

}  // namespace narke_test
