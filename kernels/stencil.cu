#include "stencil.hpp"

#include "grid.cuh"

namespace narke::kernels {
namespace {

/// A block makes a tile of 32 x 32 cells from shared memory, which it fills with one more cell on
/// each side; a thread makes four of them.
struct stencil_kernel {
  static constexpr unsigned threads = 256;
  static constexpr unsigned tile = 32;
  static constexpr unsigned side = tile + 2;
  struct shared {
    float cells[side * side];
  };

  std::size_t width;
  std::size_t height;
  const float* in;
  float* out;

  NARKE_HOST_DEVICE void operator()(const thread_block<threads>& block, shared& memory) const {
    const std::size_t across = pieces_of(width, tile);
    const std::size_t left = block.index % across * tile;
    const std::size_t top = block.index / across * tile;
    block.each_thread([&](unsigned thread) {
      for (unsigned i = thread; i < side * side; i += threads) {
        const std::size_t x = left + i % side;  // one to the right: 0 stands for -1
        const std::size_t y = top + i / side;
        const bool inside = x > 0 && y > 0 && x <= width && y <= height;
        memory.cells[i] = inside ? in[(y - 1) * width + x - 1] : 0.0F;
      }
    });
    block.each_thread([&](unsigned thread) {
      for (unsigned i = thread; i < tile * tile; i += threads)
        make_cell(left + i % tile, top + i / tile,
                  memory.cells + (i / tile + 1) * side + i % tile + 1);
    });
  }

  NARKE_HOST_DEVICE void make_cell(std::size_t x, std::size_t y, const float* cell) const {
    if (x >= width || y >= height) return;
    const bool edge = x == 0 || y == 0 || x + 1 == width || y + 1 == height;
    out[y * width + x] =
        edge ? *cell : 0.25F * ((cell[-int(side)] + cell[side]) + (cell[-1] + cell[1]));
  }
};

}  // namespace

launch_code stencil_launch(std::size_t width, std::size_t height, const float* in, float* out,
                           void* stream) {
  if (width == 0 || height == 0) return launched;
  if (in == nullptr || out == nullptr || in == out) return launch_bad_argument;
  const std::size_t across = pieces_of(width, stencil_kernel::tile);
  const std::size_t down = pieces_of(height, stencil_kernel::tile);
  if (down > blocks_max / across) return launch_bad_argument;
  return launch(stencil_kernel{width, height, in, out}, across * down, stream);
}

}  // namespace narke::kernels
