#include "base/environment.hpp"

#include <cstdlib>

#include <unistd.h>

namespace narke::internal {

std::optional<std::string> environment_value(const char* name) {
  const char* value = ::secure_getenv(name);
  return value != nullptr ? std::optional<std::string>{value} : std::nullopt;
}

std::vector<std::string> whole_environment() {
  std::vector<std::string> entries;
  for (char** entry = ::environ; entry != nullptr && *entry != nullptr; ++entry) {
    entries.emplace_back(*entry);
  }
  return entries;
}

}  // namespace narke::internal
