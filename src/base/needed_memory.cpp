#include "base/needed_memory.hpp"

#include <array>
#include <cstdlib>
#include <mutex>
#include <new>
#include <thread>
#include <utility>

#include "base/log.hpp"

namespace narke::internal {

constinit thread_local unsigned memory_needs = 0;
constinit std::atomic<bool> memory_reserve_is_out{true};

namespace {

using clock = std::chrono::steady_clock;
constexpr std::chrono::milliseconds pause_between_tries{1};
constexpr std::chrono::milliseconds gap_between_waits{100};  // longer: another allocation's wait

constinit std::atomic<std::new_handler> handler_of_program{nullptr};

// In parts so small that the C library takes them from, and gives them back to, its heap.
constexpr std::size_t reserve_parts = 8;
struct memory_reserve {
  std::mutex mutex;
  std::array<void*, reserve_parts> parts = {};  // guarded by mutex
};
constinit memory_reserve reserve;

// Whether there was one.
bool give_reserve_back() noexcept {
  if (memory_reserve_is_out.exchange(true, std::memory_order_acq_rel)) {
    return false;
  }
  const std::lock_guard lock{reserve.mutex};
  for (void*& part : reserve.parts) {
    std::free(std::exchange(part, nullptr));
  }
  return true;
}

struct memory_wait {
  clock::time_point began;
  clock::time_point last;
};
constinit thread_local memory_wait this_thread_wait{};

void pause_or_give_up() {
  if (give_reserve_back()) {
    return;
  }
  memory_wait& wait = this_thread_wait;
  const auto now = clock::now();
  if (now - wait.last > gap_between_waits) {
    wait.began = now;
  }
  wait.last = now;
  if (now - wait.began > memory_wait_max) {
    const memory_refusable message;  // else it would wait here, for itself
    log_error("no memory for 10 s, for a step that cannot be undone: the process ends");
    throw std::bad_alloc{};
  }
  std::this_thread::sleep_for(pause_between_tries);
}

void on_no_memory() {
  const std::new_handler program = handler_of_program.load(std::memory_order_acquire);
  if (memory_needs == 0) {
    if (program == nullptr) {
      throw std::bad_alloc{};
    }
    program();
    return;
  }
  if (program != nullptr) {
    try {
      program();
    } catch (const std::bad_alloc&) {
      // It has none to give.
    }
  }
  pause_or_give_up();
}

}  // namespace

void put_memory_reserve_back() noexcept {
  const std::lock_guard lock{reserve.mutex};
  for (void*& part : reserve.parts) {
    if (part == nullptr && (part = std::malloc(memory_reserve_bytes / reserve_parts)) == nullptr) {
      return;  // another time
    }
  }
  memory_reserve_is_out.store(false, std::memory_order_release);
}

void wait_for_needed_memory() noexcept {
  static const bool is_set = [] {
    put_memory_reserve_back();
    const std::new_handler before = std::get_new_handler();
    if (before != on_no_memory) {
      handler_of_program.store(before, std::memory_order_release);
      std::set_new_handler(on_no_memory);
    }
    return true;
  }();
  static_cast<void>(is_set);
}

}  // namespace narke::internal
