// The emulated driver behind its entry points: devices, contexts, streams, memory and time under
// one mutex, and the threads that run what streams hold. Owned by emulated_driver.
//
// How an operation goes from a call to its end:
//   1. The entry point checks it, numbers it, tells the race detector, appends it to its stream.
//   2. `pump` does what stands at the front of a stream as long as it takes no time; a wait for an
//      incomplete point leaves the stream blocked, on that point's list.
//   3. Work that takes time (closures, copies, fills) makes its stream busy, is given its begin and
//      end by the model, and goes to the threads or, in virtual time, on the agenda.
//   4. Whoever takes it runs it without the mutex, then completes it: the stream goes on at 2, and
//      so do the streams that were blocked on it.
// A thread holds one stream while it runs its work, and there is always a thread for a stream that
// is ready, so that no stream waits for the closure of another.
#pragma once

#include <array>
#include <chrono>
#include <condition_variable>
#include <cstddef>
#include <cstdint>
#include <deque>
#include <map>
#include <memory>
#include <mutex>
#include <optional>
#include <random>
#include <set>
#include <string>
#include <string_view>
#include <thread>
#include <tuple>
#include <vector>

#include "driver/driver_table.hpp"
#include "driver/emulated/block_registry.hpp"
#include "driver/emulated/emulated_driver.hpp"
#include "driver/emulated/emulator_state.hpp"
#include "driver/emulated/handle_table.hpp"
#include "driver/emulated/page_guard.hpp"
#include "driver/emulated/race_detector.hpp"

namespace narke::internal {

/// What an entry point needs before it may do anything.
enum class call_needs : std::uint8_t { nothing, initialised, context };

class emulator {
 public:
  /// One call of an entry point, which holds the mutex but while it waits.
  struct call {
    std::unique_lock<std::mutex>& lock;
    entry_point entry;
    std::shared_ptr<emulation::context_state> context;  ///< the current one
    bool is_skipped = false;                            ///< by a planned mutation
  };

  explicit emulator(emulated_options options);
  /// Requires: stop() was called, or no thread was started.
  ~emulator() = default;
  emulator(const emulator&) = delete;
  emulator& operator=(const emulator&) = delete;

  /// Waits for the work that is running and drops the rest. Later calls fail.
  void stop();

  /// Counts, injects faults, looks for a context, and calls `body(call&)` under the mutex.
  template <class Body>
  cu_result serve(entry_point entry, call_needs needs, const Body& body) {
    std::unique_lock lock(mutex_);
    call current{lock, entry, nullptr};
    cu_result code = begin_call(current, needs);
    const bool is_done = current.is_skipped && entry != entry_point::stream_wait_event;
    if (code == cu_result::success && !is_done) code = body(current);
    end_call();
    return code;
  }

  // Entry points, in the order of the table.
  cu_result init(call&, unsigned flags);
  cu_result driver_get_version(call&, int* version);
  cu_result get_error_name(call&, cu_result code, const char** text);
  cu_result get_error_string(call&, cu_result code, const char** text);
  cu_result device_get_count(call&, int* count);
  cu_result device_get(call&, cu_device* device, int ordinal);
  cu_result device_get_name(call&, char* name, int length, cu_device device);
  cu_result device_get_attribute(call&, int* value, cu_device_attribute attribute,
                                 cu_device device);
  cu_result device_get_uuid(call&, cu_uuid* uuid, cu_device device);
  cu_result device_total_mem(call&, std::size_t* bytes, cu_device device);
  cu_result device_get_pci_bus_id(call&, char* text, int length, cu_device device);
  cu_result device_can_access_peer(call&, int* can_access, cu_device device, cu_device peer);
  cu_result device_get_p2p_attribute(call&, int* value, cu_p2p_attribute attribute, cu_device from,
                                     cu_device to);

  cu_result device_primary_ctx_retain(call&, cu_context* context, cu_device device);
  cu_result device_primary_ctx_release(call&, cu_device device);
  cu_result device_primary_ctx_get_state(call&, cu_device device, unsigned* flags, int* active);
  cu_result ctx_set_current(call&, cu_context context);
  cu_result ctx_get_current(call&, cu_context* context);
  cu_result ctx_get_stream_priority_range(call&, int* least, int* greatest);
  cu_result mem_get_info(call&, std::size_t* free_bytes, std::size_t* total_bytes);

