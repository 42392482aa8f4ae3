// The kernels as GPU tasks, beside their CPU twins: on an emulated device their own code runs on
// the host, on CUDA's they are launched (see device_work.hpp).
#include <conformance/gpu_fixture.hpp>

#include <cstdint>

#include "kernels/blur.hpp"
#include "kernels/kernel_data.hpp"
#include "kernels/kmeans.hpp"
#include "kernels/launch.hpp"
#include "kernels/reduce.hpp"
#include "kernels/saxpy.hpp"
#include "kernels/sort.hpp"
#include "kernels/stencil.hpp"

namespace {

namespace kernels = narke::kernels;
using kernels::test::random_bits;
using kernels::test::random_floats;
using kernels::test::same_bits;
using floats = narke::array<float>;
using float_span = narke::device_span<const float>;
using bytes_span = narke::device_span<const std::uint8_t>;

/// `launch(stream)` at this point of the task's stream.
template <class Launch>
void launch_in(narke::gpu_context& gpu, Launch launch) {
  if (gpu.emulate([=] { ASSERT_EQ(launch(kernels::host_stream), kernels::launched); })) return;
  if (const auto code = launch(gpu.stream()); code != kernels::launched) {
    throw narke::error{kernels::launch_text(code)};
  }
}

class kernel_tasks : public narke_test::on_gpus_test {
 protected:
  void SetUp() override {
    if (narke_test::uses_cuda() && !kernels::built_with_cuda()) {
      GTEST_SKIP() << "the kernels were built without nvcc";
    }
    on_gpus_test::SetUp();
  }
};
NARKE_ON_1_2_GPUS(kernel_tasks);

// Sizes at the edges of blocks and tiles.
const std::vector<std::size_t> sizes{1, 255, 256, 4096, 4097, 1'000'003};

TEST_P(kernel_tasks, saxpy_gives_the_bits_of_its_twin) {
  const auto body = [](narke::gpu_context& gpu, float a, float_span x, float_span y) {
    auto out = gpu.allocate<float>(x.size());
    launch_in(gpu, [=, to = out.data()](void* stream) {
      return kernels::saxpy_launch(x.size(), a, x.data(), y.data(), to, stream);
    });
    return out;
  };
  for (const std::size_t size : sizes) {
    const auto x = random_floats(size, 1);
    const auto y = random_floats(size, 2);
    std::vector<float> expected(size);
    kernels::saxpy_cpu(size, 1.7F, x.data(), y.data(), expected.data());
    EXPECT_TRUE(same_bits(narke_test::elements(narke::task(body).remote(1.7F, x, y)), expected));
  }
}

TEST_P(kernel_tasks, reduce_gives_the_bits_of_its_twin) {
  const auto body = [](narke::gpu_context& gpu, float_span x) {
    auto out = gpu.allocate<float>(1);
    void* const workspace = gpu.allocate_temporary(kernels::reduce_workspace_bytes(x.size()));
    launch_in(gpu, [=, to = out.data()](void* stream) {
      return kernels::reduce_launch(x.size(), x.data(), to, workspace, stream);
    });
    return out;
  };
  for (const std::size_t size : sizes) {
    const auto x = random_floats(size, 3);
    EXPECT_TRUE(same_bits(narke_test::elements(narke::task(body).remote(x)).at(0),
                          kernels::reduce_cpu(size, x.data())));
  }
}

TEST_P(kernel_tasks, sort_gives_the_bits_of_its_twin) {
  const auto body = [](narke::gpu_context& gpu, narke::device_span<const std::uint32_t> x) {
    auto out = gpu.allocate<std::uint32_t>(x.size());
    void* const place = gpu.is_emulated() ? kernels::host_stream : gpu.stream();
    const std::size_t bytes = kernels::sort_workspace_bytes(x.size(), place);
    void* const workspace = gpu.allocate_temporary(std::max<std::size_t>(bytes, 1));
    launch_in(gpu, [=, to = out.data()](void* stream) {
      return kernels::sort_launch(x.size(), x.data(), to, workspace, bytes, stream);
    });
    return out;
  };
  for (const std::size_t size : sizes) {
    const auto x = random_bits(size, 4);
    std::vector<std::uint32_t> expected(size);
    std::vector<std::uint32_t> scratch(size);
    kernels::sort_cpu(size, x.data(), expected.data(), scratch.data());
    EXPECT_TRUE(same_bits(narke_test::elements(narke::task(body).remote(x)), expected));
  }
}

TEST_P(kernel_tasks, stencil_gives_the_bits_of_its_twin) {
  const auto body = [](narke::gpu_context& gpu, std::size_t width, float_span x) {
    auto out = gpu.allocate<float>(x.size());
    launch_in(gpu, [=, to = out.data()](void* stream) {
      return kernels::stencil_launch(width, x.size() / width, x.data(), to, stream);
    });
    return out;
  };
  for (const auto& [width, height] :
       {std::pair<std::size_t, std::size_t>{1, 1}, {3, 3}, {257, 65}, {1000, 700}}) {
    const auto start = random_floats(width * height, 5);
    std::vector<float> expected = start;
    narke::object_ref<floats> ref = narke::put(floats{start});
    for (int step = 0; step != 5; ++step) {
      const std::vector<float> before = expected;
      kernels::stencil_cpu(width, height, before.data(), expected.data());
      ref = narke::task(body).remote(width, std::move(ref));
    }
    EXPECT_TRUE(same_bits(narke_test::elements(ref), expected)) << width << " x " << height;
  }
}

TEST_P(kernel_tasks, kmeans_gives_the_bits_of_its_twin) {
  const kernels::kmeans_shape shape{.points = 5000, .dimensions = 7, .clusters = 9};
  const auto body = [=](narke::gpu_context& gpu, float_span points, float_span centroids) {
    auto labels = gpu.allocate<std::uint32_t>(shape.points);
    auto next = gpu.allocate<float>(centroids.size());
    auto counts = gpu.allocate<std::uint32_t>(shape.clusters);
    void* const workspace = gpu.allocate_temporary(kernels::kmeans_workspace_bytes(shape));
    launch_in(gpu, [=, l = labels.data(), n = next.data(), c = counts.data()](void* stream) {
      return kernels::kmeans_step_launch(shape, points.data(), centroids.data(), l, n, c, workspace,
                                         stream);
    });
    return std::tuple{std::move(labels), std::move(next), std::move(counts)};
  };
  const auto points = random_floats(shape.points * shape.dimensions, 6);
  const auto centroids = random_floats(std::size_t{shape.clusters} * shape.dimensions, 7);
  std::vector<std::uint32_t> labels(shape.points);
  std::vector<float> next(centroids.size());
  std::vector<std::uint32_t> counts(shape.clusters);
  kernels::kmeans_step_cpu(shape, points.data(), centroids.data(), labels.data(), next.data(),
                           counts.data());
  auto [l, n, c] = narke::task(body).num_returns<3>().remote(points, centroids);
  EXPECT_EQ(narke_test::elements(l), labels);
  EXPECT_TRUE(same_bits(narke_test::elements(n), next));
  EXPECT_EQ(narke_test::elements(c), counts);
}

TEST_P(kernel_tasks, blur_gives_the_bytes_of_its_twin) {
  const auto body = [](narke::gpu_context& gpu, std::uint32_t width, std::uint32_t radius,
                       bytes_span in) {
    const kernels::picture_shape shape{width, std::uint32_t(in.size() / width / 3), 3};
    const kernels::blur_weights weights = kernels::gaussian_weights(radius);
    auto out = gpu.allocate<std::uint8_t>(in.size());
    void* const workspace = gpu.allocate_temporary(kernels::blur_workspace_bytes(shape));
    launch_in(gpu, [=, to = out.data()](void* stream) {
      return kernels::blur_launch(shape, weights, in.data(), to, workspace, stream);
    });
    return out;
  };
  for (const auto& [width, height, radius] :
       {std::tuple{1U, 1U, 20U}, {257U, 65U, 3U}, {640U, 401U, 20U}}) {
    std::vector<std::uint8_t> picture;
    for (const std::uint32_t bits : random_bits(std::size_t{width} * height * 3, 8)) {
      picture.push_back(std::uint8_t(bits));
    }
    std::vector<std::uint8_t> expected(picture.size());
    kernels::blur_cpu({width, height, 3}, kernels::gaussian_weights(radius), picture.data(),
                      expected.data());
    EXPECT_EQ(narke_test::elements(narke::task(body).remote(width, radius, picture)), expected)
        << width << " x " << height << ", radius " << radius;
  }
}

}  // namespace
