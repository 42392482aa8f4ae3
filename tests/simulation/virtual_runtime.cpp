#include "simulation/virtual_runtime.hpp"

#include <utility>

#include <narke/narke.hpp>

#include "scheduler/placement_core.hpp"
#include "store/object_store.hpp"
#include "worker/lifecycle.hpp"
#include "worker/placement_lane.hpp"
#include "worker/worker_pool.hpp"

namespace narke_test {

using narke::internal::placement_lane;
using narke::internal::this_thread_state;
using narke::internal::thread_state;
using narke::internal::worker_pool;

namespace {

// What the runtime has made for a virtual thread is used again by a later one, as that of a real
// thread is.
std::vector<std::unique_ptr<thread_state>>& spare_states() {
  static std::vector<std::unique_ptr<thread_state>> all;
  return all;
}

}  // namespace

// The workers end as in shutdown, but the phase stays: no thread is made from here on.
virtual_runtime::virtual_runtime() {
  narke::init({.num_cpus = 1, .num_gpus = 0, .logging_level = "error", .advisor = false});
  worker_pool::instance().stop();
  worker_pool::instance().drop_all();
}

// A failed test may leave tasks that never finish: shutdown would wait for them.
virtual_runtime::~virtual_runtime() {
  const auto tasks = narke::internal::count_tasks();
  if (tasks.finished == tasks.submitted) {
    narke::shutdown();
  } else {
    narke::internal::current_phase = narke::internal::runtime_phase::stopped;
  }
}

virtual_runtime& virtual_runtime::instance() {
  static virtual_runtime one;
  return one;
}

void virtual_runtime::begin(const narke::internal::resource_totals& totals,
                            std::int64_t store_bytes) {
  placement_lane::instance().configure(totals);
  worker_pool::instance().idle().reset(totals.cpus);
  narke::internal::set_store_limit_bytes(store_bytes);
}

// Without a permit: one that was taken here would be kept while a body waits that was handed over
// by the placement lane, and has no permit to give back.
void virtual_runtime::run_queued() {
  worker_pool::instance().drop_late();
  // As a worker before it sleeps.
  if (placement_lane::instance().wants_permits()) {
    placement_lane::instance().poll();
  }
}

bool virtual_runtime::has_queued() const { return worker_pool::instance().has_work(); }

int virtual_runtime::idle_permits() const { return worker_pool::instance().idle().read().permits; }

virtual_threads::~virtual_threads() {
  for (const auto& each : threads_) {
    if (each->stack.has_ended() && each->state != nullptr) {
      spare_states().emplace_back(each->state);
    }
  }
}

void virtual_threads::add(std::function<void()> body) {
  threads_.push_back(std::make_unique<thread>(std::move(body)));
  thread& made = *threads_.back();
  if (spare_states().empty()) {
    made.state = new thread_state;
  } else {
    made.state = spare_states().back().release();
    spare_states().pop_back();
  }
  made.state->stack_end = made.stack.lowest_stack_byte();
}

void virtual_threads::resume(std::size_t index) {
  thread& chosen = *threads_[index];
  std::swap(this_thread_state, *chosen.state);
  chosen.stack.resume();
  std::swap(this_thread_state, *chosen.state);
}

}  // namespace narke_test
