// The checks that nvcc has a part in: with the runtime, on emulated devices or on CUDA's.
#pragma once

#include "check.hpp"
#include "planted_kernels.hpp"

namespace gpu_check {

void see_which_algorithms_wait(bool is_emulated, findings& found);
void live_on_after(fault kind, bool is_emulated, findings& found);

}  // namespace gpu_check
