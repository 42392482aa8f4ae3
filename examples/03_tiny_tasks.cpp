// Tutorial 3: give a task enough to do. In Ray a task costs about a millisecond, here well under a
// microsecond, but it is never free: calls that do next to nothing belong together in one task.
//
// advice: tasks-too-fine
#include <narke/narke.hpp>

#include <chrono>
#include <cstdint>
#include <iostream>
#include <numeric>
#include <vector>

std::uint64_t tiny_work(std::uint64_t x) { return x * x % 1'000'003; }

std::uint64_t chunk_of_work(std::uint64_t begin, std::uint64_t end) {
  std::uint64_t sum = 0;
  for (std::uint64_t x = begin; x < end; ++x) sum += tiny_work(x);
  return sum;
}

template <typename F>
std::uint64_t timed(const char* name, F work) {
  const auto start = std::chrono::steady_clock::now();
  const std::uint64_t sum = work();
  const std::chrono::duration<double, std::milli> took = std::chrono::steady_clock::now() - start;
  std::cout << name << took.count() << " ms\n";
  return sum;
}

template <typename Refs>
std::uint64_t sum_of(const Refs& refs) {
  const auto results = narke::get(refs);
  return std::accumulate(results.begin(), results.end(), std::uint64_t{0});
}

int main() {
  narke::session session;
  constexpr std::uint64_t calls = 100'000;
  constexpr std::uint64_t chunk = 1'000;
  std::vector<narke::object_ref<std::uint64_t>> tiny;
  std::vector<narke::object_ref<std::uint64_t>> chunked;

  const std::uint64_t one_by_one = timed("one task a call:        ", [&] {
    for (std::uint64_t x = 0; x < calls; ++x) tiny.push_back(narke::task(tiny_work).remote(x));
    return sum_of(tiny);
  });
  const std::uint64_t in_chunks = timed("one task a 1,000 calls: ", [&] {
    for (std::uint64_t x = 0; x < calls; x += chunk) {
      chunked.push_back(narke::task(chunk_of_work).remote(x, x + chunk));
    }
    return sum_of(chunked);
  });
  const std::uint64_t expected =
      timed("a plain loop:           ", [] { return chunk_of_work(0, calls); });
  return one_by_one == expected && in_chunks == expected ? 0 : 1;
}
