// Page protection: who touches device memory without having declared it.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "driver/emulated/emulated_fixture.hpp"

namespace narke::internal {
namespace {

using testing::AllOf;
using testing::HasSubstr;

std::atomic<unsigned char>& byte_at(cu_device_ptr address) {
  return *reinterpret_cast<std::atomic<unsigned char>*>(address);
}

class guarded_clock : public testing::TestWithParam<emulated_clock> {
 protected:
  void SetUp() override {
    scene.open();
    stream = scene.stream();
    pool = scene.pool();
    a = scene.allocate(pool, stream, 5000);
    b = scene.allocate(pool, stream, 5000);
    scene.synchronize(stream);
  }
  void expect_one(const char* first, const char* second) {
    const auto violations = scene.driver.violations();
    ASSERT_EQ(violations.size(), 1U) << scene.findings();
    EXPECT_EQ(violations[0].kind, violation_kind::undeclared_access);
    EXPECT_THAT(violations[0].message, AllOf(HasSubstr(first), HasSubstr(second)));
    scene.driver.clear_violations();
  }

  emulated_scene scene{[] {
    emulated_options options = small_options();
    options.protect_pages = true;
    options.clock = GetParam();
    return options;
  }()};
  cu_stream stream = nullptr;
  cu_mem_pool pool = nullptr;
  cu_device_ptr a = 0;
  cu_device_ptr b = 0;
};

TEST_P(guarded_clock, declared_accesses_copies_and_fills_pass) {
  std::vector<unsigned char> host(5000, 3);
  scene.cu.mem_host_register(host.data(), host.size(), 1);
  scene.cu.memcpy_htod_async(a, host.data(), 5000, stream);
  scene.run(stream, [this] { byte_at(b + 4999) = byte_at(a + 4999).load(); },
            {reads(a, 5000), writes(b, 5000)});
  scene.cu.memset_d8_async(b, 9, 10, stream);
  scene.cu.memcpy_dtoh_async(host.data(), b, 5000, stream);
  EXPECT_EQ(scene.synchronize(stream), cu_result::success);
  EXPECT_EQ(host[0], 9);
  EXPECT_EQ(host[4999], 3);
  scene.cu.mem_host_unregister(host.data());
  EXPECT_EQ(scene.driver.violation_count(), 0U) << scene.findings();
}

TEST_P(guarded_clock, a_read_of_an_undeclared_block_is_told_and_the_work_goes_on) {
  bool ended = false;
  scene.run(
      stream,
      [&] {
        (void)byte_at(b).load();
        ended = true;
      },
      {reads(a, 5000)}, "careless");
  scene.synchronize(stream);
  EXPECT_TRUE(ended);
  expect_one("'careless' read", "block 2 of 5000 bytes");
}

TEST_P(guarded_clock, a_page_that_was_opened_by_a_fault_is_closed_again) {
  for (int i = 0; i < 3; ++i) {
    scene.run(
        stream, [&] { (void)byte_at(b).load(); }, {}, "careless");
    scene.synchronize(stream);
    expect_one("'careless' read", "block 2");
  }
}

TEST_P(guarded_clock, a_write_to_what_is_only_read_is_told) {
  scene.run(
      stream, [&] { byte_at(a) = 1; }, {reads(a, 5000)}, "scribbler");
  scene.synchronize(stream);
#if defined(__x86_64__)
  expect_one("'scribbler' wrote to", "block 1");
#else
  expect_one("'scribbler'", "block 1");
#endif
}

TEST_P(guarded_clock, a_page_past_the_end_of_a_block_is_told) {
  scene.run(
      stream, [&] { byte_at(a + 8192) = 1; }, {writes(a, 5000)}, "overrun");
  scene.synchronize(stream);
  expect_one("'overrun'", "memory of no block");
}

TEST_P(guarded_clock, the_host_may_not_touch_device_memory) {
  (void)byte_at(a).load();
  expect_one("the host, outside of device work, read", "block 1");
}

TEST_P(guarded_clock, announced_accesses_are_open_to_the_closures_that_follow) {
  scene.cu.annotate(annotation::read, a, 5000, stream, "task");
  scene.cu.annotate(annotation::write, b, 5000, stream, "task");
  for (int i = 0; i < 2; ++i) {
    scene.run(stream, [this] { byte_at(b) = byte_at(a).load(); });
  }
  scene.synchronize(stream);
  EXPECT_EQ(scene.driver.violation_count(), 0U) << scene.findings();
  scene.cu.annotate(annotation::read, a, 5000, stream, "another task");
  scene.run(
      stream, [this] { byte_at(b) = 1; }, {}, "stale");
  scene.synchronize(stream);
  expect_one("'stale'", "block 2");
}

INSTANTIATE_TEST_SUITE_P(clocks, guarded_clock,
                         testing::Values(emulated_clock::free_running,
                                         emulated_clock::virtual_time));

TEST(page_guard_death, a_fault_elsewhere_still_ends_the_program) {
  testing::GTEST_FLAG(death_test_style) = "threadsafe";
  emulated_options options = small_options();
  options.protect_pages = true;
  EXPECT_DEATH(
      {
        emulated_scene scene(options);
        scene.open();
        // Not a constant: the compiler would see where it goes.
        const volatile cu_device_ptr nowhere = 8;
        byte_at(nowhere) = 1;
      },
      "");
}

}  // namespace
}  // namespace narke::internal
