// Every misuse that the emulated driver knows: CUDA's answer, a record of it, and what it tells.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <future>
#include <thread>

#include "driver/emulated/emulated_fixture.hpp"

namespace narke::internal {
namespace {

using testing::HasSubstr;

class emulated_checks : public testing::Test {
 protected:
  void SetUp() override {
    context = scene.open();
    stream = scene.stream();
    pool = scene.pool();
  }
  void expect_one(violation_kind kind, const char* entry, const char* text = "") {
    const auto violations = scene.driver.violations();
    ASSERT_EQ(violations.size(), 1U) << scene.findings();
    EXPECT_EQ(violations[0].kind, kind) << scene.findings();
    EXPECT_EQ(violations[0].entry, entry);
    EXPECT_THAT(violations[0].message, HasSubstr(text));
    scene.driver.clear_violations();
  }

  emulated_scene scene{[] {
    emulated_options options = small_options(2);
    link_all(options);
    return options;
  }()};
  cu_context context = nullptr;
  cu_stream stream = nullptr;
  cu_mem_pool pool = nullptr;
};

TEST_F(emulated_checks, a_copy_from_freed_memory_is_told_with_its_history) {
  const cu_device_ptr block = scene.allocate(pool, stream, 4096);
  const cu_device_ptr other = scene.allocate(pool, stream, 4096);
  scene.cu.memset_d8_async(block, 1, 4096, stream);
  scene.cu.mem_free_async(block, stream);
  EXPECT_EQ(scene.cu.memcpy_dtod_async(other, block, 4096, stream), cu_result::invalid_value);
  expect_one(violation_kind::use_after_free, "memcpy_dtod_async",
             "were freed before: block 1 of 4096 bytes at");
  EXPECT_EQ(scene.cu.memset_d8_async(block, 1, 1, stream), cu_result::invalid_value);
  expect_one(violation_kind::use_after_free, "memset_d8_async",
             "allocated by mem_alloc_from_pool_async on stream 1 #1; written by "
             "'memset_d8_async' on stream 1 #3; freed by mem_free_async on stream 1 #4");
}

TEST_F(emulated_checks, freed_memory_is_told_on_another_stream_before_the_free_ran) {
  const cu_stream other = scene.stream();
  const cu_device_ptr block = scene.allocate(pool, stream, 4096);
  std::promise<void> gate;
  const auto opened = gate.get_future().share();
  scene.run(stream, [opened] { opened.wait(); });
  scene.cu.mem_free_async(block, stream);
  EXPECT_EQ(scene.cu.memset_d8_async(block, 1, 1, other), cu_result::invalid_value);
  gate.set_value();
  expect_one(violation_kind::use_after_free, "memset_d8_async");
}

TEST_F(emulated_checks, bytes_past_the_end_of_a_block_are_told) {
  const cu_device_ptr block = scene.allocate(pool, stream, 1000);
  EXPECT_EQ(scene.cu.memset_d8_async(block + 1, 0, 1000, stream), cu_result::invalid_value);
  expect_one(violation_kind::out_of_bounds, "memset_d8_async", "reach past the end");
  EXPECT_EQ(scene.cu.memset_d8_async(block + 2000, 0, 1, stream), cu_result::invalid_value);
  expect_one(violation_kind::out_of_bounds, "memset_d8_async", "lie in no block");
  EXPECT_EQ(scene.cu.memset_d8_async(16, 0, 1, stream), cu_result::invalid_value);
  expect_one(violation_kind::out_of_bounds, "memset_d8_async", "no device memory");
  EXPECT_EQ(scene.cu.memset_d8_async(block, 0, SIZE_MAX, stream), cu_result::invalid_value);
  expect_one(violation_kind::out_of_bounds, "memset_d8_async");
}

TEST_F(emulated_checks, a_closure_that_declares_freed_memory_loses_the_device) {
  const cu_device_ptr block = scene.allocate(pool, stream, 4096);
  scene.cu.mem_free_async(block, stream);
  bool ran = false;
  EXPECT_EQ(scene.run(
                stream, [&] { ran = true; }, {reads(block, 16)}, "saxpy"),
            cu_result::illegal_address);
  expect_one(violation_kind::use_after_free, "emulate", "'saxpy' on stream 1 #3 reads 16 bytes");
  EXPECT_EQ(scene.cu.stream_query(stream), cu_result::illegal_address);
  EXPECT_FALSE(ran);
}

TEST_F(emulated_checks, overlapping_copies_are_told) {
  const cu_device_ptr block = scene.allocate(pool, stream, 4096);
  EXPECT_EQ(scene.cu.memcpy_dtod_async(block + 100, block, 101, stream), cu_result::invalid_value);
  expect_one(violation_kind::overlap, "memcpy_dtod_async");
  EXPECT_EQ(scene.cu.memcpy_dtod_async(block + 100, block, 100, stream), cu_result::success);
}

TEST_F(emulated_checks, a_second_free_is_told) {
  const cu_device_ptr block = scene.allocate(pool, stream, 4096);
  EXPECT_EQ(scene.cu.mem_free_async(block + 8, stream), cu_result::invalid_value);
  expect_one(violation_kind::bad_argument, "mem_free_async", "not the begin of a block");
  EXPECT_EQ(scene.cu.mem_free_async(block, stream), cu_result::success);
  EXPECT_EQ(scene.cu.mem_free_async(block, stream), cu_result::invalid_value);
  expect_one(violation_kind::double_free, "mem_free_async");
}

TEST_F(emulated_checks, a_call_without_a_current_context_is_told) {
  scene.cu.ctx_set_current(nullptr);
  EXPECT_EQ(scene.cu.stream_query(stream), cu_result::invalid_context);
  expect_one(violation_kind::wrong_context, "stream_query");
  cu_result on_other_thread = cu_result::success;
  scene.cu.ctx_set_current(context);
  std::thread([&] { on_other_thread = scene.cu.stream_query(stream); }).join();
  EXPECT_EQ(on_other_thread, cu_result::invalid_context) << "current is a matter of each thread";
}

TEST_F(emulated_checks, a_closure_needs_the_context_of_its_stream) {
  scene.open(1);
  EXPECT_EQ(scene.run(stream, [] {}), cu_result::invalid_handle);
  expect_one(violation_kind::wrong_context, "emulate", "of GPU 0 while the context of GPU 1");
}

TEST_F(emulated_checks, an_event_is_recorded_by_streams_of_its_own_context) {
  const cu_event event = scene.event();
  scene.open(1);
  const cu_stream foreign = scene.stream();
  EXPECT_EQ(scene.cu.event_record(event, foreign), cu_result::invalid_handle);
  expect_one(violation_kind::foreign_event, "event_record");
  scene.cu.event_record(event, stream);
  EXPECT_EQ(scene.cu.stream_wait_event(foreign, event, 0), cu_result::success)
      << "waiting across devices is what events are for";
  EXPECT_EQ(scene.driver.violation_count(), 0U) << scene.findings();
}

TEST_F(emulated_checks, default_streams_are_told) {
  const cu_device_ptr block = scene.allocate(pool, stream, 64);
  EXPECT_EQ(scene.cu.memset_d8_async(block, 0, 64, nullptr), cu_result::invalid_handle);
  expect_one(violation_kind::null_stream, "memset_d8_async");
  EXPECT_EQ(scene.cu.stream_synchronize(reinterpret_cast<cu_stream>(1)), cu_result::invalid_handle);
  expect_one(violation_kind::null_stream, "stream_synchronize");
  cu_stream blocking = nullptr;
  EXPECT_EQ(scene.cu.stream_create_with_priority(&blocking, cu_stream_default, 0),
            cu_result::success);
  expect_one(violation_kind::null_stream, "stream_create_with_priority");
}

TEST_F(emulated_checks, handles_are_known_after_their_end) {
  const cu_event event = scene.event();
  scene.cu.event_destroy(event);
  EXPECT_EQ(scene.cu.event_record(event, stream), cu_result::invalid_handle);
  expect_one(violation_kind::stale_handle, "event_record", "destroyed before");
  EXPECT_EQ(scene.cu.event_query(reinterpret_cast<cu_event>(stream)), cu_result::invalid_handle);
  expect_one(violation_kind::stale_handle, "event_query", "none of this driver");
  scene.cu.stream_destroy(stream);
  EXPECT_EQ(scene.cu.stream_query(stream), cu_result::invalid_handle);
  expect_one(violation_kind::stale_handle, "stream_query", "destroyed before");
}

TEST_F(emulated_checks, a_wait_for_an_event_never_recorded_is_told) {
  const cu_event event = scene.event();
  EXPECT_EQ(scene.cu.stream_wait_event(stream, event, 0), cu_result::success);
  expect_one(violation_kind::never_recorded_wait, "stream_wait_event");
}

TEST_F(emulated_checks, memory_is_not_unregistered_under_a_copy) {
  std::vector<unsigned char> host(4096);
  scene.cu.mem_host_register(host.data(), host.size(), 1);
  const cu_device_ptr block = scene.allocate(pool, stream, 4096);
  std::promise<void> gate;
  const auto opened = gate.get_future().share();
  scene.run(stream, [opened] { opened.wait(); });
  scene.cu.memcpy_htod_async(block, host.data(), 4096, stream);
  scene.cu.mem_host_unregister(host.data());
  gate.set_value();
  scene.synchronize(stream);
  expect_one(violation_kind::unregistered_in_use, "mem_host_unregister");
}

TEST_F(emulated_checks, memory_registered_for_one_context_is_pageable_to_another) {
  std::vector<unsigned char> host(4096);
  scene.cu.mem_host_register(host.data(), host.size(), 0);
  scene.open(1);
  const cu_stream other = scene.stream();
  const cu_device_ptr block = scene.allocate(scene.pool(1), other, 4096);
  scene.cu.memcpy_dtoh_async(host.data(), block, 4096, other);
  expect_one(violation_kind::pageable_copy, "memcpy_dtoh_async", "for another context only");
  scene.cu.mem_host_unregister(host.data());
}

TEST_F(emulated_checks, a_driver_call_from_a_closure_is_refused) {
  cu_result inside = cu_result::success;
  scene.run(stream, [&] { inside = scene.cu.stream_query(stream); });
  scene.synchronize(stream);
  EXPECT_EQ(inside, cu_result::not_permitted);
  expect_one(violation_kind::call_in_work, "stream_query");
}

TEST_F(emulated_checks, a_peer_copy_names_the_contexts_of_its_memory) {
  const cu_device_ptr block = scene.allocate(pool, stream, 4096);
  const cu_context other = scene.open(1);
  const cu_stream stream1 = scene.stream();
  const cu_device_ptr target = scene.allocate(scene.pool(1), stream1, 4096);
  EXPECT_EQ(scene.cu.memcpy_peer_async(target, other, block, other, 4096, stream1),
            cu_result::invalid_context);
  expect_one(violation_kind::wrong_context, "memcpy_peer_async");
}

TEST_F(emulated_checks, what_is_not_given_back_is_a_leak) {
  scene.event();
  scene.allocate(pool, stream, 100);
  std::vector<unsigned char> host(64);
  scene.cu.mem_host_register(host.data(), host.size(), 1);
  EXPECT_EQ(scene.driver.leftovers(), (emulated_leftovers{1, 1, 1, 1, 1, 1}));
  scene.driver.check_leaks();
  EXPECT_EQ(scene.found(violation_kind::leak), 6U) << scene.findings();
}

TEST_F(emulated_checks, nothing_leaks_when_all_is_given_back) {
  const cu_device_ptr block = scene.allocate(pool, stream, 100);
  scene.cu.mem_free_async(block, stream);
  scene.synchronize(stream);
  scene.cu.stream_destroy(stream);
  scene.cu.mem_pool_destroy(pool);
  scene.cu.device_primary_ctx_release(0);
  scene.driver.check_leaks();
  EXPECT_EQ(scene.driver.violation_count(), 0U) << scene.findings();
  EXPECT_EQ(scene.driver.leftovers(), emulated_leftovers{});
}

TEST_F(emulated_checks, a_released_context_is_told_and_another_retain_makes_a_fresh_one) {
  scene.cu.stream_destroy(stream);
  EXPECT_EQ(scene.cu.device_primary_ctx_release(0), cu_result::success);
  cu_event event = nullptr;
  EXPECT_EQ(scene.cu.event_create(&event, 0), cu_result::context_is_destroyed);
  expect_one(violation_kind::wrong_context, "event_create");
  EXPECT_EQ(scene.cu.ctx_set_current(context), cu_result::context_is_destroyed);
  scene.driver.clear_violations();
  EXPECT_NE(scene.open(), context);
  EXPECT_EQ(scene.cu.event_create(&event, 0), cu_result::success);
}

TEST_F(emulated_checks, a_pool_destroyed_with_blocks_keeps_them_until_they_are_freed) {
  const cu_device_ptr block = scene.allocate(pool, stream, 10 * mib);
  EXPECT_EQ(scene.cu.mem_pool_destroy(pool), cu_result::success);
  expect_one(violation_kind::leak, "mem_pool_destroy");
  std::size_t free = 0;
  std::size_t total = 0;
  scene.cu.mem_get_info(&free, &total);
  EXPECT_EQ(free, 54 * mib);
  scene.cu.mem_free_async(block, stream);
  scene.synchronize(stream);
  scene.cu.mem_get_info(&free, &total);
  EXPECT_EQ(free, 64 * mib);
}

TEST_F(emulated_checks, parts_of_a_block_have_lives_of_their_own) {
  const cu_device_ptr slab = scene.allocate(pool, stream, 4096);
  scene.cu.annotate(annotation::alloc, slab, 1024, stream, "x");
  scene.cu.annotate(annotation::alloc, slab + 1024, 1024, stream, "y");
  EXPECT_EQ(scene.cu.memset_d8_async(slab, 0, 1024, stream), cu_result::success);
  EXPECT_EQ(scene.cu.memset_d8_async(slab, 0, 1025, stream), cu_result::invalid_value);
  expect_one(violation_kind::out_of_bounds, "memset_d8_async", "reach past the end of 'x'");
  EXPECT_EQ(scene.cu.memset_d8_async(slab + 3000, 0, 1, stream), cu_result::invalid_value);
  expect_one(violation_kind::out_of_bounds, "memset_d8_async", "were not handed out");
  EXPECT_EQ(scene.cu.annotate(annotation::free, slab, 1024, nullptr, "x"), cu_result::success);
  EXPECT_EQ(scene.cu.memset_d8_async(slab, 0, 1, stream), cu_result::invalid_value);
  expect_one(violation_kind::use_after_free, "memset_d8_async", "were put back before: 'x'");
  EXPECT_EQ(scene.cu.annotate(annotation::free, slab, 1024, stream, "x"), cu_result::invalid_value);
  expect_one(violation_kind::double_free, "annotate");
  EXPECT_EQ(scene.cu.annotate(annotation::alloc, slab, 1025, stream, "z"),
            cu_result::invalid_value);
  expect_one(violation_kind::handed_out_twice, "annotate", "'y'");
  EXPECT_EQ(scene.cu.annotate(annotation::alloc, slab, 512, stream, "z"), cu_result::success);
  EXPECT_EQ(scene.cu.memset_d8_async(slab, 0, 512, stream), cu_result::success);
}

TEST_F(emulated_checks, who_never_tells_of_parts_put_back_may_hand_them_out_again) {
  const cu_device_ptr slab = scene.allocate(pool, stream, 4096);
  scene.cu.annotate(annotation::alloc, slab, 1024, stream, "x");
  EXPECT_EQ(scene.cu.annotate(annotation::alloc, slab + 512, 1024, stream, "y"),
            cu_result::success);
  EXPECT_EQ(scene.driver.violation_count(), 0U) << scene.findings();
}

TEST_F(emulated_checks, pools_that_are_none_or_were_destroyed_are_told_apart) {
  std::uint64_t value = 0;
  const auto ask = [&](cu_mem_pool from) {
    return scene.cu.mem_pool_get_attribute(from, cu_mem_pool_attribute::used_mem_current, &value);
  };
  EXPECT_EQ(ask(reinterpret_cast<cu_mem_pool>(&value)), cu_result::invalid_value);
  expect_one(violation_kind::stale_handle, "mem_pool_get_attribute", "none of this driver");
  ASSERT_EQ(scene.cu.mem_pool_destroy(pool), cu_result::success);
  EXPECT_EQ(ask(pool), cu_result::invalid_value);
  expect_one(violation_kind::stale_handle, "mem_pool_get_attribute", "was destroyed before");
  EXPECT_EQ(scene.cu.mem_pool_destroy(pool), cu_result::invalid_value);
  expect_one(violation_kind::stale_handle, "mem_pool_destroy");
}

TEST_F(emulated_checks, a_context_that_is_none_is_told) {
  EXPECT_EQ(scene.cu.ctx_set_current(reinterpret_cast<cu_context>(this)),
            cu_result::invalid_context);
  expect_one(violation_kind::stale_handle, "ctx_set_current", "none of this driver");
}

TEST_F(emulated_checks, pools_of_other_kinds_are_refused) {
  const auto refused = [&](auto&& spoil) {
    cu_mem_pool_props props{};
    props.allocation_type = cu_mem_allocation_type::pinned;
    props.location = {cu_mem_location_type::device, 0};
    spoil(props);
    cu_mem_pool made = nullptr;
    EXPECT_EQ(scene.cu.mem_pool_create(&made, &props), cu_result::invalid_value);
    expect_one(violation_kind::bad_argument, "mem_pool_create", "all else must be zero");
  };
  refused([](cu_mem_pool_props& props) { props.reserved[7] = 1; });
  refused([](cu_mem_pool_props& props) { props.usage = 1; });
  refused([](cu_mem_pool_props& props) { props.security_attributes = &props; });
  refused([](cu_mem_pool_props& props) { props.location.type = cu_mem_location_type::invalid; });
  refused(
      [](cu_mem_pool_props& props) { props.allocation_type = cu_mem_allocation_type::invalid; });
  cu_mem_pool_props props{};
  props.allocation_type = cu_mem_allocation_type::pinned;
  props.location = {cu_mem_location_type::device, 2};
  cu_mem_pool made = nullptr;
  EXPECT_EQ(scene.cu.mem_pool_create(&made, &props), cu_result::invalid_device);
  EXPECT_EQ(scene.cu.mem_pool_create(nullptr, &props), cu_result::invalid_value);
}

TEST_F(emulated_checks, copies_from_and_to_the_host_are_held_against_the_block) {
  const cu_device_ptr block = scene.allocate(pool, stream, 1000);
  char host[8] = {};
  EXPECT_EQ(scene.cu.memcpy_htod_async(block + 999, host, 8, stream), cu_result::invalid_value);
  expect_one(violation_kind::out_of_bounds, "memcpy_htod_async", "reach past the end");
  EXPECT_EQ(scene.cu.memcpy_dtoh_async(host, block + 999, 8, stream), cu_result::invalid_value);
  EXPECT_EQ(scene.found(violation_kind::out_of_bounds), 1U) << scene.findings();
  scene.driver.clear_violations();
  EXPECT_EQ(scene.cu.memcpy_htod_async(block, nullptr, 8, stream), cu_result::invalid_value);
  EXPECT_EQ(scene.cu.memcpy_dtoh_async(nullptr, block, 8, stream), cu_result::invalid_value);
  EXPECT_EQ(scene.cu.memcpy_htod_async(block, nullptr, 0, stream), cu_result::success);
  EXPECT_EQ(scene.cu.memcpy_dtoh_async(nullptr, block, 0, stream), cu_result::success);
}

TEST_F(emulated_checks, a_closure_that_is_none_is_refused) {
  EXPECT_EQ(scene.cu.emulate(stream, {}), cu_result::invalid_value);
  const emulated_work without_list{.run = [](void*) { return true; },
                                   .drop = [](void*) {},
                                   .accesses = nullptr,
                                   .access_count = 1};
  EXPECT_EQ(scene.cu.emulate(stream, without_list), cu_result::invalid_value);
}

TEST_F(emulated_checks, parts_are_handed_out_of_live_blocks_and_put_back_as_they_were) {
  const cu_device_ptr slab = scene.allocate(pool, stream, 4096);
  EXPECT_EQ(scene.cu.annotate(annotation::alloc, slab + 4000, 1024, stream, "long"),
            cu_result::invalid_value);
  expect_one(violation_kind::out_of_bounds, "annotate", "lie in no live block");
  EXPECT_EQ(scene.cu.annotate(annotation::alloc, 4096, 1024, stream, "nowhere"),
            cu_result::invalid_value);
  expect_one(violation_kind::out_of_bounds, "annotate", "lie in no live block");
  ASSERT_EQ(scene.cu.annotate(annotation::alloc, slab, 1024, stream, "x"), cu_result::success);
  EXPECT_EQ(scene.cu.annotate(annotation::free, slab, 512, stream, "x"), cu_result::invalid_value);
  expect_one(violation_kind::out_of_bounds, "annotate", "were not handed out");
  EXPECT_EQ(scene.cu.annotate(annotation::free, slab + 512, 512, stream, "x"),
            cu_result::invalid_value);
  expect_one(violation_kind::out_of_bounds, "annotate", "were not handed out");
  EXPECT_EQ(scene.cu.annotate(annotation::free, 4096, 512, stream, "x"), cu_result::invalid_value);
  expect_one(violation_kind::out_of_bounds, "annotate", "were not handed out");
}

TEST_F(emulated_checks, foreign_bytes_are_of_a_gpu_that_there_is) {
  EXPECT_THROW(scene.driver.set_foreign_bytes(2, 1), std::invalid_argument);
  EXPECT_THROW(scene.driver.set_foreign_bytes(-1, 1), std::invalid_argument);
}

TEST(emulated_checks_off, answers_stay_and_nothing_is_recorded) {
  emulated_options options = small_options();
  options.strict = false;
  emulated_scene scene(options);
  scene.open();
  const cu_stream stream = scene.stream();
  const cu_event event = scene.event();
  EXPECT_EQ(scene.cu.stream_synchronize(nullptr), cu_result::invalid_handle);
  EXPECT_EQ(scene.cu.stream_wait_event(stream, event, 0), cu_result::success);
  EXPECT_EQ(scene.driver.violation_count(), 0U);
}

TEST(emulated_options_checks, bad_values_name_their_field) {
  const auto message = [](const emulated_options& options) -> std::string {
    try {
      emulated_driver driver(options);
    } catch (const std::invalid_argument& error) {
      return error.what();
    }
    return "nothing was thrown";
  };
  emulated_options options = small_options(2);
  options.gpus[1].memory_bytes = 1;
  EXPECT_THAT(message(options), HasSubstr("gpus[1].memory_bytes is 1"));
  options = small_options();
  options.gpus[0].uuid = "GPU-zz";
  EXPECT_THAT(message(options), HasSubstr("gpus[0].uuid is 'GPU-zz'"));
  options = small_options();
  options.gpus[0].pci_bus_id = "slot 3";
  EXPECT_THAT(message(options), HasSubstr("gpus[0].pci_bus_id"));
  options = small_options(2);
  options.links.resize(1);
  EXPECT_THAT(message(options), HasSubstr("links has 1 rows for 2 GPUs"));
  options = small_options();
  options.model.h2d_bytes_per_second = 0;
  EXPECT_THAT(message(options), HasSubstr("model.h2d_bytes_per_second"));
  options = small_options();
  options.faults.push_back({.entry = "event_recrod"});
  EXPECT_THAT(message(options), HasSubstr("event_recrod"));
  options = small_options();
  options.launch_queue_depth = 0;
  EXPECT_THAT(message(options), HasSubstr("launch_queue_depth"));
  EXPECT_THAT(message(small_options(1'000)), HasSubstr("gpus has 1000 elements"));
}

}  // namespace
}  // namespace narke::internal