  cu_result mem_pool_create(call&, cu_mem_pool* pool, const cu_mem_pool_props* props);
  cu_result mem_pool_destroy(call&, cu_mem_pool pool);
  cu_result mem_pool_set_attribute(call&, cu_mem_pool pool, cu_mem_pool_attribute attribute,
                                   void* value);
  cu_result mem_pool_get_attribute(call&, cu_mem_pool pool, cu_mem_pool_attribute attribute,
                                   void* value);
  cu_result mem_pool_set_access(call&, cu_mem_pool pool, const cu_mem_access_desc* accesses,
                                std::size_t count);
  cu_result mem_pool_trim_to(call&, cu_mem_pool pool, std::size_t bytes_to_keep);
  cu_result mem_alloc_from_pool_async(call&, cu_device_ptr* pointer, std::size_t bytes,
                                      cu_mem_pool pool, cu_stream stream);
  cu_result mem_free_async(call&, cu_device_ptr pointer, cu_stream stream);
  cu_result mem_host_register(call&, void* begin, std::size_t bytes, unsigned flags);
  cu_result mem_host_unregister(call&, void* begin);
  cu_result pointer_get_attributes(call&, unsigned count, cu_pointer_attribute* attributes,
                                   void** values, cu_device_ptr pointer);

  cu_result memcpy_htod_async(call&, cu_device_ptr to, const void* from, std::size_t bytes,
                              cu_stream stream);
  cu_result memcpy_dtoh_async(call&, void* to, cu_device_ptr from, std::size_t bytes,
                              cu_stream stream);
  cu_result memcpy_dtod_async(call&, cu_device_ptr to, cu_device_ptr from, std::size_t bytes,
                              cu_stream stream);
  cu_result memcpy_peer_async(call&, cu_device_ptr to, cu_context to_context, cu_device_ptr from,
                              cu_context from_context, std::size_t bytes, cu_stream stream);
  cu_result memset_d8_async(call&, cu_device_ptr to, unsigned char value, std::size_t bytes,
                            cu_stream stream);

  cu_result stream_create_with_priority(call&, cu_stream* stream, unsigned flags, int priority);
  cu_result stream_destroy(call&, cu_stream stream);
  cu_result stream_query(call&, cu_stream stream);
  cu_result stream_synchronize(call&, cu_stream stream);
  cu_result stream_wait_event(call&, cu_stream stream, cu_event event, unsigned flags);
  cu_result stream_is_capturing(call&, cu_stream stream, cu_stream_capture_status* status);
  cu_result event_create(call&, cu_event* event, unsigned flags);
  cu_result event_destroy(call&, cu_event event);
  cu_result event_record(call&, cu_event event, cu_stream stream);
  cu_result event_query(call&, cu_event event);
  cu_result event_synchronize(call&, cu_event event);
  cu_result event_elapsed_time(call&, float* milliseconds, cu_event start, cu_event end);

  cu_result emulate(call&, cu_stream stream, const emulated_work& work);
  cu_result annotate(call&, annotation kind, cu_device_ptr begin, std::size_t bytes,
                     cu_stream stream, const char* label);

  // What emulated_driver tells of it.
  [[nodiscard]] std::uint64_t calls(std::size_t entry);
  [[nodiscard]] std::uint64_t calls_total();
  void reset_calls();
  [[nodiscard]] std::uint64_t launches_blocked();
  [[nodiscard]] std::uint64_t hidden_waits();
  [[nodiscard]] std::uint64_t redundant_waits();
  [[nodiscard]] std::vector<violation> violations();
  [[nodiscard]] std::size_t violation_count();
  void clear_violations();
  [[nodiscard]] emulated_leftovers leftovers();
  void check_leaks();
  [[nodiscard]] std::uint64_t now_ns();
  void wait_until_idle();
  void advance(std::uint64_t duration_ns);
  void inject(const emulated_fault& fault);
  void lose_device(int ordinal, cu_result code);
  void set_foreign_bytes(int ordinal, std::uint64_t bytes);

 private:
  using context_state = emulation::context_state;
  using device_state = emulation::device_state;
  using device_block = emulation::device_block;
  using event_state = emulation::event_state;
  using host_registration = emulation::host_registration;
  using operation = emulation::operation;
  using pool_state = emulation::pool_state;
  using record_point = emulation::record_point;
  using stream_state = emulation::stream_state;
  using lock_type = std::unique_lock<std::mutex>;
  using stream_ptr = std::shared_ptr<stream_state>;
  using event_ptr = std::shared_ptr<event_state>;

