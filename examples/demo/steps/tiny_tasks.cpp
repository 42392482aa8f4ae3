#include <algorithm>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <thread>
#include <vector>

#include <fmt/format.h>
#include <narke/narke.hpp>

#include "../progress_bar.hpp"
#include "steps.hpp"

namespace demo {
namespace {

/// The call itself: a chain of dependent operations that no compiler and no vector unit can
/// shorten, or a sleep.
struct tiny_call {
  std::size_t rounds = 1;
  std::chrono::microseconds sleep{0};

  std::uint64_t operator()(std::size_t x) const {
    if (sleep.count() > 0) std::this_thread::sleep_for(sleep);
    std::uint64_t state = x + 0x9E3779B97F4A7C15U;
    for (std::size_t round = 0; round < rounds; ++round) {
      state ^= state << 13;
      state ^= state >> 7;
      state ^= state << 17;
    }
    return state;
  }
};

/// How many rounds take `duration` on this machine: the quickest of several measurements, since
/// interruptions only ever make one longer.
std::size_t calibrate(std::chrono::microseconds duration) {
  constexpr std::size_t probe_rounds = 200'000;
  double quickest = 1;
  std::uint64_t kept = 0;
  for (int attempt = 0; attempt < 10; ++attempt) {
    quickest = std::min(quickest,
                        seconds_of([&] { kept += tiny_call{probe_rounds}(std::size_t(attempt)); }));
  }
  const double wanted = std::chrono::duration<double>{duration}.count();
  return kept == 0
             ? 1
             : std::max<std::size_t>(1, std::size_t(wanted / (quickest / double(probe_rounds))));
}

std::vector<std::uint64_t> run_serially(const tiny_call& call, std::size_t count) {
  progress_bar progress{"serial loop", count};
  std::vector<std::uint64_t> results;
  results.reserve(count);
  for (std::size_t i = 0; i < count; ++i, progress.advance()) results.push_back(call(i));
  return results;
}

std::vector<std::uint64_t> run_one_by_one(const tiny_call& call, std::size_t count) {
  progress_bar progress{"one task a call", 2 * count};
  auto tiny = narke::task(call, {.name = "tiny"});
  std::vector<narke::object_ref<std::uint64_t>> refs;
  refs.reserve(count);
  for (std::size_t i = 0; i < count; ++i, progress.advance()) refs.push_back(tiny.remote(i));
  std::vector<std::uint64_t> results;
  results.reserve(count);
  for (auto& ref : refs) {
    results.push_back(narke::get(std::move(ref)));
    progress.advance();
  }
  return results;
}

std::vector<std::uint64_t> run_in_chunks(const tiny_call& call, std::size_t count,
                                         std::size_t chunk) {
  progress_bar progress{"one task a chunk", count};
  auto run_chunk = narke::task(
      [call](std::size_t begin, std::size_t end) {
        std::vector<std::uint64_t> results;
        results.reserve(end - begin);
        for (std::size_t i = begin; i < end; ++i) results.push_back(call(i));
        return results;
      },
      {.name = "tiny chunk"});
  std::vector<narke::object_ref<std::vector<std::uint64_t>>> refs;
  for (std::size_t begin = 0; begin < count; begin += chunk) {
    refs.push_back(run_chunk.remote(begin, std::min(begin + chunk, count)));
  }
  std::vector<std::uint64_t> results;
  results.reserve(count);
  for (const auto& ref : refs) {
    const std::vector<std::uint64_t>& part = narke::get(ref);
    results.insert(results.end(), part.begin(), part.end());
    progress.advance(part.size());
  }
  return results;
}

std::size_t count_differences(const std::vector<std::uint64_t>& left,
                              const std::vector<std::uint64_t>& right) {
  std::size_t different = std::max(left.size(), right.size()) - std::min(left.size(), right.size());
  for (std::size_t i = 0; i < std::min(left.size(), right.size()); ++i)
    different += left[i] != right[i];
  return different;
}

}  // namespace

step_figures make_tasks_larger(const workload& work) {
  const std::size_t count = work.tiny_tasks;
  const auto duration = work.tiny_task.count();
  const tiny_call call =
      work.tiny_tasks_sleep ? tiny_call{1, work.tiny_task} : tiny_call{calibrate(work.tiny_task)};
  step_figures step;
  step.name = "tiny tasks";
  step.what =
      work.tiny_tasks_sleep
          ? fmt::format(
                "{} calls that sleep for {} us, as far as the kernel can (about 50 us more)", count,
                duration)
          : fmt::format("{} calls that compute for {} us ({} rounds)", count, duration,
                        call.rounds);
  step.teaches =
      "a task has a price of its own; give it enough to do, here a chunk of calls, and the price "
      "vanishes";

  std::vector<std::uint64_t> expected;
  std::vector<std::uint64_t> results;
  step.serial_seconds = seconds_of([&] { expected = run_serially(call, count); });

  step.first = {"one task a call", seconds_of([&] { results = run_one_by_one(call, count); })};
  step.checked += count;
  step.wrong += count_differences(results, expected);

  step.second = {fmt::format("one task a {} calls", work.tiny_tasks_per_chunk), seconds_of([&] {
                   results = run_in_chunks(call, count, work.tiny_tasks_per_chunk);
                 })};
  step.checked += count;
  step.wrong += count_differences(results, expected);
  return step;
}

}  // namespace demo
