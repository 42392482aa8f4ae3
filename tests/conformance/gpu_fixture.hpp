// GPUs for the tests of GPU tasks, and bodies that many of them use. The GPUs are emulated, or
// those of this machine: see device_work.hpp.
#pragma once

#include <support/device_work.hpp>
#include <support/runtime_fixture.hpp>
#include <support/values.hpp>

#include <cstddef>
#include <numeric>
#include <string>
#include <vector>

namespace narke_test {

inline constexpr std::size_t mebibyte = std::size_t{1} << 20;

/// Skips the test where CUDA is to be used and has fewer devices.
inline void start_with_gpus(int count, std::size_t memory_bytes = 256 * mebibyte, int cpus = 2) {
  if (!uses_cuda()) {
    narke::init(
        {.num_cpus = cpus, .emulated_gpus = {.count = count, .memory_bytes = memory_bytes}});
    return;
  }
  if (cuda_device_count() < count) {
    GTEST_SKIP() << "CUDA has " << cuda_device_count() << " devices here, the test needs " << count;
  }
  if (!leave_cuda_memory(count, memory_bytes)) {
    FAIL() << "an earlier test of this process lost a device: run each in a process of its own";
  }
  narke::init({.num_cpus = cpus, .num_gpus = count});
}

/// For suites that must hold whatever the number of GPUs.
class on_gpus_test : public runtime_test, public testing::WithParamInterface<int> {
 protected:
  void SetUp() override {
    runtime_test::SetUp();
    start_with_gpus(GetParam());
  }
};

inline std::vector<float> counted(std::size_t size, float first = 0) {
  std::vector<float> all(size);
  std::iota(all.begin(), all.end(), first);
  return all;
}

/// `f` of each element, on the device.
template <class T, class F>
narke::array_builder<T> transformed(narke::gpu_context& gpu, narke::device_span<const T> x, F f) {
  auto out = gpu.allocate<T>(x.size());
  on_stream(gpu, [=](auto from, auto to) {
    for (std::size_t i = 0; i != from.size(); ++i) to[i] = f(from[i]);
  }, x, out);
  return out;
}

/// The same in place.
template <class T, class F>
void transform_in_place(narke::gpu_context& gpu, narke::array_builder<T>& all, F f) {
  on_stream(gpu, [=](auto elements) {
    for (auto& each : elements) each = f(each);
  }, all);
}

inline narke::array_builder<float> saxpy(narke::gpu_context& gpu, float a,
                                         narke::device_span<const float> x,
                                         narke::device_span<const float> y) {
  auto out = gpu.allocate<float>(x.size());
  on_stream(gpu, [=](auto xs, auto ys, auto to) {
    for (std::size_t i = 0; i != xs.size(); ++i) to[i] = a * xs[i] + ys[i];
  }, x, y, out);
  return out;
}

inline narke::array_builder<float> plus_one(narke::gpu_context& gpu,
                                            narke::device_span<const float> x) {
  return transformed<float>(gpu, x, [](float each) { return each + 1; });
}

/// What a ref's array holds, on the host.
template <class T>
std::vector<T> elements(const narke::object_ref<narke::array<T>>& ref) {
  return narke::get(ref).to_vector();
}

/// A GPU task whose stream stands still until the gate opens.
inline narke::object_ref<void> hold_stream(const gate& gate, const tally& started,
                                           const narke::task_options& options = {}) {
  return narke::task([=, wait = gate.waiter()](narke::gpu_context& gpu) {
           on_stream(gpu, [=] { started.add(); });
           hold_on_stream(gpu, wait);
         }, options).remote();
}

}  // namespace narke_test

#define NARKE_ON_1_2_GPUS(suite)                                      \
  INSTANTIATE_TEST_SUITE_P(gpus, suite, testing::Values(1, 2),        \
                           [](const auto& gpus) { return std::to_string(gpus.param); })
