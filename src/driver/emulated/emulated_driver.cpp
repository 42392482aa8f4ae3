#include "driver/emulated/emulated_driver.hpp"

#include <fmt/format.h>

#include <atomic>
#include <new>
#include <stdexcept>
#include <system_error>

#include "base/log.hpp"
#include "driver/emulated/emulator.hpp"
#include "driver/emulated/entry_point.hpp"

namespace narke::internal {
namespace {

/// The one that entry points speak to. Written by the constructor and the destructor of
/// emulated_driver, read by every call; release and acquire, because a call reads what it points
/// to.
std::atomic<emulator*> alive{nullptr};
/// Set from before the construction of one to after its end: a second one must not touch what
/// belongs to the process.
std::atomic<bool> is_taken{false};

/// Turns a member of the emulator into a plain function.
template <entry_point Entry, call_needs Needs, auto Member>
struct thunk;

template <entry_point Entry, call_needs Needs, class... Arguments,
          cu_result (emulator::*Member)(emulator::call&, Arguments...)>
struct thunk<Entry, Needs, Member> {
  static cu_result call(Arguments... arguments) {
    emulator* target = alive.load(std::memory_order_acquire);
    if (target == nullptr) return cu_result::deinitialized;
    try {
      return target->serve(Entry, Needs, [&](emulator::call& current) {
        return (target->*Member)(current, arguments...);
      });
    } catch (const std::bad_alloc&) {
      return cu_result::operating_system;
    } catch (const std::system_error&) {
      return cu_result::operating_system;
    }
  }
};

#define NARKE_ENTRY(needs, name) \
  result.name = &thunk<entry_point::name, call_needs::needs, &emulator::name>::call

constexpr driver_table make_table() {
  driver_table result;
  NARKE_ENTRY(nothing, init);
  NARKE_ENTRY(nothing, driver_get_version);
  NARKE_ENTRY(nothing, get_error_name);
  NARKE_ENTRY(nothing, get_error_string);
  NARKE_ENTRY(initialised, device_get_count);
  NARKE_ENTRY(initialised, device_get);
  NARKE_ENTRY(initialised, device_get_name);
  NARKE_ENTRY(initialised, device_get_attribute);
  NARKE_ENTRY(initialised, device_get_uuid);
  NARKE_ENTRY(initialised, device_total_mem);
  NARKE_ENTRY(initialised, device_get_pci_bus_id);
  NARKE_ENTRY(initialised, device_can_access_peer);
  NARKE_ENTRY(initialised, device_get_p2p_attribute);

  NARKE_ENTRY(initialised, device_primary_ctx_retain);
  NARKE_ENTRY(initialised, device_primary_ctx_release);
  NARKE_ENTRY(initialised, device_primary_ctx_get_state);
  NARKE_ENTRY(initialised, ctx_set_current);
  NARKE_ENTRY(initialised, ctx_get_current);
  NARKE_ENTRY(context, ctx_get_stream_priority_range);
  NARKE_ENTRY(context, mem_get_info);

  NARKE_ENTRY(initialised, mem_pool_create);
  NARKE_ENTRY(initialised, mem_pool_destroy);
  NARKE_ENTRY(initialised, mem_pool_set_attribute);
  NARKE_ENTRY(initialised, mem_pool_get_attribute);
  NARKE_ENTRY(initialised, mem_pool_set_access);
  NARKE_ENTRY(initialised, mem_pool_trim_to);
  NARKE_ENTRY(context, mem_alloc_from_pool_async);
  NARKE_ENTRY(context, mem_free_async);
  NARKE_ENTRY(context, mem_host_register);
  NARKE_ENTRY(context, mem_host_unregister);
  NARKE_ENTRY(context, pointer_get_attributes);

  NARKE_ENTRY(context, memcpy_htod_async);
  NARKE_ENTRY(context, memcpy_dtoh_async);
  NARKE_ENTRY(context, memcpy_dtod_async);
  NARKE_ENTRY(context, memcpy_peer_async);
  NARKE_ENTRY(context, memset_d8_async);

  NARKE_ENTRY(context, stream_create_with_priority);
  NARKE_ENTRY(context, stream_destroy);
  NARKE_ENTRY(context, stream_query);
  NARKE_ENTRY(context, stream_synchronize);
  NARKE_ENTRY(context, stream_wait_event);
  NARKE_ENTRY(context, stream_is_capturing);
  NARKE_ENTRY(context, event_create);
  NARKE_ENTRY(context, event_destroy);
  NARKE_ENTRY(context, event_record);
  NARKE_ENTRY(context, event_query);
  NARKE_ENTRY(context, event_synchronize);
  NARKE_ENTRY(context, event_elapsed_time);

  NARKE_ENTRY(context, emulate);
  NARKE_ENTRY(initialised, annotate);  // a block may be put back by any thread
  return result;
}

#undef NARKE_ENTRY

constexpr driver_table the_table = make_table();

std::size_t index_of_name(std::string_view entry) {
  const std::size_t index = find_entry_point(entry);
  if (index < entry_point_count) return index;
  throw std::invalid_argument(
      fmt::format("entry is '{}', which is no entry point of the driver table.", entry));
}

}  // namespace

emulated_driver::emulated_driver(emulated_options options) {
  if (is_taken.exchange(true, std::memory_order_acq_rel)) {
    throw std::logic_error(
        "A second emulated driver was made while one is alive; destroy the first one before.");
  }
  try {
    emulator_ = std::make_unique<emulator>(std::move(options));
  } catch (...) {
    is_taken.store(false, std::memory_order_release);
    throw;
  }
  alive.store(emulator_.get(), std::memory_order_release);
}

emulated_driver::~emulated_driver() {
  const emulated_leftovers left = emulator_->leftovers();
  if (left != emulated_leftovers{}) {
    log_info(fmt::format(
        "The emulated driver ends with {} contexts, {} streams, {} events, {} "
        "pools, {} blocks and {} registrations that were not given back.",
        left.contexts, left.streams, left.events, left.pools, left.blocks, left.registrations));
  }
  // Calls that drop closures make are still answered.
  emulator_->stop();
  alive.store(nullptr, std::memory_order_release);
  emulator_.reset();
  is_taken.store(false, std::memory_order_release);
}

const driver_table& emulated_driver::table() const {
  return the_table;
}

std::uint64_t emulated_driver::calls(std::string_view entry) const {
  return emulator_->calls(index_of_name(entry));
}
std::uint64_t emulated_driver::calls_total() const {
  return emulator_->calls_total();
}
void emulated_driver::reset_calls() {
  emulator_->reset_calls();
}
std::uint64_t emulated_driver::launches_blocked() const {
  return emulator_->launches_blocked();
}
std::uint64_t emulated_driver::hidden_waits() const {
  return emulator_->hidden_waits();
}
std::uint64_t emulated_driver::redundant_waits() const {
  return emulator_->redundant_waits();
}
std::vector<violation> emulated_driver::violations() const {
  return emulator_->violations();
}
std::size_t emulated_driver::violation_count() const {
  return emulator_->violation_count();
}
void emulated_driver::clear_violations() {
  emulator_->clear_violations();
}
emulated_leftovers emulated_driver::leftovers() const {
  return emulator_->leftovers();
}
void emulated_driver::check_leaks() {
  emulator_->check_leaks();
}
std::uint64_t emulated_driver::now_ns() const {
  return emulator_->now_ns();
}
void emulated_driver::wait_until_idle() {
  emulator_->wait_until_idle();
}
void emulated_driver::advance(std::uint64_t duration_ns) {
  emulator_->advance(duration_ns);
}
void emulated_driver::inject(const emulated_fault& fault) {
  emulator_->inject(fault);
}
void emulated_driver::lose_device(int ordinal, cu_result code) {
  emulator_->lose_device(ordinal, code);
}
void emulated_driver::set_foreign_bytes(int ordinal, std::uint64_t bytes) {
  emulator_->set_foreign_bytes(ordinal, bytes);
}

}  // namespace narke::internal
