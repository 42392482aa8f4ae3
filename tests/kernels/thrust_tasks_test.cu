// Thrust's algorithms and the kernels of this project in tasks of the real runtime, on emulated
// GPUs or on CUDA's: by nvcc where there is one, else as C++; the results are the same.
#include <conformance/gpu_fixture.hpp>

#include <numeric>
#include <span>
#include <vector>

#include <narke/narke.hpp>
#include <narke/thrust.hpp>

#include "kernels/launch.hpp"
#include "kernels/saxpy.hpp"

namespace {

using narke::array;
using narke::array_builder;
using narke::device_span;
using narke::gpu_context;

struct axpy {
  float a;
  __host__ __device__ float operator()(float x, float y) const { return a * x + y; }
};
struct is_positive {
  __host__ __device__ bool operator()(float x) const { return x > 0; }
};
struct square_into {
  int* out;
  __host__ __device__ void operator()(std::size_t i) const { out[i] = static_cast<int>(i * i); }
};

array_builder<float> axpy_by_thrust(gpu_context& gpu, float a, device_span<const float> x,
                                    device_span<const float> y) {
  auto out = gpu.allocate<float>(x.size());
  thrust::transform(gpu.policy(), x.begin(), x.end(), y.begin(), out.begin(), axpy{a});
  return out;
}

/// A body that reads what its stream computes, and goes on by it.
array_builder<float> positive_ones(gpu_context& gpu, device_span<const float> x) {
  const auto count = thrust::count_if(gpu.policy(), x.begin(), x.end(), is_positive{});
  auto out = gpu.allocate<float>(static_cast<std::size_t>(count));
  thrust::copy_if(gpu.policy(), x.begin(), x.end(), out.begin(), is_positive{});
  return out;
}

array_builder<int> ranks_by_sorting(gpu_context& gpu, array_builder<float> keys) {
  auto ranks = gpu.allocate<int>(keys.size());
  thrust::sequence(gpu.policy(), ranks.begin(), ranks.end());
  thrust::sort_by_key(gpu.policy(), keys.begin(), keys.end(), ranks.begin());
  thrust::inclusive_scan(gpu.policy(), ranks.begin(), ranks.end(), ranks.begin());
  return ranks;
}

array_builder<int> squares(gpu_context& gpu, std::size_t count) {
  auto out = gpu.allocate<int>(count);
  gpu.for_each_index(count, square_into{out.data()});
  return out;
}

array_builder<int> reversed(gpu_context& gpu, array_builder<int> values) {
  gpu.enqueue([first = values.begin(), last = values.end()](auto policy) {
    thrust::reverse(policy, first, last);
  });
  return values;
}

/// The way of a kernel launcher: its own twin on an emulated device, a launch on a real one.
array_builder<float> axpy_by_kernel(gpu_context& gpu, float a, device_span<const float> x,
                                    device_span<const float> y) {
  auto out = gpu.allocate<float>(x.size());
  float* const to = out.data();
  const bool emulated =
      gpu.emulate([=] { narke::kernels::saxpy_cpu(x.size(), a, x.data(), y.data(), to); });
  if (!emulated) {
    const auto code =
        narke::kernels::saxpy_launch(x.size(), a, x.data(), y.data(), to, gpu.stream());
    if (code != narke::kernels::launched) throw narke::error(narke::kernels::launch_text(code));
  }
  return out;
}

narke::object_ref<array<float>> stored(std::size_t count, float first, float step) {
  std::vector<float> values(count);
  for (std::size_t i = 0; i < count; ++i) values[i] = first + step * static_cast<float>(i);
  return narke::put(array<float>{std::move(values)});
}

class thrust_tasks : public narke_test::on_gpus_test {};

TEST_P(thrust_tasks, a_chain_of_transforms_gives_the_sums) {
  const auto x = stored(10'000, 0, 1);
  auto y = stored(10'000, 5, 0);
  for (int i = 0; i < 20; ++i) y = narke::task(axpy_by_thrust, {.num_gpus = 1}).remote(0.5F, x, y);
  const array<float> result = narke::get(y);
  ASSERT_EQ(result.size(), 10'000U);
  const std::span<const float> host = result.host();
  for (std::size_t i = 0; i < host.size(); ++i)
    ASSERT_EQ(host[i], 5 + 10 * static_cast<float>(i)) << i;
}

TEST_P(thrust_tasks, a_body_goes_on_by_what_its_stream_computed) {
  const auto x = stored(1001, -500, 1);
  const auto made = narke::get(narke::task(positive_ones, {.num_gpus = 1}).remote(x)).to_vector();
  ASSERT_EQ(made.size(), 500U);
  EXPECT_EQ(made.front(), 1.0F);
  EXPECT_EQ(std::accumulate(made.begin(), made.end(), 0.0), 500.0 * 501.0 / 2.0);
}

TEST_P(thrust_tasks, sorting_and_scanning_follow_one_another) {
  const auto falling = stored(100, 1000, -1);
  const auto sums =
      narke::get(narke::task(ranks_by_sorting, {.num_gpus = 1}).remote(falling)).to_vector();
  int sum = 0;
  for (int i = 0; i < 100; ++i) {
    sum += 99 - i;  // the smallest key came last
    ASSERT_EQ(sums[static_cast<std::size_t>(i)], sum) << i;
  }
  EXPECT_EQ(narke::get(falling).host().front(), 1000.0F);  // sorted was a copy
}

TEST_P(thrust_tasks, indices_and_whole_algorithms_are_enqueued) {
  auto made = narke::task(squares, {.num_gpus = 1}).remote(std::size_t{50});
  const auto back = narke::task(reversed, {.num_gpus = 1}).remote(std::move(made));
  const auto values = narke::get(back).to_vector();
  for (int i = 0; i < 50; ++i)
    ASSERT_EQ(values[static_cast<std::size_t>(i)], (49 - i) * (49 - i)) << i;
}

TEST_P(thrust_tasks, a_kernel_and_thrust_agree) {
  const auto x = stored(4097, 1, 3);
  const auto y = stored(4097, -7, 2);
  const auto kernel = narke::task(axpy_by_kernel, {.num_gpus = 1}).remote(2.0F, x, y);
  const auto thrust = narke::task(axpy_by_thrust, {.num_gpus = 1}).remote(2.0F, x, y);
  EXPECT_EQ(narke::get(kernel).to_vector(), narke::get(thrust).to_vector());
}

INSTANTIATE_TEST_SUITE_P(devices, thrust_tasks, testing::Values(1, 2));

}  // namespace
