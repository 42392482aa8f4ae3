// Loads a driver library with a device behind it, and works through what was loaded.
#include <dlfcn.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <array>
#include <cstdlib>
#include <initializer_list>
#include <string>
#include <utility>
#include <vector>

#include "driver/cuda_driver.hpp"
#include "driver/device_facts.hpp"

namespace {

using namespace narke::internal;
using testing::Each;
using testing::HasSubstr;

constexpr auto success = cu_result::success;

/// Sets the library's environment, and ends its driver afterwards: nothing may be left in it.
class emulated_libcuda : public testing::Test {
 protected:
  void set(const char* name, const std::string& value) {
    names_.push_back(std::string("NARKE_EMULATED_CUDA_") + name);
    ::setenv(names_.back().c_str(), value.c_str(), 1);
  }
  static cuda_driver load() { return load_cuda_driver(NARKE_EMULATED_LIBCUDA); }

  void TearDown() override {
    void* handle = ::dlopen(NARKE_EMULATED_LIBCUDA, RTLD_NOW | RTLD_LOCAL);
    ASSERT_NE(handle, nullptr) << ::dlerror();
    auto* end = reinterpret_cast<std::size_t (*)(char*, std::size_t)>(
        ::dlsym(handle, "narke_emulated_cuda_end"));
    ASSERT_NE(end, nullptr);
    std::array<char, 1024> first{};
    EXPECT_EQ(end(first.data(), first.size()), 0u) << first.data();
    for (const auto& name : names_) ::unsetenv(name.c_str());
  }

 private:
  std::vector<std::string> names_;
};

TEST_F(emulated_libcuda, is_loaded_by_path_and_tells_of_its_devices) {
  set("DEVICES", "2");
  set("MEMORY", std::to_string(std::size_t{3} << 30));
  set("VERSION", "12080");
  const cuda_driver driver = load();
  ASSERT_EQ(driver.state, driver_state::present) << driver.problem;
  EXPECT_EQ(driver.version, 12080);
  const driver_facts facts = read_driver_facts(driver.table);
  EXPECT_TRUE(facts.warnings.empty()) << facts.warnings.front();
  ASSERT_EQ(facts.devices.size(), 2u);
  EXPECT_EQ(facts.devices[1].memory_total_bytes, std::size_t{3} << 30);
  EXPECT_NE(facts.devices[0].uuid, facts.devices[1].uuid);
  EXPECT_EQ(facts.peers.size(), 2u);
}

/// An open device with a pool and two streams, all given back at the end.
class open_device {
 public:
  explicit open_device(const driver_table& table) : table_(table) {
    EXPECT_EQ(table_.device_primary_ctx_retain(&context_, 0), success);
    EXPECT_EQ(table_.ctx_set_current(context_), success);
    const cu_mem_pool_props props{.allocation_type = cu_mem_allocation_type::pinned,
                                  .handle_types = cu_mem_handle_type::none,
                                  .location = {cu_mem_location_type::device, 0}};
    EXPECT_EQ(table_.mem_pool_create(&pool, &props), success);
    for (cu_stream& stream : streams) {
      const auto code = table_.stream_create_with_priority(&stream, cu_stream_non_blocking, 0);
      EXPECT_EQ(code, success);
    }
    EXPECT_EQ(table_.event_create(&event, cu_event_disable_timing), success);
  }
  ~open_device() {
    EXPECT_EQ(table_.event_destroy(event), success);
    for (cu_stream stream : streams) {
      EXPECT_EQ(table_.stream_synchronize(stream), success);
      EXPECT_EQ(table_.stream_destroy(stream), success);
    }
    EXPECT_EQ(table_.mem_pool_destroy(pool), success);
    EXPECT_EQ(table_.ctx_set_current(nullptr), success);
    EXPECT_EQ(table_.device_primary_ctx_release(0), success);
  }
  open_device(const open_device&) = delete;
  open_device& operator=(const open_device&) = delete;

  cu_mem_pool pool = nullptr;
  std::array<cu_stream, 2> streams = {};
  cu_event event = nullptr;

