// Small things around calls of the driver's table: errors with the driver's own words, and the
// context of this thread.
#pragma once

#include <cstdint>
#include <string>

#include <narke/errors.hpp>

#include "driver/driver_table.hpp"

namespace narke::internal {

/// A call that failed; what() names it and the driver's reason.
class driver_call_failed : public error {
 public:
  driver_call_failed(const std::string& what, cu_result code) : error{what}, code_{code} {}
  [[nodiscard]] cu_result code() const noexcept { return code_; }

 private:
  cu_result code_;
};

/// Throws driver_call_failed unless `code` is success.
void check_driver(const driver_table& table, cu_result code, const char* call);

/// What a code that is not success says of the device.
enum class code_severity : std::uint8_t {
  one_call,  ///< that call failed, and nothing else
  sticky,    ///< the context answers nothing else from here on: the device is lost to this process
  unclear,   ///< a code that says neither: whether the device still answers tells
};
[[nodiscard]] code_severity severity_of(cu_result code) noexcept;

/// Makes a context current for this thread, and the one before when it ends.
class scoped_context {
 public:
  scoped_context(const driver_table& table, cu_context context) noexcept : table_{table} {
    if (table_.ctx_get_current(&outer_) != cu_result::success) {
      outer_ = nullptr;
    }
    if (outer_ != context) {
      code_ = table_.ctx_set_current(context);
      changed_ = code_ == cu_result::success;
    }
  }
  scoped_context(const scoped_context&) = delete;
  scoped_context& operator=(const scoped_context&) = delete;
  ~scoped_context() {
    if (changed_) {
      table_.ctx_set_current(outer_);
    }
  }

  [[nodiscard]] cu_result code() const noexcept { return code_; }

 private:
  const driver_table& table_;
  cu_context outer_ = nullptr;
  cu_result code_ = cu_result::success;
  bool changed_ = false;
};

}  // namespace narke::internal
