// This file is never compiled by nvcc; thrust_policy_test.cu, in the same program, is where there
// is one. Both use the same algorithms on the same types, and each has to get its own code.
#include <gtest/gtest.h>

#include <algorithm>
#include <functional>
#include <numeric>
#include <vector>

#include <narke/thrust.hpp>

#include "fake_gpu_context.hpp"

namespace narke {
namespace {

TEST(thrust_unit, a_file_without_cuda_refuses_a_real_device_whatever_other_files_can) {
  test::fake_gpu gpu;
  gpu.frame().emulated = false;
  EXPECT_FALSE(detail::this_thrust_unit::with_cuda);
  EXPECT_THROW((void)gpu.context().policy(), error);
}

TEST(thrust_unit, a_file_without_cuda_works_on_an_emulated_device) {
  test::fake_gpu gpu;
  std::vector<int> values(8);
  thrust::fill(gpu.context().policy(), values.data(), values.data() + 8, 1);
  EXPECT_EQ(thrust::reduce(gpu.context().policy(), values.data(), values.data() + 8), 8);
  EXPECT_EQ(gpu.frame().synchronizations, 1);
}

TEST(thrust_unit, functions_and_iterators_of_std_do_not_call_its_algorithms) {
  test::fake_gpu gpu;
  std::vector<int> in = {3, 1, 2};
  std::vector<int> out(3);
  thrust::sort(gpu.context().policy(), in.begin(), in.end(), std::greater<int>{});
  thrust::transform(gpu.context().policy(), in.begin(), in.end(), out.begin(), std::negate<int>{});
  EXPECT_EQ(out, std::vector<int>(3));
  EXPECT_EQ(thrust::reduce(gpu.context().policy(), out.begin(), out.end(), 1, std::plus<int>{}),
            -5);
  EXPECT_EQ(in, (std::vector<int>{3, 2, 1}));
}

}  // namespace
}  // namespace narke
