#include "reduce.hpp"

#include "grid.cuh"

namespace narke::kernels {
namespace {

template <class Element, class Sum>
struct reduce_kernel {
  static constexpr unsigned threads = reduce_lanes;
  struct shared {
    Sum lanes[reduce_lanes];
  };

  std::size_t n;
  const Element* in;
  Sum* out;  // one for each block

  NARKE_HOST_DEVICE void operator()(const thread_block<threads>& block, shared& memory) const {
    block.each_thread([&](unsigned lane) {
      Sum sum = 0;
      std::size_t i = block.index * reduce_tile + lane;
      for (std::size_t row = 0; row < reduce_tile / reduce_lanes; ++row, i += reduce_lanes)
        if (i < n) sum += Sum(in[i]);
      memory.lanes[lane] = sum;
    });
    for (unsigned half = reduce_lanes / 2; half > 0; half /= 2)
      block.each_thread([&](unsigned lane) {
        if (lane < half) memory.lanes[lane] += memory.lanes[lane + half];
      });
    block.each_thread([&](unsigned lane) {
      if (lane == 0) out[block.index] = memory.lanes[0];
    });
  }
};

/// One round after the other until one sum is left; each round's sums lie behind the last one's.
template <class Element, class Sum>
launch_code rounds(std::size_t n, const Element* in, Sum* out, Sum* workspace, void* stream) {
  if (n <= reduce_tile) return launch(reduce_kernel<Element, Sum>{n, in, out}, 1, stream);
  const std::size_t tiles = pieces_of(n, reduce_tile);
  const launch_code code = launch(reduce_kernel<Element, Sum>{n, in, workspace}, tiles, stream);
  if (code != launched) return code;
  return rounds(tiles, static_cast<const Sum*>(workspace), out, workspace + tiles, stream);
}

template <class Element, class Sum>
launch_code checked(std::size_t n, const Element* in, Sum* out, void* workspace, void* stream) {
  if (out == nullptr || (n > 0 && in == nullptr)) return launch_bad_argument;
  if (n > reduce_tile && workspace == nullptr) return launch_bad_argument;
  return rounds(n, in, out, static_cast<Sum*>(workspace), stream);
}

}  // namespace

std::size_t reduce_workspace_bytes(std::size_t n) {
  std::size_t sums = 0;
  while (n > reduce_tile) {
    n = pieces_of(n, reduce_tile);
    sums += n;
  }
  return sums * sizeof(std::int64_t);
}

launch_code reduce_launch(std::size_t n, const float* in, float* out, void* workspace,
                          void* stream) {
  return checked(n, in, out, workspace, stream);
}

launch_code reduce_launch(std::size_t n, const double* in, double* out, void* workspace,
                          void* stream) {
  return checked(n, in, out, workspace, stream);
}

launch_code reduce_launch(std::size_t n, const std::int32_t* in, std::int64_t* out, void* workspace,
                          void* stream) {
  return checked(n, in, out, workspace, stream);
}

}  // namespace narke::kernels
