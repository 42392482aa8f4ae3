#include <linux/futex.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <atomic>
#include <cstdlib>
#include <thread>
#include <vector>

#include "machine/workload.hpp"

namespace bench::machine {
namespace {

workload step(const char* variant, const char* item, std::size_t times,
              std::function<void(run&)> body) {
  return {.name = "machine",
          .variant = variant,
          .item = item,
          .items = times,
          .contenders = {{"machine", std::move(body)}}};
}

/// Two threads that take turns on a number: this one makes it odd, the other one even.
/// `wait_while(value)` returns once the number may be another one; `tell()` follows each change.
template <class Wait, class Tell>
void take_turns(run& measured, std::size_t times, std::atomic<int>& turn, Wait wait_while,
                Tell tell) {
  std::thread other{[&] {
    for (std::size_t i = 0; i != times; ++i) {
      while (turn.load() % 2 == 0) wait_while(int(2 * i));
      turn.fetch_add(1);
      tell();
    }
  }};
  measured.start();
  for (std::size_t i = 0; i != times; ++i) {
    turn.fetch_add(1);
    tell();
    while (turn.load() % 2 == 1) wait_while(int(2 * i + 1));
  }
  measured.stop();
  other.join();
  expect_equal(turn.load(), int(2 * times), "the number of turns");
}

void futex(std::atomic<int>& place, int operation, int value) {
  static_assert(sizeof place == sizeof(int));
  syscall(SYS_futex, reinterpret_cast<int*>(&place), operation, value, nullptr, nullptr, 0);
}

}  // namespace

workload atomic_add(const parameters& asked) {
  return step("atomic_add", "atomic addition", asked.times, [asked](run& measured) {
    std::atomic<std::size_t> sum = 0;
    measured.start();
    for (std::size_t i = 0; i != asked.times; ++i) sum.fetch_add(1, std::memory_order_relaxed);
    measured.stop();
    expect_equal(sum.load(), asked.times, "the sum");
  });
}

workload line_round_trip(const parameters& asked) {
  return step("line_round_trip", "round trip of a cache line", asked.times, [asked](run& measured) {
    alignas(64) std::atomic<int> turn = 0;
    take_turns(
        measured, asked.times, turn, [](int) {}, [] {});
  });
}

workload wake_round_trip(const parameters& asked) {
  return step("wake_round_trip", "two wake-ups", asked.times, [asked](run& measured) {
    std::atomic<int> turn = 0;
    take_turns(
        measured, asked.times, turn, [&turn](int value) { futex(turn, FUTEX_WAIT_PRIVATE, value); },
        [&turn] { futex(turn, FUTEX_WAKE_PRIVATE, 1); });
  });
}

workload allocation(const parameters& asked) {
  return step("allocation", "allocation and its end", asked.times, [asked](run& measured) {
    constexpr std::size_t bytes = 256;
    std::vector<void*> held(1024);
    std::size_t failed = 0;
    measured.start();
    for (std::size_t i = 0; i != asked.times; ++i) {
      void*& place = held[i % held.size()];
      std::free(place);
      place = std::malloc(bytes);
      failed += place == nullptr ? 1 : 0;
    }
    measured.stop();
    for (void* each : held) std::free(each);
    expect_equal<std::size_t>(failed, 0, "the number of failed allocations");
  });
}

workload clock_reading(const parameters& asked) {
  return step("clock_reading", "reading of the clock", asked.times, [asked](run& measured) {
    using clock = std::chrono::steady_clock;
    const clock::time_point first = clock::now();
    clock::time_point last = first;
    measured.start();
    for (std::size_t i = 0; i != asked.times; ++i) last = clock::now();
    measured.stop();
    expect(last >= first, "the clock went back");
  });
}

}  // namespace bench::machine
