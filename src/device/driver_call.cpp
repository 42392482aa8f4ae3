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

bool is_sticky(cu_result code) noexcept {
  constexpr std::array sticky{214, 220, 226, 700, 702, 709, 710, 714, 715,
                              716, 717, 718, 719, 721, 810, 911, 999};
  return std::find(sticky.begin(), sticky.end(), static_cast<int>(code)) != sticky.end();
}

}  // namespace narke::internal
