// A short pause of a thread that looks again and again: some 0.2 us in which it leaves the core to
// its other thread.
#pragma once

#if defined(__x86_64__) || defined(__i386__)
#include <x86intrin.h>
#else
#include <thread>
#endif

namespace narke::internal {

inline void pause_briefly() noexcept {
#if defined(__x86_64__) || defined(__i386__)
  for (int i = 0; i != 16; ++i) {
    _mm_pause();
  }
#else
  std::this_thread::yield();
#endif
}

}  // namespace narke::internal
