// What the emulated driver found its caller to do wrong: CUDA would misbehave, silently or later.
// Plain values.
#pragma once

#include <cstdint>
#include <string>

namespace narke::internal {

enum class violation_kind : std::uint8_t {
  use_after_free,
  out_of_bounds,  ///< bytes that no live block, or no single one, holds
  overlap,        ///< source and target of a copy
  double_free,
  handed_out_twice,  ///< annotated as allocated while it is
  wrong_context,     ///< none current, or not that of the stream
  foreign_event,     ///< recorded on a stream of another context
  null_stream,
  stale_handle,  ///< destroyed, or never one of this driver
  never_recorded_wait,
  pageable_copy,
  no_access,  ///< a device's memory that another one may not reach
  unregistered_in_use,
  call_in_work,  ///< a driver call from inside a closure
  leak,
  race,
  undeclared_access,  ///< found by page protection
  bad_argument,
};

[[nodiscard]] const char* violation_name(violation_kind kind);

struct violation {
  violation_kind kind;
  std::string entry;    ///< the entry point that found it, "event_record"; empty = none
  std::string message;  ///< what, where, and the history of the block
};

}  // namespace narke::internal
