// thrust_policy on a GPU context without an engine, which keeps what is enqueued until it is told
// to run it: what is called when, what is returned, and what the algorithms compute.
#include <gtest/gtest.h>

#include <algorithm>
#include <memory>
#include <stdexcept>
#include <string>
#include <vector>

#include <narke/thrust.hpp>

#include "fake_gpu_context.hpp"

namespace narke {
namespace {

struct twice {
  __host__ __device__ int operator()(int x) const { return 2 * x; }
};
struct is_odd {
  __host__ __device__ bool operator()(int x) const { return x % 2 != 0; }
};
struct plus {
  __host__ __device__ int operator()(int left, int right) const { return left + right; }
};
struct greater {
  __host__ __device__ bool operator()(int left, int right) const { return left > right; }
};
struct add_to {
  int* values;
  __host__ __device__ void operator()(std::size_t i) const { values[i] += static_cast<int>(i); }
};
struct triple_in_place {
  __host__ __device__ void operator()(int& x) const { x *= 3; }
};

// Lambdas for the device are for named functions: nvcc takes none in a test's body.
void double_on_device(gpu_context& gpu, device_span<const int> in, device_span<int> out) {
  thrust::transform(gpu.policy(), in.begin(), in.end(), out.begin(),
                    [] __host__ __device__(int x) { return 2 * x; });
}

void add_indices_on_device(gpu_context& gpu, device_span<int> values) {
  gpu.for_each_index(values.size(),
                     [=] __host__ __device__(std::size_t i) { values[i] += static_cast<int>(i); });
}

class thrust_policy_calls : public testing::Test {
 protected:
  /// The policy as a body has it.
  auto policy() { return gpu_.policy(); }
  int waits() const { return fake_.frame().synchronizations; }
  std::size_t enqueued() const { return fake_.frame().queue.size(); }

