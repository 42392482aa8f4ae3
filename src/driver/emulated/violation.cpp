#include "driver/emulated/violation.hpp"

namespace narke::internal {

const char* violation_name(violation_kind kind) {
  switch (kind) {
    case violation_kind::use_after_free:
      return "use after free";
    case violation_kind::out_of_bounds:
      return "out of bounds";
    case violation_kind::overlap:
      return "overlapping copy";
    case violation_kind::double_free:
      return "double free";
    case violation_kind::handed_out_twice:
      return "handed out twice";
    case violation_kind::wrong_context:
      return "wrong context";
    case violation_kind::foreign_event:
      return "foreign event";
    case violation_kind::null_stream:
      return "NULL stream";
    case violation_kind::stale_handle:
      return "stale handle";
    case violation_kind::never_recorded_wait:
      return "wait for an event never recorded";
    case violation_kind::pageable_copy:
      return "pageable copy";
    case violation_kind::no_access:
      return "no access";
    case violation_kind::unregistered_in_use:
      return "unregistered in use";
    case violation_kind::call_in_work:
      return "driver call inside device work";
    case violation_kind::leak:
      return "leak";
    case violation_kind::race:
      return "race";
    case violation_kind::undeclared_access:
      return "undeclared access";
    case violation_kind::bad_argument:
      return "bad argument";
  }
  return "violation";
}

}  // namespace narke::internal
