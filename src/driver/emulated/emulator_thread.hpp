// What the emulated driver keeps for each thread of the process: plain values of that thread.
#pragma once

#include <cstdint>

#include "driver/driver_abi.hpp"

namespace narke::internal::emulation {

struct thread_facts {
  std::uint64_t generation = 0;  ///< of the emulator that `context` belongs to
  cu_context context = nullptr;  ///< the current one
  bool runs_work = false;        ///< inside a closure of a stream
};

[[nodiscard]] thread_facts& this_thread();

}  // namespace narke::internal::emulation