 private:
  const driver_table& table_;
  cu_context context_ = nullptr;
};

TEST_F(emulated_libcuda, runs_copies_and_fills_over_two_streams_through_the_loaded_table) {
  const cuda_driver driver = load();
  ASSERT_EQ(driver.state, driver_state::present) << driver.problem;
  const driver_table& table = driver.table;
  constexpr std::size_t bytes = 1 << 16;
  alignas(4096) static std::array<unsigned char, bytes> host;
  host.fill(1);
  {
    open_device device(table);
    ASSERT_EQ(table.mem_host_register(host.data(), bytes, cu_mem_host_register_portable), success);
    const auto [first, second] = device.streams;
    cu_device_ptr from = 0;
    cu_device_ptr to = 0;
    ASSERT_EQ(table.mem_alloc_from_pool_async(&from, bytes, device.pool, first), success);
    ASSERT_EQ(table.mem_alloc_from_pool_async(&to, bytes, device.pool, first), success);
    EXPECT_EQ(table.memcpy_htod_async(from, host.data(), bytes, first), success);
    EXPECT_EQ(table.memset_d8_async(from, 7, bytes / 2, first), success);
    EXPECT_EQ(table.event_record(device.event, first), success);
    EXPECT_EQ(table.stream_wait_event(second, device.event, 0), success);
    EXPECT_EQ(table.memcpy_dtod_async(to, from, bytes, second), success);
    EXPECT_EQ(table.memcpy_dtoh_async(host.data(), to, bytes, second), success);
    EXPECT_EQ(table.stream_synchronize(second), success);
    EXPECT_EQ(table.event_query(device.event), success);
    EXPECT_EQ(table.mem_free_async(from, second), success);
    EXPECT_EQ(table.mem_free_async(to, second), success);
    EXPECT_EQ(table.stream_synchronize(second), success);
    EXPECT_EQ(table.mem_host_unregister(host.data()), success);
  }
  EXPECT_THAT(std::vector(host.begin(), host.begin() + bytes / 2), Each(7));
  EXPECT_THAT(std::vector(host.begin() + bytes / 2, host.end()), Each(1));
}

TEST_F(emulated_libcuda, has_nothing_to_do_for_the_entries_that_are_no_cuda) {
  const cuda_driver driver = load();
  ASSERT_EQ(driver.state, driver_state::present) << driver.problem;
  EXPECT_EQ(driver.table.emulate(nullptr, emulated_work{}), cu_result::not_supported);
  EXPECT_EQ(driver.table.annotate(annotation::free, 0, 1, nullptr, nullptr), success);
}

TEST_F(emulated_libcuda, device_that_another_process_holds_is_seen_and_cannot_be_opened) {
  set("DEVICES", "2");
  set("TAKEN", "0");
  const cuda_driver driver = load();
  ASSERT_EQ(driver.state, driver_state::present) << driver.problem;
  EXPECT_EQ(read_driver_facts(driver.table).devices.size(), 2u);
  cu_context context = nullptr;
  EXPECT_EQ(driver.table.device_primary_ctx_retain(&context, 0), cu_result::device_unavailable);
  EXPECT_THAT(describe_result(driver.table, cu_result::device_unavailable), HasSubstr("(46)"));
  EXPECT_EQ(driver.table.device_primary_ctx_retain(&context, 1), success);
  EXPECT_EQ(driver.table.device_primary_ctx_release(1), success);
}

TEST_F(emulated_libcuda, memory_that_is_not_there_is_an_error_that_passes) {
  set("MEMORY", std::to_string(std::size_t{64} << 20));
  const cuda_driver driver = load();
  ASSERT_EQ(driver.state, driver_state::present) << driver.problem;
  open_device device(driver.table);
  cu_device_ptr block = 0;
  const auto ask = [&](std::size_t bytes) {
    return driver.table.mem_alloc_from_pool_async(&block, bytes, device.pool, device.streams[0]);
  };
  EXPECT_EQ(ask(std::size_t{65} << 20), cu_result::out_of_memory);
  EXPECT_EQ(ask(std::size_t{1} << 20), success);
  EXPECT_EQ(driver.table.mem_free_async(block, device.streams[0]), success);
}

struct failure {
  const char* name;
  const char* variable;
  const char* value;
  driver_state state;
  const char* words;  ///< in the problem
};

class emulated_libcuda_failure : public emulated_libcuda,
                                 public testing::WithParamInterface<failure> {};

TEST_P(emulated_libcuda_failure, is_told_when_it_is_loaded) {
  set(GetParam().variable, GetParam().value);
  const cuda_driver driver = load();
  EXPECT_EQ(driver.state, GetParam().state);
  EXPECT_THAT(driver.problem, HasSubstr(GetParam().words));
  EXPECT_EQ(driver.problem.empty(), driver.state == driver_state::absent);
  EXPECT_EQ(driver.table.device_primary_ctx_retain, nullptr);
}

constexpr auto absent = driver_state::absent;
constexpr auto broken = driver_state::broken;

INSTANTIATE_TEST_SUITE_P(
    each, emulated_libcuda_failure,
    testing::Values(
        failure{"missing_fact", "MISSING", "cuDeviceGetUuid", broken, "cuDeviceGetUuid"},
        failure{"missing_execution", "MISSING", "cuStreamWaitEvent", broken,
                "cuStreamWaitEvent (CUDA error 500); it can tell of its devices but not run work"},
        failure{"old", "VERSION", "11080", broken, "serves CUDA 11.8, and CUDA 12.0 is the oldest"},
        failure{"too_old_for_pools", "VERSION", "11010", broken, "cuDeviceGetUuid"},
        failure{"no_device", "DEVICES", "0", absent, ""},
        failure{"no_device_at_init", "FAIL", "init:100", absent, ""},
        failure{"stub", "FAIL", "driver_get_version:34", absent, ""},
        failure{"not_ready", "FAIL", "init:802", broken, "802"},
        failure{"mismatch", "FAIL", "init:803", broken, "803"},
        failure{"unknown", "FAIL", "init:999", broken, "CUDA_ERROR_UNKNOWN (999)"}),
    [](const auto& instance) { return std::string(instance.param.name); });

}  // namespace
