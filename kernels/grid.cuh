// One source for a kernel, on a device and on the host. A kernel is a plain struct of its
// arguments:
//
//   struct double_all {
//     static constexpr unsigned threads = 256;             // of a block
//     struct shared {};                                    // a block's shared memory
//     float* values;
//     NARKE_HOST_DEVICE void operator()(const thread_block<threads>& block, shared& memory) const {
//       block.each_thread([&](unsigned thread) { values[block.index * threads + thread] *= 2; });
//     }
//   };
//
// Its operator() is the work of one block in steps: `each_thread` runs its function for every
// thread, and all threads have finished it when the next begins (a barrier on the device). What
// passes from step to step goes through shared memory. On the host the blocks run in turn, so that
// the kernel's arithmetic and its index sums are tested on machines without a GPU. There, the last
// block comes first, and every second block runs its threads from the last to the first: blocks, or
// threads of one step, that lean on one another give another result and are found.
#pragma once

#include <cstddef>
#include <cstdint>

#include "launch.hpp"

#if defined(__CUDACC__)
#include <cuda_runtime.h>
#define NARKE_HOST_DEVICE __host__ __device__
#else
#define NARKE_HOST_DEVICE
#endif

namespace narke::kernels {

/// The largest number of blocks that one launch may have.
inline constexpr std::size_t blocks_max = 0x7fffffff;

template <unsigned Threads>
struct thread_block {
  std::size_t index = 0;  ///< of this block in the grid

  template <class Step>
  NARKE_HOST_DEVICE void each_thread(Step step) const {
#if defined(__CUDA_ARCH__)
    step(threadIdx.x);
    __syncthreads();
#else
    const bool backwards = index % 2 == 1;
    for (unsigned i = 0; i < Threads; ++i) step(backwards ? Threads - 1 - i : i);
#endif
  }
};

/// How many pieces of `piece` cover `whole`.
NARKE_HOST_DEVICE constexpr std::size_t pieces_of(std::size_t whole, std::size_t piece) {
  return whole / piece + (whole % piece != 0 ? 1 : 0);
}

#if defined(__CUDACC__)
template <class Kernel>
__global__ void __launch_bounds__(Kernel::threads) run_on_device(Kernel kernel) {
  __shared__ typename Kernel::shared memory;
  kernel(thread_block<Kernel::threads>{blockIdx.x}, memory);
}
#endif

template <class Kernel>
void run_on_host(const Kernel& kernel, std::size_t blocks) {
  typename Kernel::shared memory;
  for (std::size_t i = blocks; i-- > 0;) kernel(thread_block<Kernel::threads>{i}, memory);
}

/// Enqueues `blocks` blocks of `kernel` in `stream`, or runs them here for `host_stream`.
template <class Kernel>
launch_code launch(const Kernel& kernel, std::size_t blocks, void* stream) {
  if (blocks > blocks_max) return launch_bad_argument;
  if (stream == host_stream) {
    run_on_host(kernel, blocks);
    return launched;
  }
#if defined(__CUDACC__)
  if (blocks == 0) return launched;
  cudaLaunchConfig_t config{};
  config.gridDim = dim3(static_cast<unsigned>(blocks));
  config.blockDim = dim3(Kernel::threads);
  config.stream = static_cast<cudaStream_t>(stream);
  return cudaLaunchKernelEx(&config, run_on_device<Kernel>, kernel);
#else
  return launch_without_cuda;
#endif
}

}  // namespace narke::kernels