  /// A closure that will not run any more, or has run: its `drop` is called without the mutex.
  struct dropped_closure {
    void (*drop)(void* context);
    void* context;
  };

  /// Work in virtual time, ordered by its end; then by priority; then by chance.
  struct agenda_entry {
    std::uint64_t end_ns;
    int priority;
    std::uint64_t tie;
    std::uint64_t number;
    stream_ptr stream;
    [[nodiscard]] auto key() const { return std::tie(end_ns, priority, tie, number); }
    bool operator<(const agenda_entry& other) const { return key() < other.key(); }
  };

  struct byte_range {
    cu_device_ptr begin;
    std::size_t bytes;
  };

  struct planned_fault {
    emulated_fault fault;
    std::uint64_t seen = 0;
  };

  // emulator.cpp: calls, faults, handles, violations.
  cu_result begin_call(call& current, call_needs needs);
  cu_result take_current_context(call& current);
  void end_call();
  [[nodiscard]] cu_result fault_of_call(call& current);
  void report(violation_kind kind, const char* entry, std::string message);
  void report(violation_kind kind, const call& current, std::string message);
  void collect_races(const char* entry);
  void report_caught(const std::vector<emulation::caught_access>& caught, const operation* by);
  void collect_host_accesses();
  [[nodiscard]] device_state* find_device(cu_device device);
  [[nodiscard]] cu_result find_stream(const call& current, cu_stream handle, stream_ptr& stream);
  [[nodiscard]] cu_result find_event(const call& current, cu_event handle, event_ptr& event);
  [[nodiscard]] double chance();

  // emulator_run.cpp: streams, threads, time.
  [[nodiscard]] std::unique_ptr<operation> new_operation(const call& current,
                                                         emulation::work_kind kind);
  cu_result wait_for_room(call& current, const stream_ptr& stream);
  void enqueue(const stream_ptr& stream, std::unique_ptr<operation> work);
  void pump(const stream_ptr& stream);
  void pump_one(const stream_ptr& stream);
  void start_work(const stream_ptr& stream);
  void complete_front(const stream_ptr& stream);
  void complete_point(record_point& point);
  void complete_allocation(const operation& work);
  void complete_release(const operation& work);
  void drop_queue(stream_state& stream);
  [[nodiscard]] std::vector<stream_ptr> all_streams();
  void lose(context_state& context, cu_result code);
  void start_thread_if_needed();
  void run_thread();
  void drop_closures(lock_type& lock);
  stream_ptr next_ready();
  void run_front(lock_type& lock, const stream_ptr& stream);
  [[nodiscard]] bool run_body(operation& work);
  [[nodiscard]] bool run_closure(operation& work);
  [[nodiscard]] std::optional<cu_result> fault_of_work();
  void sleep_until(lock_type& lock, std::uint64_t time_ns);
  [[nodiscard]] std::uint64_t modelled(std::uint64_t duration_ns);
  [[nodiscard]] std::uint64_t clock_ns() const;
  void spend(lock_type& lock, std::uint64_t duration_ns);
  bool advance_one(lock_type& lock, std::uint64_t until_ns);
  void advance_for_query(lock_type& lock);
  template <class Predicate>
  void wait_for(lock_type& lock, const Predicate& is_done);

