#include "base/log.hpp"

#include <array>
#include <stdexcept>
#include <string>

#include <fmt/format.h>
#include <spdlog/sinks/stdout_sinks.h>
#include <spdlog/spdlog.h>

namespace narke::internal {

namespace {

// A logger of our own, in no registry: the program's own use of spdlog stays its own.
spdlog::logger& the_logger() {
  // Never destroyed: threads may log while static objects go.
  static auto* logger = [] {
    auto* made = new spdlog::logger{"narke", std::make_shared<spdlog::sinks::stderr_sink_mt>()};
    made->set_pattern("narke: [%l] %v");
    made->set_level(spdlog::level::warn);
    return made;
  }();
  return *logger;
}

// Names of tasks and the like stand in messages, and a terminal obeys control characters: C0, DEL,
// and C1 as UTF-8.
std::string without_controls(std::string_view message) {
  std::string shown;
  for (std::size_t i = 0; i != message.size(); ++i) {
    const auto byte = static_cast<unsigned char>(message[i]);
    const bool is_c1 = byte == 0xC2 && i + 1 != message.size() &&
                       static_cast<unsigned char>(message[i + 1]) < 0xA0;
    if (byte < 0x20 || byte == 0x7F || is_c1) {
      shown += '?';
      i += is_c1 ? 1 : 0;
    } else {
      shown += message[i];
    }
  }
  return shown;
}

void log(spdlog::level::level_enum level, std::string_view message) noexcept {
  try {
    if (the_logger().should_log(level)) {
      the_logger().log(level, "{}", without_controls(message));
    }
  } catch (...) {  // a message that cannot be written must not end the program
  }
}

struct named_level {
  std::string_view name;
  spdlog::level::level_enum level;
};
constexpr std::array<named_level, 6> levels{{{"trace", spdlog::level::trace},
                                             {"debug", spdlog::level::debug},
                                             {"info", spdlog::level::info},
                                             {"warning", spdlog::level::warn},
                                             {"error", spdlog::level::err},
                                             {"off", spdlog::level::off}}};

}  // namespace

void set_log_level(std::string_view level) {
  for (const named_level& each : levels) {
    if (each.name == level) {
      the_logger().set_level(each.level);
      return;
    }
  }
  throw std::invalid_argument{
      fmt::format("logging_level: '{}' is none of trace, debug, info, warning, error, off", level)};
}

void log_info(std::string_view message) noexcept {
  log(spdlog::level::info, message);
}
void log_warning(std::string_view message) noexcept {
  log(spdlog::level::warn, message);
}
void log_error(std::string_view message) noexcept {
  log(spdlog::level::err, message);
}

}  // namespace narke::internal
