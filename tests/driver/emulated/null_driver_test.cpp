// The driver that costs nothing: complete at once, counted, and otherwise quiet.
#include "driver/emulated/null_driver.hpp"

#include <gtest/gtest.h>

#include <cstring>
#include <memory>
#include <stdexcept>

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
