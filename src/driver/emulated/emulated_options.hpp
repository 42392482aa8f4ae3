// What an emulated driver is made of: its devices and the links between them, its clock, the model
// of what things cost, what it checks, and the faults it injects. Plain values, read once by the
// constructor of emulated_driver.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "driver/driver_abi.hpp"

namespace narke::internal {

struct emulated_gpu {
  std::string name = "emulated GPU";
  std::string uuid = {};        ///< "GPU-" and 16 bytes in hex; empty = made from the ordinal
  std::string pci_bus_id = {};  ///< "00000000:3B:00.0"; empty = made from the ordinal
  std::uint64_t memory_bytes = std::uint64_t{1} << 30;
  int compute_capability_major = 9;
  int compute_capability_minor = 0;
  int multiprocessors = 132;
  bool taken = false;  ///< another process holds it exclusively: opening answers 46
};

/// The way from one device to another.
struct emulated_link {
  bool can_access = false;
  bool native_atomics = false;
  int performance_rank = 0;
  std::uint64_t bytes_per_second = 0;  ///< 0 = the model's
};

enum class emulated_clock : std::uint8_t {
  free_running,  ///< nothing is modelled: work takes what it takes
  real_time,     ///< the model's times really pass
  /// A discrete-event simulation. Its clock moves when a host call waits for work, or asks for
  /// work that is not done: then work runs on the thread that called. What the host does between
  /// its calls takes no time. Requires that host threads do not wait for each other inside work.
  virtual_time,
};

/// Durations are modelled on the clocks real_time and virtual_time only; bytes always count.
struct emulated_model {
  std::uint64_t launch_latency_ns = 3'000;  ///< of every closure, before its own modelled time
  std::uint64_t copy_latency_ns = 2'000;
  std::uint64_t h2d_bytes_per_second = 25'000'000'000;
  std::uint64_t d2h_bytes_per_second = 25'000'000'000;
  std::uint64_t peer_bytes_per_second = 100'000'000'000;
  std::uint64_t device_copy_bytes_per_second = 1'000'000'000'000;
  std::uint64_t pageable_bytes_per_second = 6'000'000'000;
  std::uint64_t pin_bytes_per_second = 2'000'000'000;
  std::uint64_t context_bytes = std::uint64_t{400} << 20;
  std::uint64_t context_ns = 200'000'000;
};

/// One planned failure. The call does nothing but answer `code`; a code that CUDA calls sticky
/// takes the device of the caller's current context with it.
struct emulated_fault {
  std::string entry = {};   ///< "event_record"; empty = any entry point
  std::uint64_t nth = 0;    ///< the n-th call from here on, counted from 1; 0 = by `chance`
  double chance = 0;        ///< of each call, decided by the seed
  std::uint64_t times = 1;  ///< how often at most
  cu_result code = cu_result::unknown;
  /// The call succeeds and the n-th piece of device work (closure, copy, memset) fails instead,
  /// when its turn comes: `entry` does not matter, and `code` must be a sticky one.
  bool when_executed = false;
  /// A mutation of the caller: the call answers success and does nothing, as if it had not been
  /// made. Only for stream_wait_event (counted as redundant when it is), event_record and annotate.
  bool skip = false;
};

struct emulated_options {
  std::vector<emulated_gpu> gpus = {emulated_gpu{}};
  std::vector<std::vector<emulated_link>> links = {};  ///< [from][to]; empty = no peers
  emulated_clock clock = emulated_clock::free_running;
  emulated_model model = {};
  int driver_version = 13000;

  bool strict = true;         ///< record violations; without it there are CUDA's answers alone
  bool detect_races = false;  ///< vector clocks over declared accesses
  /// Device memory can be touched only by the operation that declared it, one operation at a time.
  bool protect_pages = false;
  std::uint64_t poison_bytes_max = 64 << 10;  ///< strict: of each block, filled with 0xCB

  std::uint64_t seed = 1;
  /// Legal reorderings by seed: which stream goes next, and how long its work takes.
  bool perturb = false;
  std::uint64_t perturb_delay_us_max = 200;  ///< free_running; virtual times are scaled instead
  std::vector<emulated_fault> faults = {};

  unsigned launch_queue_depth = 1000;  ///< of a stream: a further launch waits
  /// virtual_time: a query moves the clock only when nothing was enqueued for so long in real
  /// time, so that a thread that polls does not outrun one that enqueues.
  std::uint64_t query_patience_us = 0;
};

}  // namespace narke::internal
