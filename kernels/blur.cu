#include "blur.hpp"

#include "grid.cuh"

namespace narke::kernels {
namespace {

/// `position` places from the start of a line that begins `margin` places before its first pixel
/// and has `length` pixels: the pixel that stands there, the one on the edge where there is none.
NARKE_HOST_DEVICE inline std::size_t on_the_line(std::size_t position, std::size_t margin,
                                                 std::size_t length) {
  if (position < margin) return 0;
  return position - margin < length ? position - margin : length - 1;
}

/// Along x: a block filters up to 256 pixels of one row into sums of 32 bits.
struct row_kernel {
  static constexpr unsigned threads = 256;
  static constexpr unsigned pixels = 256;  // of a block
  struct shared {
    std::uint8_t samples[(pixels + 2 * blur_radius_max) * 4];
  };

  picture_shape shape;
  blur_weights weights;
  const std::uint8_t* in;
  std::uint32_t* out;

  NARKE_HOST_DEVICE void operator()(const thread_block<threads>& block, shared& memory) const {
    const std::size_t across = pieces_of(shape.width, pixels);
    const std::size_t left = block.index % across * pixels;
    const std::size_t row = block.index / across * shape.width;
    const unsigned channels = shape.channels;
    block.each_thread([&](unsigned thread) {
      const unsigned loaded = (pixels + 2 * weights.radius) * channels;
      for (unsigned i = thread; i < loaded; i += threads) {
        const std::size_t x = on_the_line(left + i / channels, weights.radius, shape.width);
        memory.samples[i] = in[(row + x) * channels + i % channels];
      }
    });
    block.each_thread([&](unsigned thread) {
      const std::size_t rest = shape.width - left;
      const unsigned samples = unsigned(rest < pixels ? rest : pixels) * channels;
      for (unsigned i = thread; i < samples; i += threads)
        out[(row + left) * channels + i] = sum(memory.samples + i + weights.radius * channels);
    });
  }

  NARKE_HOST_DEVICE std::uint32_t sum(const std::uint8_t* centre) const {
    std::uint32_t sum = std::uint32_t(weights.at[0]) * *centre;
    for (int k = 1; k <= int(weights.radius); ++k) {
      const int step = k * int(shape.channels);
      sum += std::uint32_t(weights.at[k]) * (std::uint32_t(centre[-step]) + centre[step]);
    }
    return sum;
  }
};

/// Along y: a block makes up to 64 rows of 32 samples.
struct column_kernel {
  static constexpr unsigned threads = 256;
  static constexpr unsigned columns = 32;
  static constexpr unsigned rows = 64;
  struct shared {
    std::uint32_t sums[(rows + 2 * blur_radius_max) * columns];
  };

  picture_shape shape;
  std::size_t row_samples;
  blur_weights weights;
  const std::uint32_t* in;
  std::uint8_t* out;

  NARKE_HOST_DEVICE void operator()(const thread_block<threads>& block, shared& memory) const {
    const std::size_t across = pieces_of(row_samples, columns);
    const std::size_t left = block.index % across * columns;
    const std::size_t top = block.index / across * rows;
    block.each_thread([&](unsigned thread) {
      const unsigned loaded = (rows + 2 * weights.radius) * columns;
      for (unsigned i = thread; i < loaded; i += threads) {
        const std::size_t y = on_the_line(top + i / columns, weights.radius, shape.height);
        const std::size_t x = left + i % columns;
        if (x < row_samples) memory.sums[i] = in[y * row_samples + x];
      }
    });
    block.each_thread([&](unsigned thread) {
      for (unsigned i = thread; i < rows * columns; i += threads) {
        const std::size_t y = top + i / columns;
        const std::size_t x = left + i % columns;
        if (x >= row_samples || y >= shape.height) continue;
        out[y * row_samples + x] = sample(memory.sums + i + weights.radius * columns);
      }
    });
  }

  NARKE_HOST_DEVICE std::uint8_t sample(const std::uint32_t* centre) const {
    std::uint32_t sum = weights.at[0] * *centre;
    for (int k = 1; k <= int(weights.radius); ++k) {
      const int step = k * int(columns);
      sum += weights.at[k] * (centre[-step] + centre[step]);
    }
    return std::uint8_t((sum + (1U << 23)) >> 24);
  }
};

bool is_whole(const blur_weights& weights) {
  if (weights.radius > blur_radius_max) return false;
  std::uint32_t sum = weights.at[0];
  for (std::uint32_t k = 1; k <= weights.radius; ++k) sum += 2U * weights.at[k];
  return sum == blur_weights_sum;
}

}  // namespace

std::size_t blur_workspace_bytes(const picture_shape& shape) {
  return shape.samples() * sizeof(std::uint32_t);
}

launch_code blur_launch(const picture_shape& shape, const blur_weights& weights,
                        const std::uint8_t* in, std::uint8_t* out, void* workspace, void* stream) {
  if (shape.channels < 1 || shape.channels > 4 || !is_whole(weights)) return launch_bad_argument;
  if (shape.samples() == 0) return launched;
  if (in == nullptr || out == nullptr || workspace == nullptr) return launch_bad_argument;
  auto* const sums = static_cast<std::uint32_t*>(workspace);
  const std::size_t row_blocks = pieces_of(shape.width, row_kernel::pixels) * shape.height;
  const launch_code code = launch(row_kernel{shape, weights, in, sums}, row_blocks, stream);
  if (code != launched) return code;
  const std::size_t row_samples = shape.row_samples();
  const std::size_t column_blocks =
      pieces_of(row_samples, column_kernel::columns) * pieces_of(shape.height, column_kernel::rows);
  return launch(column_kernel{shape, row_samples, weights, sums, out}, column_blocks, stream);
}

}  // namespace narke::kernels
