// The cheapest clock there is: the CPU's time-stamp counter, for events on hot paths. Ticks of one
// machine can be compared between threads; `nanoseconds_per_tick` says how long one lasts. Any
// thread may call anything here.
#pragma once

#include <chrono>
#include <cstdint>

#if defined(__x86_64__) || defined(__i386__)
#include <x86intrin.h>
#endif

namespace narke::internal {

/// The time in ticks. Never 0, so that 0 can mean "no time was taken".
inline std::uint64_t ticks_now() noexcept {
#if defined(__x86_64__) || defined(__i386__)
  return __rdtsc() | 1U;
#elif defined(__aarch64__)
  std::uint64_t ticks;
  asm volatile("mrs %0, cntvct_el0" : "=r"(ticks));
  return ticks | 1U;
#else
  const auto now = std::chrono::steady_clock::now().time_since_epoch();
  return static_cast<std::uint64_t>(
             std::chrono::duration_cast<std::chrono::nanoseconds>(now).count()) |
         1U;
#endif
}

/// For limits that need not be kept within a factor of ten, where nobody can wait for the
/// calibration.
#if defined(__x86_64__) || defined(__i386__)
inline constexpr std::uint64_t ticks_per_microsecond_about = 3'000;
#elif defined(__aarch64__)
inline constexpr std::uint64_t ticks_per_microsecond_about = 100;
#else
inline constexpr std::uint64_t ticks_per_microsecond_about = 1'000;
#endif

/// Takes the first of the two readings that `nanoseconds_per_tick` compares. The longer before
/// that call, the less it waits and the better its answer. Later calls do nothing.
void start_tick_calibration() noexcept;

/// How long a tick is, by the steady clock. Waits until at least 5 ms lie between the readings.
double nanoseconds_per_tick() noexcept;

}  // namespace narke::internal
