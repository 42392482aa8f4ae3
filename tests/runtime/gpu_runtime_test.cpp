// What the environment says of emulated GPUs, and what the runtime tells of them at its end.
#include <support/fresh_process.hpp>
#include <support/runtime_fixture.hpp>
#include <support/scoped_environment.hpp>
#include <support/values.hpp>

#include <gmock/gmock.h>

#include <algorithm>
#include <cstddef>
#include <stdexcept>
#include <utility>
#include <vector>

namespace {

using narke_test::message_of;
using narke_test::scoped_environment;
using testing::HasSubstr;

class gpu_runtime : public narke_test::runtime_test {
 protected:
  static void start_gpus(int count) {
    narke::init({.num_cpus = 2, .emulated_gpus = {.count = count, .memory_bytes = 1 << 28}});
  }
  static narke::object_ref<narke::array<int>> fill(int value) {
    return narke::task([](narke::gpu_context& gpu, int with) {
             auto made = gpu.allocate<int>(100);
             int* const begin = made.data();
             gpu.emulate([begin, with] { std::fill_n(begin, 100, with); });
             return made;
           })
        .remote(value);
  }
};

TEST_F(gpu_runtime, refuses_a_clock_that_is_none_and_starts_without_it) {
  {
    const scoped_environment clock{"NARKE_EMULATED_CLOCK", "sundial"};
    EXPECT_THAT(message_of<std::invalid_argument>([] { start_gpus(1); }),
                HasSubstr("NARKE_EMULATED_CLOCK: 'sundial' is none of free, real, null"));
    EXPECT_FALSE(narke::is_initialized());
  }
  start_gpus(1);
  EXPECT_EQ(narke::get(fill(7)).to_vector(), std::vector<int>(100, 7));
}

TEST_F(gpu_runtime, refuses_a_link_that_is_no_size) {
  const scoped_environment link{"NARKE_EMULATED_LINK", "fast"};
  EXPECT_THAT(message_of<std::invalid_argument>([] { start_gpus(1); }),
              HasSubstr("NARKE_EMULATED_LINK: 'fast' is not a size in bytes"));
}

TEST_F(gpu_runtime, computes_the_same_by_every_clock_that_computes) {
  for (const char* name : {"", "free", "real"}) {
    const scoped_environment clock{"NARKE_EMULATED_CLOCK", name};
    const scoped_environment link{"NARKE_EMULATED_LINK", "1GiB"};
    start_gpus(2);
    EXPECT_EQ(narke::get(fill(3)).to_vector(), std::vector<int>(100, 3)) << name;
    narke::shutdown();
  }
}

TEST_F(gpu_runtime, runs_everything_by_the_clock_that_copies_nothing) {
  const scoped_environment clock{"NARKE_EMULATED_CLOCK", "null"};
  start_gpus(2);
  std::vector<narke::object_ref<narke::array<int>>> all;
  for (int i = 0; i != 50; ++i) all.push_back(fill(i));
  for (auto& each : all) EXPECT_EQ(narke::get(each).size(), 100U);
}

TEST_F(gpu_runtime, writes_arrays_without_elements_as_any_others) {
  start_gpus(1);
  const auto empty = narke::put(narke::array<int>{std::vector<int>{}});
  auto written = narke::task([](narke::gpu_context&, narke::array_builder<int> all) {
                   return all;
                 }).remote(empty);
  EXPECT_EQ(narke::get(written).size(), 0U);
  EXPECT_EQ(narke::get(empty).size(), 0U) << "it is held still";
}

// In place where nobody else has it: what lies on the GPU is out of date from there on.
TEST_F(gpu_runtime, reads_what_a_cpu_task_has_written_in_place) {
  start_gpus(1);
  auto made = fill(3);
  EXPECT_EQ(narke::get(made).to_vector()[0], 3);
  auto changed = narke::task([](narke::array_builder<int> all) {
                   all.data()[0] = 9;
                   return all;
                 }).remote(std::move(made));
  auto copied = narke::task([](narke::gpu_context& gpu, narke::device_span<const int> in) {
                  auto out = gpu.allocate<int>(in.size());
                  int* const to = out.data();
                  const int* const from = in.data();
                  const std::size_t count = in.size();
                  gpu.emulate([=] { std::copy(from, from + count, to); });
                  return out;
                }).remote(changed);
  const std::vector<int> seen = narke::get(copied).to_vector();
  EXPECT_EQ(seen[0], 9);
  EXPECT_EQ(seen[1], 3);
}

TEST_F(gpu_runtime, finds_nothing_wrong_with_what_is_right) {
  narke_test::in_fresh_process([] {
    const scoped_environment check{"NARKE_GPU_CHECK", "1"};
    start_gpus(2);
    auto doubled = narke::task([](narke::gpu_context& gpu, narke::device_span<const int> in) {
                     auto out = gpu.allocate<int>(in.size());
                     int* const to = out.data();
                     const int* const from = in.data();
                     const std::size_t count = in.size();
                     gpu.emulate([=] {
                       for (std::size_t i = 0; i != count; ++i) to[i] = 2 * from[i];
                     });
                     return out;
                   }).remote(fill(4));
    EXPECT_EQ(narke::get(doubled).to_vector(), std::vector<int>(100, 8));
    narke::shutdown();
  });
}

}  // namespace
