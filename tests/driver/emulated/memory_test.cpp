// Pools, the rules of reuse, limits, registered memory and copies.
#include <gtest/gtest.h>

#include <cstring>
#include <future>
#include <numeric>
#include <thread>

#include "driver/emulated/emulated_fixture.hpp"

namespace narke::internal {
namespace {

std::uint64_t attribute(const emulated_scene& scene, cu_mem_pool pool,
                        cu_mem_pool_attribute which) {
  std::uint64_t value = 0;
  EXPECT_EQ(scene.cu.mem_pool_get_attribute(pool, which, &value), cu_result::success);
  return value;
}

void set_switch(const emulated_scene& scene, cu_mem_pool pool, cu_mem_pool_attribute which,
                int value) {
  EXPECT_EQ(scene.cu.mem_pool_set_attribute(pool, which, &value), cu_result::success);
}

void keep_memory(const emulated_scene& scene, cu_mem_pool pool) {
  std::uint64_t all = UINT64_MAX;
  EXPECT_EQ(scene.cu.mem_pool_set_attribute(pool, cu_mem_pool_attribute::release_threshold, &all),
            cu_result::success);
}

/// Host memory that is registered while it lives.
class registered_bytes {
 public:
  registered_bytes(const driver_table& cu, std::size_t bytes) : cu_(cu), bytes_(bytes) {
    EXPECT_EQ(cu_.mem_host_register(bytes_.data(), bytes, cu_mem_host_register_portable),
              cu_result::success);
  }
  ~registered_bytes() { EXPECT_EQ(cu_.mem_host_unregister(bytes_.data()), cu_result::success); }
  registered_bytes(const registered_bytes&) = delete;
  registered_bytes& operator=(const registered_bytes&) = delete;
  std::vector<unsigned char>& get() { return bytes_; }