  // emulator_memory.cpp, emulator_copies.cpp.
  [[nodiscard]] std::uint64_t free_bytes(int ordinal);
  [[nodiscard]] cu_result find_pool(const call& current, cu_mem_pool handle,
                                    std::shared_ptr<pool_state>& pool);
  void release_surplus(int ordinal);
  [[nodiscard]] cu_result take_block(call& current, const stream_ptr& stream,
                                     const std::shared_ptr<pool_state>& pool, std::size_t bytes,
                                     std::shared_ptr<device_block>& block);
  void enqueue_hidden_wait(const call& current, const stream_ptr& stream,
                           std::shared_ptr<record_point> point);
  [[nodiscard]] std::shared_ptr<host_registration> find_registration(const void* begin,
                                                                     std::size_t bytes);
  [[nodiscard]] bool check_access(const call& current, const stream_state& stream,
                                  const accessed_bytes& access, std::string_view label,
                                  bool by_copy_engine = false);
  [[nodiscard]] bool is_pageable(const call& current, const stream_state& stream, const void* host,
                                 std::size_t bytes, operation& work);
  void issue_accesses(const stream_ptr& stream, operation& work);
  cu_result enqueue_copy(call& current, const stream_ptr& stream, std::unique_ptr<operation> work,
                         bool is_blocking);
  [[nodiscard]] std::unique_ptr<operation> new_copy(const call& current, void* to, const void* from,
                                                    std::size_t bytes);
  cu_result copy_between(call& current, const stream_ptr& stream, cu_device_ptr to,
                         cu_device_ptr from, std::size_t bytes, bool is_peer_copy);
  cu_result annotate_lifetime(call& current, annotation kind, byte_range range,
                              const stream_ptr& stream, const std::string& label);
  cu_result annotate_host_access(call& current, annotation kind, byte_range range,
                                 const std::string& label);
  cu_result annotate_access(call& current, annotation kind, byte_range range,
                            const stream_ptr& stream, const std::string& label);
  void plan_transfer(operation& work, int from, int to, bool can_access);

  // emulator_streams.cpp.
  void host_observed(const record_point& point);
  /// Returns early when the context is lost.
  void wait_for_stream(lock_type& lock, stream_state& stream, std::uint64_t sequence);

  const emulated_options options_;
  const std::uint64_t generation_;  // tells the current contexts of threads from those of another
  const std::chrono::steady_clock::time_point started_;

  std::mutex mutex_;
  // Everything below is guarded by mutex_.
  bool is_initialised_ = false;
  bool is_stopping_ = false;
  std::vector<std::unique_ptr<device_state>> devices_;
  emulation::handle_table<cu_context, context_state> contexts_{1};
  emulation::handle_table<cu_stream, stream_state> streams_{2};
  emulation::handle_table<cu_event, event_state> events_{3};
  emulation::handle_table<cu_mem_pool, pool_state> pools_{4};
  std::vector<std::shared_ptr<pool_state>> dying_pools_;  // destroyed with memory in use
  emulation::block_registry blocks_;
  std::map<std::uintptr_t, std::shared_ptr<host_registration>> registrations_;  // by begin
  std::uint32_t next_stream_number_ = 1;
  std::uint64_t next_operation_ = 1;

  std::size_t pending_ = 0;          // operations that have not ended
  std::vector<stream_ptr> orphans_;  // destroyed streams with work in them
  std::vector<stream_ptr> to_pump_;
  bool is_pumping_ = false;
  std::vector<dropped_closure> to_drop_;
  std::size_t drops_running_ = 0;
  std::deque<stream_ptr> ready_;
  std::vector<std::thread> threads_;
  std::size_t threads_idle_ = 0;
  std::size_t hands_free_ = 0;    // threads that will look for work before they let the mutex go
  std::condition_variable work_;  // ready_ or is_stopping_ changed
  std::condition_variable progress_;  // something was completed
  std::condition_variable never_;     // for sleeping; notified when stopping
  std::mutex body_mutex_;  // with page protection: held while work runs; inside mutex_ only tried

  std::uint64_t virtual_now_ns_ = 0;
  bool is_advancing_ = false;  // some thread runs work in virtual time
  std::set<agenda_entry> agenda_;
  std::chrono::steady_clock::time_point last_enqueued_{};

  std::mt19937_64 random_;
  std::vector<planned_fault> faults_;
  std::array<std::uint64_t, entry_point_count> calls_ = {};
  std::uint64_t launches_blocked_ = 0;
  std::uint64_t hidden_waits_ = 0;
  std::uint64_t redundant_waits_ = 0;
  std::vector<violation> violations_;
  std::size_t violation_count_ = 0;
  std::unique_ptr<race_detector> races_;          // null = not asked for
  std::unique_ptr<emulation::page_guard> guard_;  // null = not asked for
};

/// In virtual time the thread that waits runs the work itself; else it waits for the others.
template <class Predicate>
void emulator::wait_for(lock_type& lock, const Predicate& is_done) {
  while (!is_done()) {
    if (options_.clock == emulated_clock::virtual_time && advance_one(lock, UINT64_MAX)) continue;
    progress_.wait(lock);
  }
}

}  // namespace narke::internal
