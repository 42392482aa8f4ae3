#include "kernels/gemm.hpp"

#include <dlfcn.h>
#include <gtest/gtest.h>

#include <cmath>

#include "fake_cublas.hpp"
#include "kernel_data.hpp"

namespace narke::kernels {
namespace {

using test::random_floats;
using test::some_stream;

struct sizes {
  std::size_t m, n, k;
};

class gemm : public testing::TestWithParam<sizes> {};

std::vector<float> reference(const sizes& size, float alpha, const std::vector<float>& a,
                             const std::vector<float>& b, float beta, const std::vector<float>& c) {
  std::vector<float> out(c.size());
  for (std::size_t i = 0; i < size.m; ++i) {
    for (std::size_t j = 0; j < size.n; ++j) {
      double sum = 0;
      for (std::size_t l = 0; l < size.k; ++l)
        sum += double(a[i * size.k + l]) * double(b[l * size.n + j]);
      out[i * size.n + j] = float(double(alpha) * sum + double(beta) * double(c[i * size.n + j]));
    }
  }
  return out;
}

struct matrices {
  explicit matrices(const sizes& size)
      : a{random_floats(size.m * size.k, 61, -1, 1)},
        b{random_floats(size.k * size.n, 62, -1, 1)},
        c{random_floats(size.m * size.n, 63, -1, 1)} {}

  std::vector<float> a, b, c;
};

void expect_near(const std::vector<float>& left, const std::vector<float>& right, std::size_t k) {
  const float allowed = 1e-6F * float(k + 8);
  for (std::size_t i = 0; i < left.size(); ++i) ASSERT_NEAR(left[i], right[i], allowed) << i;
}

fake_cublas_calls& fake() {
  static auto* const calls =
      reinterpret_cast<fake_cublas_fn*>(::dlsym(::dlopen(FAKE_CUBLAS, RTLD_NOW), "fake_cublas"));
  return *calls();
}

TEST_P(gemm, twin_agrees_with_sums_in_double) {
  const sizes size = GetParam();
  matrices of{size};
  const auto expected = reference(size, 0.7F, of.a, of.b, -1.5F, of.c);
  gemm_cpu(size.m, size.n, size.k, 0.7F, of.a.data(), of.b.data(), -1.5F, of.c.data());
  expect_near(of.c, expected, size.k);
}

TEST_P(gemm, rows_and_columns_reach_cublas_in_its_order) {
  const sizes size = GetParam();
  matrices of{size};
  const auto expected = reference(size, 0.7F, of.a, of.b, -1.5F, of.c);
  gemm_handle* handle = nullptr;
  ASSERT_EQ(gemm_open(&handle, FAKE_CUBLAS), launched);
  EXPECT_EQ(gemm_launch(handle, size.m, size.n, size.k, 0.7F, of.a.data(), of.b.data(), -1.5F,
                        of.c.data(), nullptr, 0, some_stream()),
            launched);
  EXPECT_EQ(gemm_close(handle), launched);
  expect_near(of.c, expected, size.k);
}

INSTANTIATE_TEST_SUITE_P(all, gemm,
                         testing::Values(sizes{0, 0, 0}, sizes{1, 1, 1}, sizes{3, 5, 0},
                                         sizes{1, 7, 129}, sizes{65, 1, 3}, sizes{17, 33, 131},
                                         sizes{50, 700, 260}));

TEST(gemm_rules, with_beta_0_what_was_there_does_not_count) {
  std::vector<float> c(4, std::nanf(""));
  const std::vector<float> a{1, 2, 3, 4};
  const std::vector<float> b{1, 0, 0, 1};
  ASSERT_EQ(
      gemm_launch(nullptr, 2, 2, 2, 1, a.data(), b.data(), 0, c.data(), nullptr, 0, host_stream),
      launched);
  EXPECT_EQ(c, a);
}

TEST(gemm_rules, the_workspace_is_set_after_the_stream_that_takes_it_away) {
  gemm_handle* handle = nullptr;
  ASSERT_EQ(gemm_open(&handle, FAKE_CUBLAS), launched);
  float value = 2;
  float result = 0;
  char scratch[16] = {};
  ASSERT_EQ(gemm_launch(handle, 1, 1, 1, 1, &value, &value, 0, &result, scratch, sizeof scratch,
                        some_stream()),
            launched);
  EXPECT_EQ(result, 4.0F);
  EXPECT_EQ(fake().stream, some_stream());
  EXPECT_EQ(fake().workspace, scratch);
  EXPECT_EQ(fake().workspace_bytes, sizeof scratch);
  EXPECT_EQ(gemm_close(handle), launched);
  EXPECT_EQ(fake().open_handles, 0);
}

TEST(gemm_errors, no_library_is_a_value_that_says_what_to_install) {
  gemm_handle* handle = nullptr;
  const launch_code code = gemm_open(&handle, "libcublas-that-is-not-here.so");
  EXPECT_EQ(code, launch_without_cublas);
  EXPECT_EQ(handle, nullptr);
  EXPECT_NE(launch_text(code).find("libcublas"), std::string::npos);
}

TEST(gemm_errors, a_library_without_the_functions_is_none) {
  gemm_handle* handle = nullptr;
  EXPECT_EQ(gemm_open(&handle, "libm.so.6"), launch_without_cublas);
}

TEST(gemm_errors, what_cublas_answers_is_told) {
  gemm_handle* handle = nullptr;
  fake().create_fails = true;
  const launch_code code = gemm_open(&handle, FAKE_CUBLAS);
  fake().create_fails = false;
  EXPECT_EQ(code, launch_cublas_failed - 1);
  EXPECT_EQ(handle, nullptr);
  EXPECT_EQ(launch_text(code), "cuBLAS status 1");
}

TEST(gemm_errors, a_stream_needs_a_handle_and_sizes_fit_into_an_int) {
  float value = 0;
  const auto launch = [&](std::size_t m, void* stream) {
    return gemm_launch(nullptr, m, 1, 1, 1, &value, &value, 0, &value, nullptr, 0, stream);
  };
  EXPECT_EQ(launch(1, some_stream()), launch_bad_argument);
  EXPECT_EQ(launch(std::size_t{1} << 31, host_stream), launch_bad_argument);
}

}  // namespace
}  // namespace narke::kernels