 private:
  const driver_table& cu_;
  std::vector<unsigned char> bytes_;
};

TEST(emulated_memory, bytes_go_to_the_device_between_blocks_and_back) {
  emulated_scene scene;
  scene.open();
  const cu_stream stream = scene.stream();
  const cu_mem_pool pool = scene.pool();
  constexpr std::size_t bytes = 3 * mib + 17;
  const cu_device_ptr a = scene.allocate(pool, stream, bytes);
  const cu_device_ptr b = scene.allocate(pool, stream, bytes);
  {
    registered_bytes source(scene.cu, bytes);
    registered_bytes target(scene.cu, bytes);
    std::iota(source.get().begin(), source.get().end(), static_cast<unsigned char>(1));
    EXPECT_EQ(scene.cu.memcpy_htod_async(a, source.get().data(), bytes, stream),
              cu_result::success);
    EXPECT_EQ(scene.cu.memcpy_dtod_async(b, a, bytes, stream), cu_result::success);
    EXPECT_EQ(scene.cu.memset_d8_async(b, 9, 10, stream), cu_result::success);
    EXPECT_EQ(scene.cu.memcpy_dtoh_async(target.get().data(), b, bytes, stream),
              cu_result::success);
    EXPECT_EQ(scene.synchronize(stream), cu_result::success);
    for (std::size_t i = 0; i < 10; ++i) EXPECT_EQ(target.get()[i], 9);
    EXPECT_EQ(std::memcmp(target.get().data() + 10, source.get().data() + 10, bytes - 10), 0);
  }
  EXPECT_EQ(scene.driver.violation_count(), 0U) << scene.findings();
}

TEST(emulated_memory, running_out_is_not_sticky_and_ends_when_memory_comes_back) {
  emulated_scene scene;
  scene.open();
  const cu_stream stream = scene.stream();
  const cu_mem_pool pool = scene.pool();
  const cu_device_ptr large = scene.allocate(pool, stream, 48 * mib);
  cu_device_ptr pointer = 0;
  EXPECT_EQ(scene.cu.mem_alloc_from_pool_async(&pointer, 32 * mib, pool, stream),
            cu_result::out_of_memory);
  EXPECT_EQ(scene.cu.stream_query(stream), cu_result::success);
  EXPECT_EQ(scene.cu.mem_free_async(large, stream), cu_result::success);
  EXPECT_NE(scene.allocate(pool, stream, 64 * mib), 0U);
  EXPECT_EQ(scene.driver.violation_count(), 0U) << scene.findings();
}

TEST(emulated_memory, a_context_and_other_processes_take_memory_too) {
  emulated_options options = small_options();
  options.model.context_bytes = 16 * mib;
  emulated_scene scene(options);
  scene.open();
  std::size_t free = 0;
  std::size_t total = 0;
  ASSERT_EQ(scene.cu.mem_get_info(&free, &total), cu_result::success);
  EXPECT_EQ(free, 48 * mib);
  EXPECT_EQ(total, 64 * mib);
  scene.driver.set_foreign_bytes(0, 40 * mib);
  ASSERT_EQ(scene.cu.mem_get_info(&free, &total), cu_result::success);
  EXPECT_EQ(free, 8 * mib);
  const cu_stream stream = scene.stream();
  cu_device_ptr pointer = 0;
  EXPECT_EQ(scene.cu.mem_alloc_from_pool_async(&pointer, 10 * mib, scene.pool(), stream),
            cu_result::out_of_memory);
}

TEST(emulated_memory, a_context_that_does_not_fit_is_refused) {
  emulated_options options = small_options();
  options.model.context_bytes = 65 * mib;
  emulated_scene scene(options);
  cu_context context = nullptr;
  EXPECT_EQ(scene.cu.device_primary_ctx_retain(&context, 0), cu_result::out_of_memory);
}

TEST(emulated_memory, a_pool_tells_what_it_holds_and_what_is_used) {
  emulated_scene scene;
  scene.open();
  const cu_stream stream = scene.stream();
  const cu_mem_pool pool = scene.pool();
  keep_memory(scene, pool);
  const cu_device_ptr a = scene.allocate(pool, stream, 5 * mib);
  const cu_device_ptr b = scene.allocate(pool, stream, 100);
  EXPECT_EQ(attribute(scene, pool, cu_mem_pool_attribute::used_mem_current), 5 * mib + 512);
  EXPECT_EQ(attribute(scene, pool, cu_mem_pool_attribute::reserved_mem_current), 6 * mib);
  scene.cu.mem_free_async(a, stream);
  scene.cu.mem_free_async(b, stream);
  EXPECT_EQ(scene.synchronize(stream), cu_result::success);
  EXPECT_EQ(attribute(scene, pool, cu_mem_pool_attribute::used_mem_current), 0U);
  EXPECT_EQ(attribute(scene, pool, cu_mem_pool_attribute::used_mem_high), 5 * mib + 512);
  EXPECT_EQ(attribute(scene, pool, cu_mem_pool_attribute::reserved_mem_current), 6 * mib)
      << "kept: the threshold says so";
  EXPECT_EQ(scene.cu.mem_pool_trim_to(pool, 3 * mib), cu_result::success);
  EXPECT_EQ(attribute(scene, pool, cu_mem_pool_attribute::reserved_mem_current), 4 * mib);
  EXPECT_EQ(scene.cu.mem_pool_trim_to(pool, 0), cu_result::success);
  EXPECT_EQ(attribute(scene, pool, cu_mem_pool_attribute::reserved_mem_current), 0U);
  EXPECT_EQ(attribute(scene, pool, cu_mem_pool_attribute::reserved_mem_high), 6 * mib);
}

TEST(emulated_memory, by_default_a_synchronisation_gives_unused_memory_back) {
  emulated_scene scene;
  scene.open();
  const cu_stream stream = scene.stream();
  const cu_mem_pool pool = scene.pool();
  scene.cu.mem_free_async(scene.allocate(pool, stream, 4 * mib), stream);
  EXPECT_EQ(attribute(scene, pool, cu_mem_pool_attribute::reserved_mem_current), 4 * mib);
  scene.synchronize(stream);
  EXPECT_EQ(attribute(scene, pool, cu_mem_pool_attribute::reserved_mem_current), 0U);
}

/// A stream that is held up, and memory that is freed behind what holds it up.
class reuse_scene : public testing::Test {
 protected:
  void SetUp() override {
    scene.open();
    holder = scene.stream();
    other = scene.stream();
    pool = scene.pool();
    keep_memory(scene, pool);
    const cu_device_ptr block = scene.allocate(pool, holder, 60 * mib);
    const auto opened = gate.get_future().share();
    scene.run(holder, [opened] { opened.wait(); });
    scene.cu.mem_free_async(block, holder);
  }
  void TearDown() override {
    gate.set_value();
    scene.driver.wait_until_idle();
  }
  cu_result allocate_on(cu_stream stream) const {
    cu_device_ptr pointer = 0;
    return scene.cu.mem_alloc_from_pool_async(&pointer, 60 * mib, pool, stream);
  }

