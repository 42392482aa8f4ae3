#include "worker/suspended_watch.hpp"

#include <algorithm>
#include <atomic>
#include <exception>
#include <mutex>
#include <utility>

#include "base/log.hpp"
#include "base/needed_memory.hpp"
#include "base/timer_queue.hpp"
#include "worker/deadlock.hpp"
#include "worker/suspended_tasks.hpp"

namespace narke::internal {

namespace {

struct watch_state {
  std::atomic<bool> is_on{false};
  std::mutex mutex;
  timer_id next = 0;                            // guarded by mutex; 0: none
  std::chrono::milliseconds pause{0};           // the timer's thread alone
};
watch_state& watch() {
  static auto* state = new watch_state;
  return *state;
}

void on_look(void*) noexcept;

// Unless it was switched off meanwhile.
void look_after(std::chrono::milliseconds pause) noexcept {
  watch_state& state = watch();
  const std::lock_guard lock{state.mutex};
  if (state.is_on.load(std::memory_order_relaxed)) {
    state.next = timer_queue::instance().schedule(timer_queue::time_point::clock::now() + pause,
                                                  on_look, nullptr);
  }
}

// Off, unless a task was suspended before that was seen: it is listed before it looks whether this
// is on.
bool switch_off_if_idle() noexcept {
  watch_state& state = watch();
  state.is_on.store(false, std::memory_order_seq_cst);
  return suspended_tasks::count() == 0 || state.is_on.exchange(true, std::memory_order_seq_cst);
}

void on_look(void*) noexcept {
  const memory_needed needed;
  watch_state& state = watch();
  const suspended_look seen = look_at_suspended();
  if (!seen.is_any && switch_off_if_idle()) {
    return;
  }
  state.pause = seen.is_any_young || !seen.is_any
                    ? suspended_pause_min
                    : std::min(state.pause * 2, suspended_pause_max);
  look_after(state.pause);
}

}  // namespace

void watch_suspended() noexcept {
  watch_state& state = watch();
  if (state.is_on.load(std::memory_order_seq_cst) ||
      state.is_on.exchange(true, std::memory_order_seq_cst)) {
    return;
  }
  {
    const memory_refusable it_can_be_left_out;
    try {
      timer_queue::instance().start();
    } catch (const std::exception& failed) {
      log_warning(std::string{"deadlocks of coroutine tasks are not looked for: "} + failed.what());
    }
  }
  look_after(suspended_pause_min);
}

void unwatch_suspended() noexcept {
  watch_state& state = watch();
  timer_id next = 0;
  {
    const std::lock_guard lock{state.mutex};
    state.is_on.store(false, std::memory_order_seq_cst);
    next = std::exchange(state.next, 0);
  }
  if (next != 0) {
    timer_queue::instance().cancel(next);
  }
}

}  // namespace narke::internal
