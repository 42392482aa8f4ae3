// The driver that costs nothing: complete at once, counted, and otherwise quiet.
#include "driver/emulated/null_driver.hpp"

#include <gtest/gtest.h>

#include <cstring>
#include <memory>
#include <stdexcept>

#include "driver/device_facts.hpp"

namespace narke::internal {
namespace {

TEST(null_driver, everything_is_complete_and_counted) {
  null_driver driver;
  const driver_table& cu = driver.table();
  cu_context context = nullptr;
  ASSERT_EQ(cu.init(0), cu_result::success);
  ASSERT_EQ(cu.device_primary_ctx_retain(&context, 0), cu_result::success);
  ASSERT_EQ(cu.ctx_set_current(context), cu_result::success);
  cu_context current = nullptr;
  cu.ctx_get_current(&current);
  EXPECT_EQ(current, context);
  cu_stream stream = nullptr;
  cu_event event = nullptr;
  cu.stream_create_with_priority(&stream, cu_stream_non_blocking, 0);
  cu.event_create(&event, cu_event_disable_timing);
  driver.reset_calls();
  for (int i = 0; i < 3; ++i) cu.event_record(event, stream);
  EXPECT_EQ(cu.event_query(event), cu_result::success);
  EXPECT_EQ(cu.stream_query(stream), cu_result::success);
  EXPECT_EQ(driver.calls("event_record"), 3U);
  EXPECT_EQ(driver.calls_total(), 5U);
  EXPECT_THROW((void)driver.calls("nothing"), std::invalid_argument);
}

TEST(null_driver, every_entry_of_the_table_is_set) {
  null_driver driver;
  const driver_table& table = driver.table();
  using entry = void (*)();
  entry entries[sizeof(driver_table) / sizeof(entry)];
  static_assert(sizeof entries == sizeof table);
  std::memcpy(entries, &table, sizeof table);
  for (const entry one : entries) EXPECT_NE(one, nullptr);
}

TEST(null_driver, closures_run_in_the_call_and_are_dropped) {
  null_driver driver;
  int steps = 0;
  const emulated_work work{.run =
                               [](void* context) {
                                 ++*static_cast<int*>(context);
                                 return true;
                               },
                           .drop = [](void* context) { *static_cast<int*>(context) += 10; },
                           .context = &steps};
  EXPECT_EQ(driver.table().emulate(nullptr, work), cu_result::success);
  EXPECT_EQ(steps, 11);
}

TEST(null_driver, memory_is_the_hosts_and_copies_move_bytes_on_request) {
  for (const bool moves : {false, true}) {
    null_driver driver({.move_bytes = moves});
    const driver_table& cu = driver.table();
    cu_device_ptr block = 0;
    ASSERT_EQ(cu.mem_alloc_from_pool_async(&block, 1000, nullptr, nullptr), cu_result::success);
    EXPECT_EQ(block % 512, 0U);
    EXPECT_EQ(driver.blocks(), 1);
    std::memset(reinterpret_cast<void*>(block), 1, 1000);
    const char source = 7;
    cu.memcpy_htod_async(block, &source, 1, nullptr);
    EXPECT_EQ(*reinterpret_cast<const char*>(block), moves ? 7 : 1);
    cu.mem_free_async(block, nullptr);
    EXPECT_EQ(driver.blocks(), 0);
  }
}

TEST(null_driver, every_copy_and_fill_moves_bytes_on_request) {
  for (const bool moves : {false, true}) {
    null_driver driver({.gpus = 2, .move_bytes = moves});
    const driver_table& cu = driver.table();
    cu_device_ptr first = 0;
    cu_device_ptr second = 0;
    ASSERT_EQ(cu.mem_alloc_from_pool_async(&first, 16, nullptr, nullptr), cu_result::success);
    ASSERT_EQ(cu.mem_alloc_from_pool_async(&second, 16, nullptr, nullptr), cu_result::success);
    const auto bytes = [](cu_device_ptr block) { return reinterpret_cast<char*>(block); };
    std::memset(bytes(first), 1, 16);
    std::memset(bytes(second), 2, 16);
    EXPECT_EQ(cu.memset_d8_async(first, 5, 4, nullptr), cu_result::success);
    EXPECT_EQ(bytes(first)[3], moves ? 5 : 1);
    EXPECT_EQ(bytes(first)[4], 1);
    EXPECT_EQ(cu.memcpy_dtod_async(second, first, 4, nullptr), cu_result::success);
    EXPECT_EQ(bytes(second)[0], moves ? 5 : 2);
    EXPECT_EQ(cu.memcpy_peer_async(second + 8, nullptr, first, nullptr, 4, nullptr),
              cu_result::success);
    EXPECT_EQ(bytes(second)[8], moves ? 5 : 2);
    char host = 9;
    EXPECT_EQ(cu.memcpy_dtoh_async(&host, second, 1, nullptr), cu_result::success);
    EXPECT_EQ(host, moves ? 5 : 9);
    EXPECT_EQ(driver.calls("memcpy_peer_async"), 1U);
    cu.mem_free_async(first, nullptr);
    cu.mem_free_async(second, nullptr);
  }
}

// What narke asks of any driver when it opens its GPUs: as device_facts reads it.
TEST(null_driver, tells_facts_as_a_driver_does) {
  null_driver driver({.gpus = 2, .memory_bytes = 1 << 20});
  const driver_facts facts = read_driver_facts(driver.table());
  ASSERT_EQ(facts.devices.size(), 2U);
  EXPECT_EQ(facts.devices[1].name, "null GPU");
  EXPECT_EQ(facts.devices[1].memory_total_bytes, 1U << 20);
  EXPECT_EQ(facts.devices[1].compute_capability, "9.1");
  EXPECT_NE(facts.devices[0].uuid, facts.devices[1].uuid);
  EXPECT_NE(facts.devices[0].pci_bus_id, facts.devices[1].pci_bus_id);
  ASSERT_EQ(facts.peers.size(), 2U);
  EXPECT_EQ(facts.peers[0].can_access, true);
}

TEST(null_driver, tells_states_that_never_change) {
  null_driver driver({.gpus = 1, .memory_bytes = 1 << 20});
  const driver_table& cu = driver.table();
  cu_context context = nullptr;
  EXPECT_EQ(cu.device_primary_ctx_retain(&context, 1), cu_result::invalid_device);
  cu_device device = -1;
  EXPECT_EQ(cu.device_get(&device, 1), cu_result::invalid_device);
  unsigned flags = 1;
  int active = 0;
  EXPECT_EQ(cu.device_primary_ctx_get_state(0, &flags, &active), cu_result::success);
  EXPECT_EQ(active, 1);
  int least = 7;
  int greatest = 7;
  EXPECT_EQ(cu.ctx_get_stream_priority_range(&least, &greatest), cu_result::success);
  EXPECT_EQ(least, greatest) << "one priority";
  auto capture = cu_stream_capture_status::active;
  EXPECT_EQ(cu.stream_is_capturing(nullptr, &capture), cu_result::success);
  EXPECT_EQ(capture, cu_stream_capture_status::none);
  std::size_t free = 0;
  std::size_t total = 0;
  EXPECT_EQ(cu.mem_get_info(&free, &total), cu_result::success);
  EXPECT_EQ(free, total);
  float milliseconds = 1;
  EXPECT_EQ(cu.event_elapsed_time(&milliseconds, nullptr, nullptr), cu_result::success);
  EXPECT_EQ(milliseconds, 0);
  std::uint64_t used = 1;
  EXPECT_EQ(cu.mem_pool_get_attribute(nullptr, cu_mem_pool_attribute::used_mem_current, &used),
            cu_result::success);
  EXPECT_EQ(used, 0U);
  int on = 1;
  EXPECT_EQ(
      cu.mem_pool_get_attribute(nullptr, cu_mem_pool_attribute::reuse_allow_opportunistic, &on),
      cu_result::success);
  EXPECT_EQ(on, 0);
  EXPECT_EQ(cu.mem_pool_trim_to(nullptr, 0), cu_result::success);
  EXPECT_EQ(cu.mem_pool_set_access(nullptr, nullptr, 0), cu_result::success);
  int version = 0;
  EXPECT_EQ(cu.driver_get_version(&version), cu_result::success);
  EXPECT_GE(version, 13'000);
  const char* text = "";
  EXPECT_EQ(cu.get_error_name(cu_result::invalid_value, &text), cu_result::invalid_value);
  EXPECT_EQ(text, nullptr) << "it has no words";
  char name[4] = "abc";
  EXPECT_EQ(cu.device_get_name(name, 0, 0), cu_result::invalid_value);
  EXPECT_EQ(cu.device_get_name(name, 4, 0), cu_result::success);
  EXPECT_STREQ(name, "nul");
}

TEST(null_driver, says_of_every_pointer_that_it_is_not_its_own) {
  null_driver driver;
  int here = 0;
  const auto pointer = reinterpret_cast<cu_device_ptr>(&here);
  cu_pointer_attribute wanted[] = {
      cu_pointer_attribute::memory_type, cu_pointer_attribute::device_ordinal,
      cu_pointer_attribute::device_pointer, cu_pointer_attribute::mem_pool_handle};
  auto type = cu_memory_type::device;
  int ordinal = 0;
  cu_device_ptr address = 0;
  auto pool = reinterpret_cast<cu_mem_pool>(pointer);
  void* values[] = {&type, &ordinal, &address, &pool};
  EXPECT_EQ(driver.table().pointer_get_attributes(4, wanted, values, pointer), cu_result::success);
  EXPECT_EQ(type, cu_memory_type::unknown);
  EXPECT_EQ(ordinal, -2);
  EXPECT_EQ(address, pointer);
  EXPECT_EQ(pool, nullptr);
}

TEST(null_driver, only_one_lives_at_a_time) {
  null_driver first;
  EXPECT_THROW(std::make_unique<null_driver>(), std::logic_error);
}

TEST(null_driver, bad_options_name_their_field) {
  EXPECT_THROW(std::make_unique<null_driver>(null_driver_options{.gpus = -1}),
               std::invalid_argument);
}

}  // namespace
}  // namespace narke::internal