  emulated_scene scene;
  cu_stream holder = nullptr;
  cu_stream other = nullptr;
  cu_mem_pool pool = nullptr;
  std::promise<void> gate;
};

TEST_F(reuse_scene, memory_is_reused_at_once_on_the_stream_that_freed_it) {
  set_switch(scene, pool, cu_mem_pool_attribute::reuse_allow_internal_dependencies, 0);
  EXPECT_EQ(allocate_on(holder), cu_result::success);
  EXPECT_EQ(scene.driver.hidden_waits(), 0U);
}

TEST_F(reuse_scene, an_unordered_stream_runs_out_when_hidden_waits_are_off) {
  set_switch(scene, pool, cu_mem_pool_attribute::reuse_allow_internal_dependencies, 0);
  EXPECT_EQ(allocate_on(other), cu_result::out_of_memory);
}

TEST_F(reuse_scene, an_unordered_stream_waits_unseen_when_hidden_waits_are_on) {
  EXPECT_EQ(allocate_on(other), cu_result::success);
  EXPECT_EQ(scene.driver.hidden_waits(), 1U);
  EXPECT_EQ(scene.cu.stream_query(other), cu_result::not_ready);
}

TEST_F(reuse_scene, a_stream_that_waits_for_the_free_reuses_the_memory) {
  set_switch(scene, pool, cu_mem_pool_attribute::reuse_allow_internal_dependencies, 0);
  const cu_event event = scene.event();
  scene.cu.event_record(event, holder);
  scene.cu.stream_wait_event(other, event, 0);
  EXPECT_EQ(allocate_on(other), cu_result::success);
  EXPECT_EQ(scene.driver.hidden_waits(), 0U);
}

TEST_F(reuse_scene, the_wait_of_another_stream_carries_over_with_its_event) {
  set_switch(scene, pool, cu_mem_pool_attribute::reuse_allow_internal_dependencies, 0);
  const cu_stream between = scene.stream();
  const cu_event first = scene.event();
  const cu_event second = scene.event();
  scene.cu.event_record(first, holder);
  scene.cu.stream_wait_event(between, first, 0);
  scene.cu.event_record(second, between);
  scene.cu.stream_wait_event(other, second, 0);
  EXPECT_EQ(allocate_on(other), cu_result::success);
}

TEST_F(reuse_scene, a_pool_without_event_dependencies_does_not_follow_them) {
  set_switch(scene, pool, cu_mem_pool_attribute::reuse_allow_internal_dependencies, 0);
  set_switch(scene, pool, cu_mem_pool_attribute::reuse_follow_event_dependencies, 0);
  const cu_event event = scene.event();
  scene.cu.event_record(event, holder);
  scene.cu.stream_wait_event(other, event, 0);
  EXPECT_EQ(allocate_on(other), cu_result::out_of_memory);
}

TEST_F(reuse_scene, trimming_leaves_what_a_stream_has_not_reached) {
  EXPECT_EQ(scene.cu.mem_pool_trim_to(pool, 0), cu_result::success);
  EXPECT_EQ(attribute(scene, pool, cu_mem_pool_attribute::reserved_mem_current), 60 * mib);
}

TEST(emulated_memory, completed_frees_are_reused_by_whoever_comes) {
  emulated_scene scene;
  scene.open();
  const cu_stream first = scene.stream();
  const cu_stream second = scene.stream();
  const cu_mem_pool pool = scene.pool();
  keep_memory(scene, pool);
  scene.cu.mem_free_async(scene.allocate(pool, first, 60 * mib), first);
  scene.synchronize(first);
  cu_device_ptr pointer = 0;
  EXPECT_EQ(scene.cu.mem_alloc_from_pool_async(&pointer, 60 * mib, pool, second),
            cu_result::success);
  EXPECT_EQ(scene.driver.hidden_waits(), 0U);
}

TEST(emulated_memory, a_copy_reads_its_source_when_its_turn_comes) {
  emulated_scene scene;
  scene.open();
  const cu_stream stream = scene.stream();
  const cu_mem_pool pool = scene.pool();
  const cu_device_ptr block = scene.allocate(pool, stream, 4096);
  registered_bytes source(scene.cu, 4096);
  std::promise<void> gate;
  const auto opened = gate.get_future().share();
  scene.run(stream, [opened] { opened.wait(); });
  source.get().assign(4096, 1);
  scene.cu.memcpy_htod_async(block, source.get().data(), 4096, stream);
  source.get().assign(4096, 2);
  gate.set_value();
  scene.synchronize(stream);
  EXPECT_EQ(*reinterpret_cast<const unsigned char*>(block), 2);
}

TEST(emulated_memory, a_small_pageable_source_is_copied_away_by_the_call) {
  emulated_scene scene;
  scene.open();
  const cu_stream stream = scene.stream();
  const cu_mem_pool pool = scene.pool();
  const cu_device_ptr block = scene.allocate(pool, stream, 65536);
  std::vector<unsigned char> source(65536, 1);
  std::promise<void> gate;
  const auto opened = gate.get_future().share();
  scene.run(stream, [opened] { opened.wait(); });
  EXPECT_EQ(scene.cu.memcpy_htod_async(block, source.data(), source.size(), stream),
            cu_result::success);
  source.assign(65536, 2);
  gate.set_value();
  scene.synchronize(stream);
  EXPECT_EQ(*reinterpret_cast<const unsigned char*>(block), 1);
  EXPECT_EQ(scene.driver.violation_count(), 0U) << scene.findings();
}

TEST(emulated_memory, pageable_copies_block_and_are_told) {
  emulated_scene scene;
  scene.open();
  const cu_stream stream = scene.stream();
  const cu_device_ptr block = scene.allocate(scene.pool(), stream, 65537);
  std::vector<unsigned char> host(65537, 5);
  EXPECT_EQ(scene.cu.memcpy_htod_async(block, host.data(), host.size(), stream),
            cu_result::success);
  EXPECT_EQ(scene.cu.stream_query(stream), cu_result::success) << "the call waited";
  EXPECT_EQ(scene.found(violation_kind::pageable_copy), 1U);
  unsigned char byte = 0;
  EXPECT_EQ(scene.cu.memcpy_dtoh_async(&byte, block, 1, stream), cu_result::success);
  EXPECT_EQ(byte, 5);
  EXPECT_EQ(scene.found(violation_kind::pageable_copy), 2U);
}

TEST(emulated_memory, registration_follows_the_driver_s_rules) {
  emulated_scene scene;
  scene.open();
  std::vector<unsigned char> host(8192);
  EXPECT_EQ(scene.cu.mem_host_register(host.data(), 4096, 1), cu_result::success);
  EXPECT_EQ(scene.cu.mem_host_register(host.data() + 100, 4096, 1),
            cu_result::host_memory_already_registered);
  EXPECT_EQ(scene.cu.mem_host_unregister(host.data() + 100), cu_result::host_memory_not_registered);
  EXPECT_EQ(scene.cu.mem_host_unregister(host.data()), cu_result::success);
  EXPECT_EQ(scene.found(violation_kind::bad_argument), 2U);
}

TEST(emulated_memory, a_pointer_says_what_it_points_to) {
  emulated_scene scene;
  const cu_context context = scene.open();
  const cu_stream stream = scene.stream();
  const cu_mem_pool pool = scene.pool();
  const cu_device_ptr block = scene.allocate(pool, stream, 1000);
  registered_bytes host(scene.cu, 256);
  cu_pointer_attribute wanted[] = {
      cu_pointer_attribute::memory_type,     cu_pointer_attribute::context,
      cu_pointer_attribute::range_start,     cu_pointer_attribute::range_size,
      cu_pointer_attribute::mem_pool_handle, cu_pointer_attribute::device_ordinal};
  auto type = cu_memory_type::unknown;
  cu_context owner = nullptr;
  cu_device_ptr begin = 0;
  std::size_t bytes = 0;
  cu_mem_pool from = nullptr;
  int ordinal = -1;
  void* values[] = {&type, &owner, &begin, &bytes, &from, &ordinal};
  ASSERT_EQ(scene.cu.pointer_get_attributes(6, wanted, values, block + 10), cu_result::success);
  EXPECT_EQ(type, cu_memory_type::device);
  EXPECT_EQ(owner, context);
  EXPECT_EQ(begin, block);
  EXPECT_EQ(bytes, 1000U);
  EXPECT_EQ(from, pool);
  EXPECT_EQ(ordinal, 0);
  ASSERT_EQ(scene.cu.pointer_get_attributes(1, wanted, values,
                                            reinterpret_cast<cu_device_ptr>(host.get().data())),
            cu_result::success);
  EXPECT_EQ(type, cu_memory_type::host);
  int local = 0;
  ASSERT_EQ(
      scene.cu.pointer_get_attributes(1, wanted, values, reinterpret_cast<cu_device_ptr>(&local)),
      cu_result::success);
  EXPECT_EQ(type, cu_memory_type::unknown);
}

TEST(emulated_memory, large_devices_cost_nothing_until_they_are_touched) {
  emulated_options options = small_options();
  options.gpus.assign(8, small_gpu(std::uint64_t{80} << 30));
  options.poison_bytes_max = 0;
  emulated_scene scene(options);
  for (int i = 0; i < 8; ++i) {
    scene.open(i);
    const cu_device_ptr block =
        scene.allocate(scene.pool(i), scene.stream(), std::size_t{80} << 30);
    ASSERT_NE(block, 0U);
    std::memset(reinterpret_cast<void*>(block + (std::size_t{40} << 30)), 1, 4096);
  }
}

TEST(emulated_memory, fresh_memory_is_not_zero) {
  emulated_scene scene;
  scene.open();
  const cu_stream stream = scene.stream();
  const cu_device_ptr block = scene.allocate(scene.pool(), stream, 4096);
  scene.synchronize(stream);
  EXPECT_EQ(*reinterpret_cast<const unsigned char*>(block + 4095), 0xCB);
}

TEST(emulated_memory, peers_copy_over_a_link_and_through_the_host) {
  for (const bool linked : {false, true}) {
    emulated_options options = small_options(2);
    if (linked) link_all(options);
    emulated_scene scene(options);
    const cu_context first = scene.open(0);
    const cu_stream stream0 = scene.stream();
    const cu_device_ptr a = scene.allocate(scene.pool(0), stream0, 4096);
    scene.cu.memset_d8_async(a, 77, 4096, stream0);
    scene.synchronize(stream0);
    const cu_context second = scene.open(1);
    const cu_stream stream1 = scene.stream();
    const cu_device_ptr b = scene.allocate(scene.pool(1), stream1, 4096);
    EXPECT_EQ(scene.cu.memcpy_peer_async(b, second, a, first, 4096, stream1), cu_result::success);
    scene.synchronize(stream1);
    EXPECT_EQ(*reinterpret_cast<const unsigned char*>(b + 4000), 77);
    EXPECT_EQ(scene.driver.violation_count(), 0U) << scene.findings();
  }
}

TEST(emulated_memory, a_peer_needs_a_link_and_access_to_the_pool) {
  emulated_options options = small_options(3);
  options.links.assign(3, std::vector<emulated_link>(3));
  options.links[1][0].can_access = true;
  emulated_scene scene(options);
  scene.open(0);
  const cu_stream stream0 = scene.stream();
  const cu_mem_pool pool = scene.pool(0);
  const cu_device_ptr block = scene.allocate(pool, stream0, 4096);
  scene.synchronize(stream0);
  cu_mem_access_desc access{{cu_mem_location_type::device, 2}, cu_mem_access_flags::read_write};
  EXPECT_EQ(scene.cu.mem_pool_set_access(pool, &access, 1), cu_result::invalid_device);
  scene.open(1);
  const cu_stream stream1 = scene.stream();
  const cu_device_ptr own = scene.allocate(scene.pool(1), stream1, 4096);
  EXPECT_EQ(scene.cu.memcpy_dtod_async(own, block, 4096, stream1), cu_result::invalid_value);
  EXPECT_EQ(scene.found(violation_kind::no_access), 1U);
  access.location.id = 1;
  EXPECT_EQ(scene.cu.mem_pool_set_access(pool, &access, 1), cu_result::success);
  EXPECT_EQ(scene.cu.memcpy_dtod_async(own, block, 4096, stream1), cu_result::success);
  EXPECT_EQ(scene.synchronize(stream1), cu_result::success);
}

TEST(emulated_memory, a_pool_with_a_limit_runs_out_there) {
  emulated_scene scene;
  scene.open();
  const cu_stream stream = scene.stream();
  cu_mem_pool_props props{};
  props.allocation_type = cu_mem_allocation_type::pinned;
  props.location = {cu_mem_location_type::device, 0};
  props.max_size_bytes = 8 * mib;
  cu_mem_pool pool = nullptr;
  ASSERT_EQ(scene.cu.mem_pool_create(&pool, &props), cu_result::success);
  EXPECT_NE(scene.allocate(pool, stream, 4 * mib), 0U);
  cu_device_ptr pointer = 0;
  EXPECT_EQ(scene.cu.mem_alloc_from_pool_async(&pointer, 6 * mib, pool, stream),
            cu_result::out_of_memory);
}

TEST(emulated_memory, a_pool_s_high_marks_are_set_back_to_what_is_there) {
  emulated_scene scene;
  scene.open();
  const cu_stream stream = scene.stream();
  const cu_mem_pool pool = scene.pool();
  keep_memory(scene, pool);
  const cu_device_ptr block = scene.allocate(pool, stream, 4 * mib);
  EXPECT_EQ(scene.cu.mem_free_async(block, stream), cu_result::success);
  scene.synchronize(stream);
  EXPECT_EQ(attribute(scene, pool, cu_mem_pool_attribute::used_mem_high), 4 * mib);
  for (const auto mark :
       {cu_mem_pool_attribute::used_mem_high, cu_mem_pool_attribute::reserved_mem_high}) {
    std::uint64_t value = 1;
    EXPECT_EQ(scene.cu.mem_pool_set_attribute(pool, mark, &value), cu_result::invalid_value);
    value = 0;
    EXPECT_EQ(scene.cu.mem_pool_set_attribute(pool, mark, &value), cu_result::success);
  }
  EXPECT_EQ(attribute(scene, pool, cu_mem_pool_attribute::used_mem_high), 0U);
  EXPECT_EQ(attribute(scene, pool, cu_mem_pool_attribute::reserved_mem_high),
            attribute(scene, pool, cu_mem_pool_attribute::reserved_mem_current));
}

TEST(emulated_memory, attributes_that_a_pool_does_not_have_are_refused) {
  emulated_scene scene;
  scene.open();
  const cu_mem_pool pool = scene.pool();
  std::uint64_t value = 0;
  const auto unknown = static_cast<cu_mem_pool_attribute>(99);
  EXPECT_EQ(scene.cu.mem_pool_set_attribute(pool, unknown, &value), cu_result::invalid_value);
  EXPECT_EQ(scene.cu.mem_pool_get_attribute(pool, unknown, &value), cu_result::invalid_value);
  EXPECT_EQ(scene.cu.mem_pool_set_attribute(pool, cu_mem_pool_attribute::used_mem_current, &value),
            cu_result::invalid_value);
  EXPECT_EQ(
      scene.cu.mem_pool_set_attribute(pool, cu_mem_pool_attribute::release_threshold, nullptr),
      cu_result::invalid_value);
  EXPECT_EQ(
      scene.cu.mem_pool_get_attribute(pool, cu_mem_pool_attribute::release_threshold, nullptr),
      cu_result::invalid_value);
}

TEST(emulated_memory, a_pool_stays_with_its_device_and_can_be_taken_from_a_peer) {
  emulated_options options = small_options(2);
  link_all(options);
  emulated_scene scene(options);
  scene.open(0);
  const cu_stream stream0 = scene.stream();
  const cu_mem_pool pool = scene.pool(0);
  const cu_device_ptr block = scene.allocate(pool, stream0, 4096);
  scene.synchronize(stream0);
  const auto allow = [&](int device, cu_mem_access_flags flags) {
    const cu_mem_access_desc access{{cu_mem_location_type::device, device}, flags};
    return scene.cu.mem_pool_set_access(pool, &access, 1);
  };
  EXPECT_EQ(allow(0, cu_mem_access_flags::read_write), cu_result::success);
  EXPECT_EQ(allow(0, cu_mem_access_flags::none), cu_result::invalid_value);
  EXPECT_EQ(allow(5, cu_mem_access_flags::read_write), cu_result::invalid_device);
  EXPECT_EQ(scene.cu.mem_pool_set_access(pool, nullptr, 1), cu_result::invalid_value);
  EXPECT_EQ(allow(1, cu_mem_access_flags::read_write), cu_result::success);
  scene.open(1);
  const cu_stream stream1 = scene.stream();
  const cu_device_ptr own = scene.allocate(scene.pool(1), stream1, 4096);
  EXPECT_EQ(scene.cu.memcpy_dtod_async(own, block, 4096, stream1), cu_result::success);
  scene.synchronize(stream1);
  EXPECT_EQ(allow(1, cu_mem_access_flags::none), cu_result::success);
  EXPECT_EQ(scene.cu.memcpy_dtod_async(own, block, 4096, stream1), cu_result::invalid_value);
  EXPECT_EQ(scene.found(violation_kind::no_access), 1U);
}

TEST(emulated_memory, a_pointer_says_which_block_it_is_in_and_where_it_is) {
  emulated_scene scene;
  scene.open();
  const cu_stream stream = scene.stream();
  const cu_mem_pool pool = scene.pool();
  const cu_device_ptr first = scene.allocate(pool, stream, 1000);
  const cu_device_ptr second = scene.allocate(pool, stream, 1000);
  registered_bytes host(scene.cu, 256);
  struct places {
    cu_device_ptr device = 1;
    void* host = nullptr;
    unsigned long long block = 0;
  };
  const auto ask = [&](cu_device_ptr pointer) {
    cu_pointer_attribute wanted[] = {cu_pointer_attribute::device_pointer,
                                     cu_pointer_attribute::host_pointer,
                                     cu_pointer_attribute::buffer_id};
    places found;
    void* values[] = {&found.device, &found.host, &found.block};
    EXPECT_EQ(scene.cu.pointer_get_attributes(3, wanted, values, pointer), cu_result::success);
    return found;
  };
  EXPECT_EQ(ask(first + 10).device, first + 10);
  EXPECT_EQ(ask(first).host, nullptr);
  EXPECT_NE(ask(first).block, ask(second).block);
  EXPECT_EQ(ask(first).block, ask(first + 999).block);
  unsigned char* registered = host.get().data();
  EXPECT_EQ(ask(reinterpret_cast<cu_device_ptr>(registered)).host, registered);
  int local = 0;
  EXPECT_EQ(ask(reinterpret_cast<cu_device_ptr>(&local)).device, 0U);
  auto unknown = static_cast<cu_pointer_attribute>(99);
  void* value = &local;
  EXPECT_EQ(scene.cu.pointer_get_attributes(1, &unknown, &value, first), cu_result::invalid_value);
}

TEST(emulated_memory, devices_tell_what_a_kernel_library_asks_for) {
  emulated_options options = small_options(2);
  options.links.assign(2, std::vector<emulated_link>(2));
  options.links[0][1] = {.can_access = true, .native_atomics = true, .performance_rank = 1};
  emulated_scene scene(options);
  const auto tells = [&](cu_device_attribute attribute) {
    int value = -1;
    EXPECT_EQ(scene.cu.device_get_attribute(&value, attribute, 1), cu_result::success);
    return value;
  };
  EXPECT_GT(tells(cu_device_attribute::clock_rate_khz), 0);
  EXPECT_EQ(tells(cu_device_attribute::integrated), 0);
  EXPECT_NE(tells(cu_device_attribute::pci_bus_id), 0);
  EXPECT_EQ(tells(cu_device_attribute::unified_addressing), 1);
  EXPECT_EQ(tells(static_cast<cu_device_attribute>(9'999)), 0);
  const auto peers = [&](int* value, cu_p2p_attribute attribute, int from, int to) {
    return scene.cu.device_get_p2p_attribute(value, attribute, from, to);
  };
  int value = -1;
  EXPECT_EQ(peers(&value, cu_p2p_attribute::access_supported, 0, 1), cu_result::success);
  EXPECT_EQ(value, 1);
  EXPECT_EQ(peers(&value, cu_p2p_attribute::access_supported, 1, 0), cu_result::success);
  EXPECT_EQ(value, 0);
  EXPECT_EQ(peers(&value, cu_p2p_attribute::native_atomic_supported, 0, 1), cu_result::success);
  EXPECT_EQ(value, 1);
  EXPECT_EQ(peers(&value, cu_p2p_attribute::access_supported, 1, 1), cu_result::invalid_device);
  EXPECT_EQ(peers(&value, cu_p2p_attribute::access_supported, 0, 2), cu_result::invalid_device);
  EXPECT_EQ(peers(nullptr, cu_p2p_attribute::access_supported, 0, 1), cu_result::invalid_value);
  EXPECT_EQ(peers(&value, static_cast<cu_p2p_attribute>(9), 0, 1), cu_result::invalid_value);
}

TEST(emulated_memory, no_stream_is_ever_capturing) {
  emulated_scene scene;
  scene.open();
  const cu_stream stream = scene.stream();
  auto status = cu_stream_capture_status::active;
  EXPECT_EQ(scene.cu.stream_is_capturing(stream, &status), cu_result::success);
  EXPECT_EQ(status, cu_stream_capture_status::none);
  EXPECT_EQ(scene.cu.stream_is_capturing(stream, nullptr), cu_result::invalid_value);
  EXPECT_EQ(scene.cu.stream_destroy(stream), cu_result::success);
  EXPECT_EQ(scene.cu.stream_is_capturing(stream, &status), cu_result::invalid_handle);
}

}  // namespace
}  // namespace narke::internal
