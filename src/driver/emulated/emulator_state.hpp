// What the handles of the emulated driver stand for. All of it is guarded by the emulator's mutex.
#pragma once

#include <cstddef>
#include <cstdint>
#include <deque>
#include <map>
#include <memory>
#include <set>
#include <string>
#include <vector>

#include "driver/driver_abi.hpp"
#include "driver/emulated/address_space.hpp"
#include "driver/emulated/block_registry.hpp"
#include "driver/emulated/emulated_options.hpp"
#include "driver/emulated/entry_point.hpp"
#include "driver/emulated/page_guard.hpp"
#include "driver/emulated/pool_ledger.hpp"
#include "driver/emulated/race_detector.hpp"
#include "driver/emulated/stream_knowledge.hpp"

namespace narke::internal::emulation {

struct context_state {
  cu_context handle = nullptr;
  int ordinal = 0;
  unsigned retained = 0;
  bool is_destroyed = false;
  cu_result sticky = cu_result::success;  ///< not success = the device is lost
};

/// Something that does one transfer at a time.
struct transfer_engine {
  std::uint64_t free_at_ns = 0;
};

struct device_state {
  device_state(emulated_gpu facts, bool guarded)
      : gpu(std::move(facts)), addresses(gpu.memory_bytes, guarded) {}

  emulated_gpu gpu;
  cu_uuid uuid = {};
  address_space addresses;
  std::shared_ptr<context_state> context;  ///< the primary one while it is retained
  cu_result lost = cu_result::success;     ///< another code = lost, for the life of the process
  std::uint64_t foreign_bytes = 0;
  transfer_engine to_device;
  transfer_engine to_host;
  std::map<int, transfer_engine> to_peer;  ///< by ordinal
};

struct pool_state {
  cu_mem_pool handle = nullptr;
  int ordinal = 0;
  bool is_destroyed = false;
  std::set<int> reached_from;  ///< other devices that may touch its memory
  std::size_t live_blocks = 0;
  pool_ledger ledger;
};

struct host_registration {
  std::uintptr_t begin = 0;
  std::size_t bytes = 0;
  unsigned flags = 0;
  std::shared_ptr<context_state> context;
  std::size_t in_use = 0;  ///< copies that have not ended
};

struct event_state {
  std::shared_ptr<context_state> context;
  unsigned flags = 0;
  std::shared_ptr<record_point> latest;  ///< null = never recorded
  race_event_id race_id = {};
};

enum class work_kind : std::uint8_t {
  closure,
  copy,
  fill,
  record,
  wait,
  allocate,
  release,
};

/// One element of a stream. `closure`, `copy` and `fill` take time and run without the lock; the
/// others happen at once when their turn comes.
struct operation {
  work_kind kind = work_kind::closure;
  entry_point entry = entry_point::emulate;
  std::uint64_t number = 0;    ///< of all operations
  std::uint64_t sequence = 0;  ///< in its stream
  std::string label;
  std::vector<accessed_bytes> accesses;
  bool is_cancelled = false;  ///< its device was lost, or the driver ends: it does not run

  emulated_work closure = {};
  void* to = nullptr;
  const void* from = nullptr;
  std::size_t bytes = 0;
  unsigned char value = 0;
  std::vector<std::byte> snapshot;  ///< of a small pageable source
  std::vector<std::shared_ptr<host_registration>> registrations;
  std::shared_ptr<record_point> point;
  std::shared_ptr<device_block> block;

  std::vector<caught_access> caught;  ///< while it ran under page protection

  std::vector<transfer_engine*> engines;
  std::uint64_t duration_ns = 0;
  std::uint64_t start_ns = 0;
  std::uint64_t end_ns = 0;
};

struct stream_state {
  cu_stream handle = nullptr;
  std::uint32_t number = 0;  ///< from 1, never given again
  std::shared_ptr<context_state> context;
  int priority = 0;
  bool is_destroyed = false;
  bool is_blocked = false;  ///< stands at a wait
  bool is_busy = false;     ///< its front operation was handed to whoever runs it
  std::uint64_t issued = 0;
  std::uint64_t completed = 0;
  std::uint64_t awaited = UINT64_MAX;  ///< the least sequence that a host thread waits for
  std::deque<std::unique_ptr<operation>> queue;
  stream_knowledge known;
  std::vector<accessed_bytes> annotated;  ///< open to the closures that follow, see annotate
  bool annotated_is_used = false;
  race_stream_id race_id = {};
};

}  // namespace narke::internal::emulation
