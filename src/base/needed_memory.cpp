#include "base/needed_memory.hpp"

#include <atomic>
#include <new>
#include <thread>

#include "base/log.hpp"

namespace narke::internal {

constinit thread_local unsigned memory_needs = 0;

namespace {

using clock = std::chrono::steady_clock;
constexpr std::chrono::milliseconds pause_between_tries{1};
constexpr std::chrono::milliseconds gap_between_waits{100};  // longer: another allocation's wait

constinit std::atomic<std::new_handler> handler_of_program{nullptr};

struct memory_wait {
  clock::time_point began;
  clock::time_point last;
};
constinit thread_local memory_wait this_thread_wait{};

void pause_or_give_up() {
  memory_wait& wait = this_thread_wait;
  const auto now = clock::now();
  if (now - wait.last > gap_between_waits) {
    wait.began = now;
  }
  wait.last = now;
  if (now - wait.began > memory_wait_max) {
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

void wait_for_needed_memory() noexcept {
  static const bool is_set = [] {
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
