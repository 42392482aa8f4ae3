#include "saxpy.hpp"

#include <narke/thrust.hpp>

namespace {

struct axpy {
  float a;
  __host__ __device__ float operator()(float x, float y) const { return a * x + y; }
};

}  // namespace

narke::array_builder<float> saxpy(narke::gpu_context& gpu, float a,
                                  narke::device_span<const float> x,
                                  narke::device_span<const float> y) {
  auto out = gpu.allocate<float>(x.size());
  thrust::transform(gpu.policy(), x.begin(), x.end(), y.begin(), out.begin(), axpy{a});
  return out;
}
