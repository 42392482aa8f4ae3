// Finds the CUDA driver on this machine. The library is opened at run time and never closed: the
// same binary runs with and without a GPU. Whether there is one is a value, not an exception. Any
// thread may call; loading twice is harmless.
#pragma once

#include <optional>
#include <string>

#include "driver/driver_table.hpp"

namespace narke::internal {

enum class driver_state {
  present,  ///< initialised: the table may be used
  absent,   ///< a machine without CUDA: no library, no device, or the toolkit's stub
  broken,   ///< CUDA is there and does not work: `problem` says why
};

struct cuda_driver {
  driver_state state = driver_state::absent;
  driver_table table = {};    ///< all set when present, all null otherwise
  int version = 0;            ///< the newest CUDA that the driver serves: 13000 = 13.0; 0 = unknown
  std::string problem = {};   ///< one sentence, only when broken
};

/// Opens `library`, asks for every entry point of the table, those that tell facts first, and
/// initialises the driver. Opens no device.
[[nodiscard]] cuda_driver load_cuda_driver(const std::string& library = "libcuda.so.1");

/// "13.0" for 13000.
[[nodiscard]] std::string cuda_version_text(int version);

/// "CUDA_ERROR_NO_DEVICE (100): no CUDA-capable device is detected", as far as the driver knows
/// the code.
[[nodiscard]] std::string describe_result(const driver_table& table, cu_result code);

}  // namespace narke::internal
