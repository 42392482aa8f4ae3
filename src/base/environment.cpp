#include "base/environment.hpp"

#include <cstdlib>

namespace narke::internal {

std::optional<std::string> environment_value(const char* name) {
  const char* value = ::secure_getenv(name);
  if (value == nullptr || *value == '\0') {
    return std::nullopt;
  }
  return value;
}

}  // namespace narke::internal
