// The blur of a folder of photographs, from host memory to host memory; pictures are decoded
// before. The picture of every contender is the same bit for bit.
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <vector>

#include "harness/gpu_setup.hpp"
#include "kernels/blur.hpp"

namespace bench::gpu_blur {

inline constexpr std::uint32_t radius = 8;

struct picture {
  narke::kernels::picture_shape shape;
  std::vector<std::uint8_t> samples;
  std::vector<std::uint8_t> blurred;  ///< what has to come out
};

struct parameters {
  gpu_choice choice;
  std::shared_ptr<const std::vector<picture>> pictures;

  [[nodiscard]] gpu_setup setup() const {
    return {.memory_bytes = std::uint64_t{1} << 30, .pace = emulated_pace::free};
  }
};

/// On a device by the kernel, on an emulated one by its twin.
struct blur {
  narke::kernels::picture_shape shape;
  narke::kernels::blur_weights weights;
  const std::uint8_t* in = nullptr;
  std::uint8_t* out = nullptr;
  void* workspace = nullptr;

  narke::kernels::launch_code operator()(void* stream) const {
    if (stream != narke::kernels::host_stream) {
      return narke::kernels::blur_launch(shape, weights, in, out, workspace, stream);
    }
    narke::kernels::blur_cpu(shape, weights, in, out);
    return narke::kernels::launched;
  }
};

/// Throws wrong_result naming the first picture that is not as it has to be.
void check(const parameters& asked, std::size_t index, const std::uint8_t* result);

contender serial(const parameters& asked);
contender raw_driver(const parameters& asked);
contender narke_on_cpus(const parameters& asked);
contender narke_on_gpu(const parameters& asked);
contender narke_on_either(const parameters& asked);

}  // namespace bench::gpu_blur
