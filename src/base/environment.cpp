#include "base/environment.hpp"

#include <cstdlib>

namespace narke::internal {

std::optional<std::string> environment_value(const char* name) {
  const char* value = ::secure_getenv(name);
  return value != nullptr ? std::optional<std::string>{value} : std::nullopt;
}

}  // namespace narke::internal
