// The GPU task of this program: plain enough for a file that is compiled without CUDA.
#pragma once

#include <narke/narke.hpp>

/// a * x + y, left on the device.
narke::array_builder<float> saxpy(narke::gpu_context& gpu, float a,
                                  narke::device_span<const float> x,
                                  narke::device_span<const float> y);
