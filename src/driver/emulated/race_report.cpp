// What a race_detector's findings look like as text.
#include <fmt/format.h>

#include "driver/emulated/race_detector.hpp"

namespace narke::internal {
namespace {

/// How many byte ranges a report writes out.
constexpr std::size_t ranges_told_max = 4;

std::string who(const raced_operation& operation) {
  const std::string label =
      operation.label.empty() ? std::string{} : fmt::format(" \"{}\"", operation.label);
  if (operation.is_host) return "the host" + label;
  return fmt::format("{} at position {}{}", operation.stream, operation.position, label);
}

const char* verb(byte_access kind) {
  return kind == byte_access::write ? "writes" : "reads";
}

std::string bytes_of(const race& found) {
  std::string text;
  for (std::size_t i = 0; i < found.ranges.size() && i < ranges_told_max; ++i) {
    const raced_bytes& range = found.ranges[i];
    text += fmt::format("{}{} bytes at {:#x} (the first {}, the second {})", i > 0 ? ", " : "",
                        range.bytes, range.begin, verb(range.earlier), verb(range.later));
  }
  if (found.ranges.size() > ranges_told_max) {
    text += fmt::format(" and {} more ranges", found.ranges.size() - ranges_told_max);
  }
  return text;
}

std::string missing_edge(const race& found) {
  const raced_operation& earlier = found.earlier;
  if (found.later.is_host) {
    return fmt::format(
        "the host has to see {} complete up to position {} first; it has seen it up to {}",
        earlier.stream, earlier.position, found.seen);
  }
  return fmt::format(
      "{} has to wait before it for an event recorded in {} at position {} or behind; of that "
      "stream it knows up to {}",
      found.later.stream, earlier.stream, earlier.position, found.seen);
}

}  // namespace

std::string describe(const race& found) {
  return fmt::format("race between {} and, issued later, {}: {}. Nothing orders them: {}.",
                     who(found.earlier), who(found.later), bytes_of(found), missing_edge(found));
}

}  // namespace narke::internal
