// What workloads of the CPU side share: how many threads a contender has, work of a known length,
// and narke's runtime, which stays for the life of the program.
#pragma once

#include <chrono>
#include <cstdint>
#include <string>

namespace bench {

/// What the process may use, as every contender is told: its affinity mask, at most 1,024.
[[nodiscard]] int thread_count();
/// "threads:2".
[[nodiscard]] std::string threads_text();

/// `rounds` steps of a generator that no compiler shortens; depends on all of them.
[[nodiscard]] std::uint64_t spin(std::uint64_t rounds, std::uint64_t seed);
/// How many rounds take about so long on one thread, measured once a process.
[[nodiscard]] std::uint64_t rounds_for(std::chrono::nanoseconds time);

/// Starts narke with thread_count() CPUs, the first time; it is shut down when the process ends.
void ensure_narke();

}  // namespace bench
