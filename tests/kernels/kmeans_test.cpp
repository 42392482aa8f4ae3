#include "kernels/kmeans.hpp"

#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <limits>

#include "kernel_data.hpp"

namespace narke::kernels {
namespace {

using test::random_floats;
using test::same_bits;
using test::workspace;

struct step {
  std::vector<std::uint32_t> labels;
  std::vector<float> next;
  std::vector<std::uint32_t> counts;
};

step empty_step(const kmeans_shape& shape) {
  const std::size_t cells = std::size_t(shape.clusters) * shape.dimensions;
  return {std::vector<std::uint32_t>(shape.points, 99), std::vector<float>(cells, -7.0F),
          std::vector<std::uint32_t>(shape.clusters, 99)};
}

step by_kernel(const kmeans_shape& shape, const std::vector<float>& points,
               const std::vector<float>& centroids) {
  step made = empty_step(shape);
  workspace scratch{kmeans_workspace_bytes(shape)};
  EXPECT_EQ(kmeans_step_launch(shape, points.data(), centroids.data(), made.labels.data(),
                               made.next.data(), made.counts.data(), scratch.data(), host_stream),
            launched);
  return made;
}

step by_twin(const kmeans_shape& shape, const std::vector<float>& points,
             const std::vector<float>& centroids) {
  step made = empty_step(shape);
  kmeans_step_cpu(shape, points.data(), centroids.data(), made.labels.data(), made.next.data(),
                  made.counts.data());
  return made;
}

std::uint32_t nearest(const kmeans_shape& shape, const float* point,
                      const std::vector<float>& centroids) {
  std::vector<double> distances(shape.clusters);
  for (std::size_t i = 0; i < centroids.size(); ++i) {
    const double difference = double(point[i % shape.dimensions]) - double(centroids[i]);
    distances[i / shape.dimensions] += difference * difference;
  }
  return std::uint32_t(std::min_element(distances.begin(), distances.end()) - distances.begin());
}

class kmeans : public testing::TestWithParam<kmeans_shape> {};

TEST_P(kmeans, kernel_and_twin_agree_bit_for_bit) {
  const kmeans_shape shape = GetParam();
  const auto points = random_floats(shape.points * shape.dimensions, 31);
  const auto centroids = random_floats(std::size_t(shape.clusters) * shape.dimensions, 32);
  const step kernel = by_kernel(shape, points, centroids);
  const step twin = by_twin(shape, points, centroids);
  EXPECT_EQ(kernel.labels, twin.labels);
  EXPECT_EQ(kernel.counts, twin.counts);
  EXPECT_TRUE(same_bits(kernel.next, twin.next));
}

TEST_P(kmeans, labels_and_means_are_those_of_a_search_in_double) {
  const kmeans_shape shape = GetParam();
  const auto points = random_floats(shape.points * shape.dimensions, 33);
  const auto centroids = random_floats(std::size_t(shape.clusters) * shape.dimensions, 34);
  const step made = by_kernel(shape, points, centroids);
  std::vector<double> sums(centroids.size());
  std::vector<std::uint32_t> counts(shape.clusters);
  for (std::size_t i = 0; i < shape.points; ++i) {
    const float* const point = points.data() + i * shape.dimensions;
    ASSERT_EQ(made.labels[i], nearest(shape, point, centroids)) << "point " << i;
    ++counts[made.labels[i]];
    for (std::size_t j = 0; j < shape.dimensions; ++j)
      sums[made.labels[i] * shape.dimensions + j] += double(point[j]);
  }
  EXPECT_EQ(made.counts, counts);
  for (std::size_t cell = 0; cell < sums.size(); ++cell) {
    const std::uint32_t count = counts[cell / shape.dimensions];
    const double mean = count > 0 ? sums[cell] / count : double(centroids[cell]);
    EXPECT_NEAR(made.next[cell], mean, 0.01) << "cell " << cell;
  }
}

INSTANTIATE_TEST_SUITE_P(shapes, kmeans,
                         testing::Values(kmeans_shape{0, 3, 2}, kmeans_shape{1, 1, 1},
                                         kmeans_shape{1, 3, 5}, kmeans_shape{kmeans_tile, 2, 3},
                                         kmeans_shape{kmeans_tile + 1, 7, 11},
                                         kmeans_shape{5003, 1, 300}, kmeans_shape{3001, 19, 33}));

TEST(kmeans_rules, of_two_as_near_the_lower_one_takes_the_point) {
  const step made = by_kernel({1, 1, 2}, {0.0F}, {-1.0F, 1.0F});
  EXPECT_EQ(made.labels, std::vector<std::uint32_t>{0});
  EXPECT_EQ(by_twin({1, 1, 2}, {0.0F}, {-1.0F, 1.0F}).labels, made.labels);
}

TEST(kmeans_rules, a_centroid_without_points_stays) {
  const step made = by_kernel({2, 1, 2}, {1.0F, 3.0F}, {0.0F, 1000.0F});
  EXPECT_EQ(made.next, (std::vector<float>{2.0F, 1000.0F}));
  EXPECT_EQ(made.counts, (std::vector<std::uint32_t>{2, 0}));
}

TEST(kmeans_rules, a_point_that_is_not_a_number_goes_to_the_first_cluster) {
  const step made = by_kernel({1, 1, 2}, {std::nanf("")}, {5.0F, 6.0F});
  EXPECT_EQ(made.labels, std::vector<std::uint32_t>{0});
  EXPECT_EQ(by_twin({1, 1, 2}, {std::nanf("")}, {5.0F, 6.0F}).labels, made.labels);
}

TEST(kmeans_arguments, what_cannot_be_is_refused) {
  float value = 0;
  float next = 0;
  std::uint32_t number = 0;
  EXPECT_EQ(kmeans_step_launch({1, 0, 1}, &value, &value, &number, &next, &number, &value, nullptr),
            launch_bad_argument);
  EXPECT_EQ(kmeans_step_launch({1, 1, 0}, &value, &value, &number, &next, &number, &value, nullptr),
            launch_bad_argument);
  EXPECT_EQ(
      kmeans_step_launch({1, 1, 1}, &value, &value, &number, &next, &number, nullptr, nullptr),
      launch_bad_argument);
  EXPECT_EQ(kmeans_step_launch({1, 1, 1}, &value, &value, &number, &value, &number, &next, nullptr),
            launch_bad_argument);
}

}  // namespace
}  // namespace narke::kernels
