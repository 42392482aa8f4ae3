// Each entry point that the engine uses fails once, at its first call or at a later one, with codes
// of each kind: nothing hangs, no value is wrong, and whatever fails says why by its type.
#include <algorithm>
#include <array>
#include <cstdlib>
#include <string_view>

#include "device/driver_call.hpp"
#include "random_history.hpp"
#include "support/stress_rounds.hpp"

namespace narke_test {
namespace {

using narke::internal::emulated_fault;

constexpr std::array entries{
    "init",
    "device_get",
    "device_can_access_peer",
    "device_primary_ctx_retain",
    "ctx_set_current",
    "ctx_get_stream_priority_range",
    "mem_get_info",
    "mem_pool_create",
    "mem_pool_set_attribute",
    "mem_pool_set_access",
    "mem_alloc_from_pool_async",
    "mem_free_async",
    "mem_host_register",
    "memcpy_htod_async",
    "memcpy_dtoh_async",
    "memcpy_dtod_async",
    "memcpy_peer_async",
    "stream_create_with_priority",
    "stream_synchronize",
    "stream_wait_event",
    "event_create",
    "event_record",
    "event_query",
    "emulate",
    // While the device closes.
    "event_destroy",
    "stream_destroy",
    "mem_pool_destroy",
    "mem_host_unregister",
    "device_primary_ctx_release",
};
constexpr std::array codes{cu_result::invalid_value,   cu_result::out_of_memory,
                           cu_result::illegal_address, cu_result::launch_failed,
                           cu_result::unknown,         cu_result::invalid_handle};

// Without them a device cannot be opened at all: it is then out of use, whatever the code.
constexpr std::array entries_of_opening{"init",
                                        "device_get",
                                        "device_primary_ctx_retain",
                                        "ctx_set_current",
                                        "ctx_get_stream_priority_range",
                                        "mem_get_info",
                                        "mem_pool_create",
                                        "mem_pool_set_attribute",
                                        "mem_host_register",
                                        "stream_create_with_priority",
                                        "event_create"};

bool is_typed(const std::exception_ptr& why) {
  return is_a<narke::device_lost_error>(why) || is_a<narke::out_of_device_memory>(why) ||
         is_a<narke::object_lost_error>(why) || is_a<narke::error>(why);
}

void expect_sound(const history_outcome& outcome, const std::string& what) {
  EXPECT_FALSE(outcome.is_stuck) << what;
  EXPECT_EQ(outcome.values_wrong, 0) << what;
  for (const std::exception_ptr& each : outcome.errors) {
    EXPECT_TRUE(is_typed(each)) << what << ": " << message_of(each);
  }
}

history_outcome run_with(const emulated_fault& fault, std::uint64_t seed) {
  return run_history({.seed = seed,
                      .works = 25,
                      .detects_races = false,  // a device that is lost is waited for no more
                      .adjust = [&](scene_options& scene) { scene.driver.faults = {fault}; },
                      .expects_violations = true,
                      .allows_leaks = true});
}

bool is_of_opening(std::string_view entry) {
  return std::find(entries_of_opening.begin(), entries_of_opening.end(), entry) !=
         entries_of_opening.end();
}

// A code that CUDA does not call sticky, from a call of a device that is open.
bool fails_one_call(std::string_view entry, cu_result code) {
  return narke::internal::severity_of(code) == narke::internal::code_severity::one_call &&
         !is_of_opening(entry);
}

void expect_one_work_failed(const history_outcome& outcome, const std::string& what) {
  std::string all;
  for (const std::exception_ptr& each : outcome.errors) {
    all += '\n' + message_of(each);
  }
  EXPECT_LE(outcome.works_failed, 1) << what << all;
  EXPECT_EQ(outcome.host_failures, 0) << what;
  for (const std::exception_ptr& each : outcome.errors) {
    EXPECT_FALSE(is_a<narke::device_lost_error>(each)) << what << ": " << message_of(each);
  }
}

TEST(faults, any_failing_call_leaves_right_values_and_typed_errors) {
  const auto rounds = static_cast<std::uint64_t>(stress_rounds(1));
  for (std::uint64_t round = 0; round != rounds; ++round) {
    std::uint64_t seed = 1000 + round * 1000;
    for (const char* entry : entries) {
      for (const cu_result code : codes) {
        for (const std::uint64_t nth : {std::uint64_t{1}, 2 + seed % 37}) {
          const std::string what = std::string{entry} + " call " + std::to_string(nth) + " code " +
                                   std::to_string(static_cast<int>(code)) + " seed " +
                                   std::to_string(++seed);
          const history_outcome outcome =
              run_with({.entry = entry, .nth = nth, .code = code}, seed);
          expect_sound(outcome, what);
          EXPECT_EQ(outcome.found, "") << what;
          // A device that ran out of memory has less of it from then on: more may fail.
          if (fails_one_call(entry, code) && code != cu_result::out_of_memory) {
            expect_one_work_failed(outcome, what);
          }
        }
      }
    }
  }
}

// Retried calls are not retried for ever.
TEST(faults, call_that_keeps_failing_loses_the_device_and_hangs_nobody) {
  for (const char* entry : {"event_query", "event_record", "memcpy_dtoh_async", "memcpy_htod_async",
                            "stream_wait_event"}) {
    const history_outcome outcome = run_with(
        {.entry = entry, .nth = 1, .times = 1'000'000, .code = cu_result::invalid_handle}, 77);
    expect_sound(outcome, entry);
    EXPECT_GT(outcome.works_failed + outcome.host_failures, 0) << entry;
  }
}

TEST(faults, any_operation_that_fails_when_it_runs_leaves_right_values_and_typed_errors) {
  const auto rounds = static_cast<std::uint64_t>(stress_rounds(50));
  int failed = 0;
  const char* only = std::getenv("NARKE_STRESS_SEED");
  for (std::uint64_t seed = 1; seed <= rounds; ++seed) {
    if (only != nullptr && seed != std::strtoull(only, nullptr, 10)) {
      continue;
    }
    const emulated_fault fault{
        .nth = 1 + seed % 40, .code = codes[2 + seed % 3], .when_executed = true};
    const history_outcome outcome = run_with(fault, seed);
    expect_sound(outcome, "seed " + std::to_string(seed));
    EXPECT_EQ(outcome.found, "") << "seed " << seed;
    failed += outcome.works_failed > 0 ? 1 : 0;
  }
  EXPECT_GT(failed, static_cast<int>(rounds) / 4);
}

}  // namespace
}  // namespace narke_test
