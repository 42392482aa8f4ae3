#include "device/driver_call.hpp"

#include <algorithm>
#include <array>

#include <fmt/format.h>

#include "driver/cuda_driver.hpp"

namespace narke::internal {

void check_driver(const driver_table& table, cu_result code, const char* call) {
  if (code != cu_result::success) {
    throw driver_call_failed{fmt::format("{} failed: {}", call, describe_result(table, code)),
                             code};
  }
}

code_severity severity_of(cu_result code) noexcept {
  constexpr std::array sticky{214, 220, 226, 700, 702, 709, 710, 714,
                              715, 716, 717, 718, 719, 721, 810, 911};
  constexpr std::array one_call{1,   2,   46,  101, 201, 209, 217, 304, 400, 401, 500,
                                600, 701, 704, 705, 711, 712, 713, 800, 801, 811};
  const int number = static_cast<int>(code);
  if (std::find(sticky.begin(), sticky.end(), number) != sticky.end()) {
    return code_severity::sticky;
  }
  const bool is_of_capture = number >= 900 && number < 911;
  const bool is_of_one_call =
      is_of_capture || std::find(one_call.begin(), one_call.end(), number) != one_call.end();
  return is_of_one_call ? code_severity::one_call : code_severity::unclear;
}

}  // namespace narke::internal
