#include "driver/cuda_driver.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <filesystem>
#include <fstream>

#include "driver/driver_symbols.hpp"
#include "driver/fake_driver.hpp"

namespace {

using namespace narke::internal;
using narke_test::fake_driver_settings;
using testing::HasSubstr;

TEST(cuda_driver, library_that_is_nowhere_is_absent_without_a_word) {
  for (const char* library : {"libnarke-no-such-driver.so.1", "/no/such/directory/libcuda.so.1"}) {
    const cuda_driver driver = load_cuda_driver(library);
    EXPECT_EQ(driver.state, driver_state::absent) << library;
    EXPECT_EQ(driver.problem, "");
    EXPECT_EQ(driver.table.init, nullptr);
  }
}

TEST(cuda_driver, file_that_is_no_library_is_broken_and_named) {
  const auto path = std::filesystem::path(testing::TempDir()) / "narke_not_a_library.so.1";
  std::ofstream(path) << "this is not an ELF file, however long it may be";
  const cuda_driver driver = load_cuda_driver(path.string());
  std::filesystem::remove(path);
  EXPECT_EQ(driver.state, driver_state::broken);
  EXPECT_THAT(driver.problem, HasSubstr("cannot be loaded"));
  EXPECT_THAT(driver.problem, HasSubstr("narke_not_a_library.so.1"));
}

TEST(cuda_driver, driver_with_devices_is_present_with_every_entry_point) {
  const fake_driver_settings fake{{"DEVICES", "2"}, {"VERSION", "12080"}};
  const cuda_driver driver = load_cuda_driver(NARKE_FAKE_CUDA);
  ASSERT_EQ(driver.state, driver_state::present) << driver.problem;
  EXPECT_EQ(driver.version, 12080);
  EXPECT_EQ(driver.problem, "");
  int slots = 0;
  const auto is_set = [&slots](auto* slot, const char* name, int) {
    EXPECT_NE(slot, nullptr) << name;
    ++slots;
  };
  visit_fact_symbols(driver.table, is_set);
  visit_execution_symbols(driver.table, is_set);
  EXPECT_EQ((slots + 2) * sizeof(void*), sizeof(driver_table)) << "two entries are our own";
}

TEST(cuda_driver, our_own_entries_do_nothing_on_cuda) {
  const fake_driver_settings fake{{"DEVICES", "1"}};
  const cuda_driver driver = load_cuda_driver(NARKE_FAKE_CUDA);
  ASSERT_EQ(driver.state, driver_state::present) << driver.problem;
  int calls = 0;
  const auto count_run = [](void* counter) { return ++*static_cast<int*>(counter) > 0; };
  const auto count_drop = [](void* counter) { ++*static_cast<int*>(counter); };
  const emulated_work work{.run = count_run, .drop = count_drop, .context = &calls};
  EXPECT_EQ(driver.table.emulate(nullptr, work), cu_result::not_supported);
  EXPECT_EQ(calls, 0) << "the closure stays the caller's";
  EXPECT_EQ(driver.table.annotate(annotation::alloc, 4096, 64, nullptr, "block"),
            cu_result::success);
}

TEST(cuda_driver, loading_twice_gives_the_same_entry_points) {
  const fake_driver_settings fake{{"DEVICES", "1"}};
  const cuda_driver first = load_cuda_driver(NARKE_FAKE_CUDA);
  const cuda_driver second = load_cuda_driver(NARKE_FAKE_CUDA);
  EXPECT_EQ(second.state, driver_state::present);
  EXPECT_EQ(first.table.device_get_name, second.table.device_get_name);
}

struct failure {
  const char* name;
  const char* variable;
  const char* value;
  driver_state state;
  const char* words;  ///< in the problem
};

class driver_failure : public testing::TestWithParam<failure> {};

TEST_P(driver_failure, is_told_apart_from_a_machine_without_a_gpu) {
  const fake_driver_settings fake{{"DEVICES", "1"}, {GetParam().variable, GetParam().value}};
  const cuda_driver driver = load_cuda_driver(NARKE_FAKE_CUDA);
  EXPECT_EQ(driver.state, GetParam().state);
  EXPECT_THAT(driver.problem, HasSubstr(GetParam().words));
  EXPECT_EQ(driver.problem.empty(), driver.state == driver_state::absent);
  EXPECT_EQ(driver.table.device_get_count, nullptr);
}

constexpr auto absent = driver_state::absent;
constexpr auto broken = driver_state::broken;

INSTANTIATE_TEST_SUITE_P(
    each, driver_failure,
    testing::Values(
        failure{"no_device", "FAIL", "cuInit:100", absent, ""},
        failure{"no_device_listed", "DEVICES", "0", absent, ""},
        failure{"stub", "FAIL", "cuInit:34", absent, ""},
        failure{"stub_at_bootstrap", "FAIL", "cuGetProcAddress:34", absent, ""},
        failure{"stub_at_version", "FAIL", "cuDriverGetVersion:34", absent, ""},
        failure{"not_ready", "FAIL", "cuInit:802", broken, "CUDA_ERROR_SYSTEM_NOT_READY (802)"},
        failure{"mismatch", "FAIL", "cuInit:803", broken, "CUDA error 803"},
        failure{"no_compatibility", "FAIL", "cuInit:804", broken, "CUDA error 804"},
        failure{"unknown", "FAIL", "cuInit:999", broken,
                "CUDA_ERROR_UNKNOWN (999): unknown error"},
        failure{"version_fails", "FAIL", "cuDriverGetVersion:999", broken, "(999)"},
        failure{"old", "VERSION", "11080", broken, "serves CUDA 11.8"},
        failure{"missing_symbol", "MISSING", "cuDeviceGetUuid", broken, "cuDeviceGetUuid"},
        failure{"missing_init", "MISSING", "cuInit", broken, "cuInit"},
        failure{"missing_pool", "MISSING", "cuMemAllocFromPoolAsync", broken,
                "does not give the entry point cuMemAllocFromPoolAsync (CUDA error 500); it can "
                "tell of its devices but not run work on them"},
        failure{"missing_last", "MISSING", "cuEventElapsedTime", broken, "cuEventElapsedTime"},
        failure{"bootstrap_fails", "FAIL", "cuGetProcAddress:1", broken, "CUDA error 1"}),
    [](const auto& instance) { return std::string(instance.param.name); });

TEST(cuda_driver, driver_without_the_bootstrap_symbol_is_too_old_and_says_its_version) {
  const fake_driver_settings fake{{"DEVICES", "1"}, {"VERSION", "11040"}};
  const cuda_driver driver = load_cuda_driver(NARKE_FAKE_CUDA_OLD_LIBRARY);
  EXPECT_EQ(driver.state, driver_state::broken);
  EXPECT_THAT(driver.problem, HasSubstr("serves CUDA 11.4"));
  EXPECT_THAT(driver.problem, HasSubstr("CUDA 12.0 is the oldest"));
  EXPECT_EQ(driver.version, 11040);
}

TEST(cuda_driver, library_that_is_no_driver_at_all_lacks_the_bootstrap_symbol) {
  const cuda_driver driver = load_cuda_driver("libm.so.6");
  EXPECT_EQ(driver.state, driver_state::broken);
  EXPECT_THAT(driver.problem, HasSubstr("cuGetProcAddress_v2"));
}

TEST(cuda_driver, stub_of_the_toolkit_is_absent) {
#ifdef NARKE_CUDA_STUB
  const cuda_driver driver = load_cuda_driver(NARKE_CUDA_STUB);
  EXPECT_EQ(driver.state, driver_state::absent) << driver.problem;
#else
  GTEST_SKIP() << "no toolkit here, so no stubs/libcuda.so";
#endif
}

TEST(cuda_driver, version_is_written_as_nvidia_writes_it) {
  EXPECT_EQ(cuda_version_text(13000), "13.0");
  EXPECT_EQ(cuda_version_text(12080), "12.8");
  EXPECT_EQ(cuda_version_text(11040), "11.4");
}

}  // namespace
