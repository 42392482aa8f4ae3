// narke as a contender on GPUs: a runtime for the time of one run, and kernels in GPU tasks.
#pragma once

#include <stdexcept>

#include <narke/gpu_context.hpp>

#include "harness/gpu_setup.hpp"
#include "kernels/launch.hpp"

namespace bench {

/// A runtime on what the setup asks for, as long as it lives. One at a time.
class gpu_session {
 public:
  gpu_session(const gpu_setup& setup, const gpu_choice& choice, int cpus = 2);
  gpu_session(const gpu_session&) = delete;
  gpu_session& operator=(const gpu_session&) = delete;
  ~gpu_session();
};

/// `kernel(stream)`, with the launchers of kernels/, at its turn in the task's stream; on an
/// emulated device `stream` is host_stream.
template <class Kernel>
void enqueue(narke::gpu_context& gpu, const Kernel& kernel) {
  if (gpu.emulate([kernel] {
        if (kernel(narke::kernels::host_stream) != narke::kernels::launched) {
          throw std::runtime_error{"the kernel was given bad arguments"};
        }
      })) {
    return;
  }
  const narke::kernels::launch_code code = kernel(gpu.stream());
  if (code != narke::kernels::launched) {
    throw std::runtime_error{narke::kernels::launch_text(code)};
  }
}

}  // namespace bench
