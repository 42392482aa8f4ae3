// Emulated GPUs for the tests of GPU tasks, and bodies that many of them use.
#pragma once

#include <support/runtime_fixture.hpp>
#include <support/values.hpp>

#include <cstddef>
#include <numeric>
#include <string>
#include <vector>

namespace narke_test {

inline constexpr std::size_t mebibyte = std::size_t{1} << 20;

inline void start_with_gpus(int count, std::size_t memory_bytes = 256 * mebibyte, int cpus = 2) {
  narke::init(
      {.num_cpus = cpus, .emulated_gpus = {.count = count, .memory_bytes = memory_bytes}});
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
  const bool is_enqueued = gpu.emulate([=, to = out.data()] {
    for (std::size_t i = 0; i != x.size(); ++i) to[i] = f(x[i]);
  });
  EXPECT_TRUE(is_enqueued);
  return out;
}

/// The same in place.
template <class T, class F>
void transform_in_place(narke::gpu_context& gpu, narke::array_builder<T>& all, F f) {
  gpu.emulate([=, data = all.data(), size = all.size()] {
    for (std::size_t i = 0; i != size; ++i) data[i] = f(data[i]);
  });
}

inline narke::array_builder<float> saxpy(narke::gpu_context& gpu, float a,
                                         narke::device_span<const float> x,
                                         narke::device_span<const float> y) {
  auto out = gpu.allocate<float>(x.size());
  gpu.emulate([=, to = out.data()] {
    for (std::size_t i = 0; i != x.size(); ++i) to[i] = a * x[i] + y[i];
  });
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
           gpu.emulate([=] {
             started.add();
             wait();
           });
         }, options).remote();
}

}  // namespace narke_test

#define NARKE_ON_1_2_GPUS(suite)                                      \
  INSTANTIATE_TEST_SUITE_P(gpus, suite, testing::Values(1, 2),        \
                           [](const auto& gpus) { return std::to_string(gpus.param); })