  test::fake_gpu fake_;
  detail::gpu_frame& frame_ = fake_.frame();
  gpu_context& gpu_ = fake_.context();
  std::vector<int> in_ = {5, 1, 4, 1, 3, 9, 2, 6};
  std::vector<int> out_ = std::vector<int>(8, -1);
  int* const first_ = in_.data();
  int* const last_ = first_ + 8;
  int* const result_ = out_.data();
};

TEST_F(thrust_policy_calls, what_returns_nothing_computed_is_enqueued_and_does_not_wait) {
  EXPECT_EQ(thrust::transform(policy(), first_, last_, result_, twice{}), result_ + 8);
  EXPECT_EQ(enqueued(), 1U);
  EXPECT_EQ(out_, std::vector<int>(8, -1));
  frame_.run_all();
  EXPECT_EQ(out_, (std::vector<int>{10, 2, 8, 2, 6, 18, 4, 12}));
  EXPECT_EQ(waits(), 0);
}

TEST_F(thrust_policy_calls, what_returns_a_value_waits_for_what_came_before) {
  thrust::transform(policy(), first_, last_, first_, twice{});
  EXPECT_EQ(thrust::reduce(policy(), first_, last_), 62);
  EXPECT_EQ(waits(), 1);
  EXPECT_EQ(enqueued(), 0U);
}

TEST_F(thrust_policy_calls, closures_run_in_the_order_of_the_calls) {
  thrust::fill(policy(), first_, last_, 7);
  thrust::sequence(policy(), first_, first_ + 4);
  thrust::transform(policy(), first_, last_, first_, result_, plus{});
  ASSERT_EQ(enqueued(), 3U);
  frame_.run_one();
  EXPECT_EQ(in_, std::vector<int>(8, 7));
  frame_.run_one();
  EXPECT_EQ(in_, (std::vector<int>{0, 1, 2, 3, 7, 7, 7, 7}));
  frame_.run_one();
  EXPECT_EQ(out_, (std::vector<int>{0, 2, 4, 6, 14, 14, 14, 14}));
}

TEST_F(thrust_policy_calls, orderings_are_enqueued) {
  std::vector<int> keys = in_;
  thrust::sort(policy(), first_, last_);
  thrust::sequence(policy(), result_, result_ + 8);
  thrust::sort_by_key(policy(), keys.data(), keys.data() + 8, result_, greater{});
  frame_.run_all();
  EXPECT_EQ(in_, (std::vector<int>{1, 1, 2, 3, 4, 5, 6, 9}));
  EXPECT_EQ(keys, (std::vector<int>{9, 6, 5, 4, 3, 2, 1, 1}));
  EXPECT_EQ(out_[0], 5);
  EXPECT_EQ(out_[1], 7);
  EXPECT_EQ(waits(), 0);
}

TEST_F(thrust_policy_calls, scans_are_enqueued) {
  EXPECT_EQ(thrust::inclusive_scan(policy(), first_, last_, result_), result_ + 8);
  frame_.run_all();
  EXPECT_EQ(out_, (std::vector<int>{5, 6, 10, 11, 14, 23, 25, 31}));
  EXPECT_EQ(thrust::exclusive_scan(policy(), first_, last_, result_, 100, plus{}), result_ + 8);
  frame_.run_all();
  EXPECT_EQ(out_, (std::vector<int>{100, 105, 106, 110, 111, 114, 123, 125}));
  EXPECT_EQ(waits(), 0);
}

TEST_F(thrust_policy_calls, copies_and_permutations_are_enqueued) {
  const std::vector<int> map = {7, 6, 5, 4, 3, 2, 1, 0};
  EXPECT_EQ(thrust::copy(policy(), first_, last_, result_), result_ + 8);
  frame_.run_all();
  EXPECT_EQ(out_, in_);
  EXPECT_EQ(thrust::gather(policy(), map.data(), map.data() + 8, first_, result_), result_ + 8);
  frame_.run_all();
  EXPECT_EQ(out_, std::vector<int>(in_.rbegin(), in_.rend()));
  thrust::scatter(policy(), first_, last_, map.data(), result_);
  thrust::reverse(policy(), result_, result_ + 8);
  EXPECT_EQ(thrust::copy_n(policy(), first_, 2, result_ + 6), result_ + 8);
  frame_.run_all();
  EXPECT_EQ(out_, (std::vector<int>{5, 1, 4, 1, 3, 9, 5, 1}));
  EXPECT_EQ(waits(), 0);
}

TEST_F(thrust_policy_calls, a_merge_is_enqueued_and_returns_the_end) {
  const std::vector<int> left = {1, 4, 9};
  const std::vector<int> right = {2, 3, 5, 8};
  EXPECT_EQ(thrust::merge(policy(), left.data(), left.data() + 3, right.data(), right.data() + 4,
                          result_),
            result_ + 7);
  frame_.run_all();
  EXPECT_EQ(out_, (std::vector<int>{1, 2, 3, 4, 5, 8, 9, -1}));
  EXPECT_EQ(waits(), 0);
}

TEST_F(thrust_policy_calls, for_each_and_its_kin_are_enqueued) {
  EXPECT_EQ(thrust::for_each(policy(), first_, first_ + 2, triple_in_place{}), first_ + 2);
  EXPECT_EQ(thrust::for_each_n(policy(), first_ + 2, 1, triple_in_place{}), first_ + 3);
  EXPECT_EQ(thrust::fill_n(policy(), first_ + 3, 2, 0), first_ + 5);
  EXPECT_EQ(in_[0], 5);
  frame_.run_all();
  EXPECT_EQ(in_, (std::vector<int>{15, 3, 12, 0, 0, 9, 2, 6}));
  EXPECT_EQ(waits(), 0);
}

TEST_F(thrust_policy_calls, counts_and_extrema_return_what_they_find) {
  EXPECT_EQ(thrust::count(policy(), first_, last_, 1), 2);
  EXPECT_EQ(thrust::count_if(policy(), first_, last_, is_odd{}), 5);
  EXPECT_EQ(thrust::max_element(policy(), first_, last_), first_ + 5);
  EXPECT_EQ(thrust::min_element(policy(), first_, last_), first_ + 1);
  EXPECT_EQ(thrust::minmax_element(policy(), first_, last_).second, first_ + 5);
  EXPECT_EQ(thrust::transform_reduce(policy(), first_, last_, twice{}, 1, plus{}), 63);
  EXPECT_EQ(thrust::find(policy(), first_, last_, 3), first_ + 4);
  EXPECT_TRUE(thrust::any_of(policy(), first_, last_, is_odd{}));
  EXPECT_FALSE(thrust::is_sorted(policy(), first_, last_));
  EXPECT_EQ(waits(), 9);
}

TEST_F(thrust_policy_calls, what_selects_returns_the_end_of_what_is_left) {
  EXPECT_EQ(thrust::copy_if(policy(), first_, last_, result_, is_odd{}), result_ + 5);
  EXPECT_EQ(out_, (std::vector<int>{5, 1, 1, 3, 9, -1, -1, -1}));
  EXPECT_EQ(thrust::remove_if(policy(), first_, last_, is_odd{}), first_ + 3);
  EXPECT_EQ(std::vector<int>(first_, first_ + 3), (std::vector<int>{4, 2, 6}));
  EXPECT_EQ(thrust::unique(policy(), result_, result_ + 5), result_ + 4);
  EXPECT_EQ(std::vector<int>(result_, result_ + 4), (std::vector<int>{5, 1, 3, 9}));
  EXPECT_EQ(thrust::stable_partition(policy(), result_, result_ + 8, is_odd{}), result_ + 8);
  EXPECT_EQ(waits(), 4);
}

TEST_F(thrust_policy_calls, sums_by_key_return_both_ends) {
  const std::vector<int> keys = {1, 1, 2, 2, 2, 3, 3, 4};
  std::vector<int> found(8, -1);
  const auto ends =
      thrust::reduce_by_key(policy(), keys.data(), keys.data() + 8, first_, found.data(), result_);
  EXPECT_EQ(ends.first, found.data() + 4);
  EXPECT_EQ(ends.second, result_ + 4);
  EXPECT_EQ(out_, (std::vector<int>{6, 8, 11, 6, -1, -1, -1, -1}));
}

TEST_F(thrust_policy_calls, a_search_for_many_values_is_enqueued_and_for_one_waits) {
  std::sort(in_.begin(), in_.end());
  const std::vector<int> values = {0, 3, 10};
  EXPECT_EQ(thrust::lower_bound(policy(), first_, last_, values.data(), values.data() + 3, result_),
            result_ + 3);
  EXPECT_EQ(waits(), 0);
  EXPECT_EQ(thrust::lower_bound(policy(), first_, last_, 4), first_ + 4);
  EXPECT_EQ(waits(), 1);
  EXPECT_EQ(std::vector<int>(result_, result_ + 3), (std::vector<int>{0, 3, 8}));
}

TEST_F(thrust_policy_calls, empty_ranges_are_no_trouble) {
  EXPECT_EQ(thrust::transform(policy(), first_, first_, result_, twice{}), result_);
  thrust::sort(policy(), first_, first_);
  EXPECT_EQ(thrust::reduce(policy(), first_, first_, 42), 42);
  EXPECT_EQ(out_[0], -1);
}

TEST_F(thrust_policy_calls, enqueue_gives_thrusts_own_policy_at_its_turn) {
  int* const first = first_;
  int* const result = result_;
  gpu_.enqueue([=](auto policy) {
    const int sum = thrust::reduce(policy, first, first + 8);
    thrust::fill(policy, result, result + 8, sum);
  });
  EXPECT_EQ(out_[0], -1);
  frame_.run_all();
  EXPECT_EQ(out_, std::vector<int>(8, 31));
  EXPECT_EQ(waits(), 0);
}

TEST_F(thrust_policy_calls, for_each_index_calls_once_for_each_index_at_its_turn) {
  gpu_.for_each_index(8, add_to{result_});
  EXPECT_EQ(out_[0], -1);
  frame_.run_all();
  EXPECT_EQ(out_, (std::vector<int>{-1, 0, 1, 2, 3, 4, 5, 6}));
  gpu_.for_each_index(0, add_to{nullptr});
  frame_.run_all();
  EXPECT_FALSE(frame_.broken);
}

TEST_F(thrust_policy_calls, lambdas_for_the_device_run_at_their_turn) {
  double_on_device(gpu_, {first_, 8}, {result_, 8});
  add_indices_on_device(gpu_, {result_, 8});
  EXPECT_EQ(out_[0], -1);
  frame_.run_all();
  EXPECT_EQ(out_, (std::vector<int>{10, 3, 10, 5, 10, 23, 10, 19}));
}

TEST_F(thrust_policy_calls, a_closure_that_throws_is_told_as_broken) {
  gpu_.enqueue([](auto) { throw std::runtime_error("in the stream"); });
  EXPECT_FALSE(frame_.broken);
  EXPECT_THROW(thrust::reduce(policy(), first_, last_), error);
  EXPECT_TRUE(frame_.broken);
}

TEST_F(thrust_policy_calls, what_never_runs_is_let_go) {
  const auto held = std::make_shared<int>(1);
  gpu_.enqueue([held](auto) { ADD_FAILURE() << "ran"; });
  EXPECT_EQ(held.use_count(), 2);
  frame_.drop_all();
  EXPECT_EQ(held.use_count(), 1);
}

TEST_F(thrust_policy_calls, a_real_device_needs_a_file_compiled_with_cuda) {
  if (detail::this_thrust_unit::with_cuda) GTEST_SKIP() << "this file is compiled with CUDA";
  frame_.emulated = false;
  const auto text_of = [](auto call) {
    try {
      call();
    } catch (const error& caught) {
      return std::string{caught.what()};
    }
    return std::string{};
  };
  EXPECT_EQ(text_of([&] { (void)gpu_.policy(); }).find("gpu_context::policy: GPU 3 is real"), 0U);
  EXPECT_EQ(text_of([&] { gpu_.enqueue([](auto) {}); }).find("gpu_context::enqueue"), 0U);
  EXPECT_EQ(
      text_of([&] { gpu_.for_each_index(1, add_to{nullptr}); }).find("gpu_context::for_each_index"),
      0U);
}

#if defined(__CUDACC__)
TEST_F(thrust_policy_calls, on_a_real_device_thrust_calls_cuda_at_once) {
  int devices = 0;
  if (cudaGetDeviceCount(&devices) == cudaSuccess && devices > 0)
    GTEST_SKIP() << "this machine has a GPU, and host memory is nothing for it";
  frame_.emulated = false;
  EXPECT_THROW(thrust::fill(policy(), first_, last_, 1), thrust::system_error);
  EXPECT_THROW(thrust::reduce(policy(), first_, last_), thrust::system_error);
  EXPECT_THROW(gpu_.for_each_index(8, add_to{result_}), thrust::system_error);
  EXPECT_THROW(gpu_.enqueue([this](auto policy) { thrust::fill(policy, first_, last_, 1); }),
               thrust::system_error);
  EXPECT_EQ(enqueued(), 0U);
  EXPECT_EQ(waits(), 1);
}
#endif

}  // namespace
}  // namespace narke
