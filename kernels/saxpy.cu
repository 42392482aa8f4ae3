#include "saxpy.hpp"

#include "grid.cuh"

namespace narke::kernels {
namespace {

struct saxpy_kernel {
  static constexpr unsigned threads = 256;
  static constexpr unsigned elements = 4;  // of a thread
  struct shared {};

  std::size_t n;
  float a;
  const float* x;
  const float* y;
  float* out;

  NARKE_HOST_DEVICE void operator()(const thread_block<threads>& block, shared&) const {
    block.each_thread([&](unsigned thread) {
      std::size_t i = block.index * threads * elements + thread;
      for (unsigned k = 0; k < elements && i < n; ++k, i += threads) out[i] = a * x[i] + y[i];
    });
  }
};

}  // namespace

launch_code saxpy_launch(std::size_t n, float a, const float* x, const float* y, float* out,
                         void* stream) {
  if (n > 0 && (x == nullptr || y == nullptr || out == nullptr)) return launch_bad_argument;
  const saxpy_kernel kernel{n, a, x, y, out};
  return launch(kernel, pieces_of(n, saxpy_kernel::threads * saxpy_kernel::elements), stream);
}

}  // namespace narke::kernels
