// Histories that the seeds have found, written out.
#include <gtest/gtest.h>

#include <vector>

#include <narke/narke.hpp>

#include <support/watchdog.hpp>

#include "scheduler/placement_core.hpp"
#include "simulation/virtual_runtime.hpp"
#include "worker/execute.hpp"
#include "worker/lent_cpus.hpp"
#include "worker/placement_lane.hpp"

namespace narke_test {
namespace {

using narke::detail::ref_access;

// As get: in place, else asleep.
void wait_for(const narke::object_ref<void>& ref) {
  narke::detail::result_slot& slot = *ref_access::slot(ref);
  if (slot.is_ready() || narke::internal::try_run_in_place(slot)) return;
  const narke::internal::blocked_section blocked;
  while (!slot.is_ready()) virtual_threads::yield();
}

// Half a CPU waits for a task that it runs in place, on a permit; that one waits for a task that
// stands behind one of all CPUs. The half that waits is none of the CPUs in use.
TEST(found, a_task_of_half_a_cpu_gives_it_back_while_it_runs_another_in_place) {
  virtual_runtime& runtime = virtual_runtime::instance();
  runtime.begin({.cpus = 2}, 0);
  bool is_submitted = false;
  narke::object_ref<void> all_cpus;
  auto half = narke::task([&] {
    auto in_place = narke::task([&] {
      while (!is_submitted) virtual_threads::yield();
      wait_for(narke::task([] {}, {.num_cpus = 0.5}).remote());
    }).remote();
    ASSERT_EQ(runtime.idle_permits(), 1);
    wait_for(in_place);
  }, {.num_cpus = 0.5}).remote();
  virtual_threads threads;
  bool is_over = false;
  for (int i = 0; i != 2; ++i) {
    threads.add([&] {
      while (!is_over) {
        runtime.run_queued();
        virtual_threads::yield();
      }
    });
  }
  threads.resume(0);
  threads.resume(0);
  all_cpus = narke::task([] {}, {.num_cpus = 2}).remote();
  is_submitted = true;
  for (int i = 0; i != 40; ++i) threads.resume(static_cast<std::size_t>(i % 2));
  EXPECT_TRUE(ref_access::slot(half)->is_ready());
  EXPECT_TRUE(ref_access::slot(all_cpus)->is_ready());
  is_over = true;
  for (int i = 0; i != 2; ++i) threads.resume(static_cast<std::size_t>(i));
}

// A group that waits for a GPU which is lost, and whose handles may be gone: who waits in it fails.
TEST(found, who_waits_in_a_group_that_waits_for_a_lost_gpu_is_told) {
  virtual_runtime& runtime = virtual_runtime::instance();
  runtime.begin({.cpus = 2, .gpus = {{.id = 0, .memory_bytes = 1}}}, 0);
  for (const bool is_released : {false, true}) {
    runtime.begin({.cpus = 2, .gpus = {{.id = 0, .memory_bytes = 1}}}, 0);
    auto holder = narke::placement_group{{{.num_gpus = 1}}};
    auto group = narke::placement_group{{{.num_gpus = 1}, {.num_cpus = 1}}};
    auto ready = group.ready();
    auto waits = narke::task([] {}, {.scheduling = narke::scheduling::bundle(group, 1)}).remote();
    if (is_released) group = {};
    narke::internal::placement_lane::instance().device_lost(0);
    ASSERT_TRUE(ref_access::slot(waits)->is_ready());
    EXPECT_THROW(narke::get(waits), narke::error);
    EXPECT_THROW(narke::get(ready), narke::device_lost_error);
    if (!is_released) {
      EXPECT_THROW(
          narke::task([] {}, {.scheduling = narke::scheduling::bundle(group, 1)}).remote(),
          narke::infeasible_request);
    }
    group = {};
    holder = {};
    EXPECT_EQ(narke::internal::placement_lane::instance().usage().running, 0U);
  }
}

// Nobody would ever tell who waits for it.
TEST(found, a_group_that_is_released_before_it_is_reserved_says_so) {
  virtual_runtime::instance().begin({.cpus = 1}, 0);
  auto holder = narke::placement_group{{{.num_cpus = 1}}};
  auto group = narke::placement_group{{{.num_cpus = 1}}};
  const auto ready = group.ready();
  EXPECT_FALSE(ref_access::slot(ready)->is_ready());
  group = {};
  ASSERT_TRUE(ref_access::slot(ready)->is_ready());
  EXPECT_THROW(narke::get(ready), narke::error);
  holder = {};
  EXPECT_EQ(narke::internal::placement_lane::instance().usage().running, 0U);
}

}  // namespace
}  // namespace narke_test
