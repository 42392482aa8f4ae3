#include "kernels/launch.hpp"

#include <gtest/gtest.h>

#include "kernel_data.hpp"
#include "kernels/blur.hpp"
#include "kernels/kmeans.hpp"
#include "kernels/reduce.hpp"
#include "kernels/saxpy.hpp"
#include "kernels/sort.hpp"
#include "kernels/stencil.hpp"

namespace narke::kernels {
namespace {

using test::some_stream;

TEST(launch, every_code_has_a_text_of_its_own) {
  EXPECT_EQ(launch_text(launched), "enqueued");
  EXPECT_NE(launch_text(launch_without_cuda).find("NARKE_CUDA=ON"), std::string::npos);
  EXPECT_NE(launch_text(launch_bad_argument).find("null pointer"), std::string::npos);
  EXPECT_EQ(launch_text(700).find("CUDA error 700"), 0U);
  EXPECT_EQ(launch_text(launch_cublas_failed - 13), "cuBLAS status 13");
  EXPECT_EQ(launch_text(-77), "unknown launch code -77");
}

TEST(launch, a_stream_in_a_build_without_cuda_is_refused_and_nothing_runs) {
  if (built_with_cuda()) GTEST_SKIP() << "this build has kernels for streams";
  float in[4] = {1, 2, 3, 4};
  float out[4] = {};
  std::uint32_t numbers[4] = {};
  std::uint32_t sorted[4] = {};
  std::uint32_t label = 0;
  std::uint8_t sample = 9;
  void* const stream = some_stream();
  EXPECT_EQ(saxpy_launch(4, 1, in, in, out, stream), launch_without_cuda);
  EXPECT_EQ(reduce_launch(4, in, out, nullptr, stream), launch_without_cuda);
  EXPECT_EQ(stencil_launch(2, 2, in, out, stream), launch_without_cuda);
  EXPECT_EQ(sort_launch(4, numbers, sorted, in, sizeof in, stream), launch_without_cuda);
  EXPECT_EQ(kmeans_step_launch({1, 1, 1}, in, in, &label, out, &label, in, stream),
            launch_without_cuda);
  EXPECT_EQ(blur_launch({1, 1, 1}, gaussian_weights(1), &sample, &sample, in, stream),
            launch_without_cuda);
  EXPECT_EQ(out[0], 0.0F);
  EXPECT_EQ(sample, 9);
}

}  // namespace
}  // namespace narke::kernels
