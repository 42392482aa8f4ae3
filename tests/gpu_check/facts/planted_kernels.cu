#include "planted_kernels.hpp"

#if defined(__CUDACC__)
#undef NDEBUG
#include <cassert>  // beside cuda_runtime.h, which nvcc includes itself

namespace gpu_check {
namespace {

__global__ void do_nothing() {}

__global__ void store_nowhere(int* nowhere) {
  *nowhere = 1;
}

__global__ void break_a_promise(int never) {
  assert(never == 1);
}

__global__ void fall_into_a_trap() {
  __trap();
}

__global__ void spin(unsigned long long cycles) {
  const long long begin = clock64();
  while (static_cast<unsigned long long>(clock64() - begin) < cycles) {
  }
}

template <class... Parameters, class... Arguments>
int launch(void (*kernel)(Parameters...), void* stream, Arguments... arguments) {
  cudaLaunchConfig_t config{};
  config.gridDim = dim3(1);
  config.blockDim = dim3(1);
  config.stream = static_cast<cudaStream_t>(stream);
  return cudaLaunchKernelEx(&config, kernel, static_cast<Parameters>(arguments)...);
}

}  // namespace

int launch_nothing(void* stream) {
  return launch(do_nothing, stream);
}

int launch_fault(fault kind, void* stream) {
  switch (kind) {
    case fault::illegal_address:
      return launch(store_nowhere, stream, reinterpret_cast<int*>(0x40));
    case fault::assertion:
      return launch(break_a_promise, stream, 0);
    case fault::trap:
      return launch(fall_into_a_trap, stream);
  }
  return cudaErrorInvalidValue;
}

int launch_spin(unsigned long long cycles, void* stream) {
  return launch(spin, stream, cycles);
}

}  // namespace gpu_check

#else

namespace gpu_check {

int launch_nothing(void*) {
  return without_nvcc;
}
int launch_fault(fault, void*) {
  return without_nvcc;
}
int launch_spin(unsigned long long, void*) {
  return without_nvcc;
}

}  // namespace gpu_check

#endif
