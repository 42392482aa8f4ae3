#include <fstream>
#include <string>

#include <sys/utsname.h>

#include "observe/report.hpp"

namespace narke::internal {
namespace {

// The distribution's own name for itself, of lines such as PRETTY_NAME="Debian GNU/Linux 12".
std::string distribution() {
  constexpr std::size_t line_bytes_max = 4'096;
  const std::string key = "PRETTY_NAME=";
  for (const char* path : {"/etc/os-release", "/usr/lib/os-release"}) {
    std::ifstream file{path};
    for (std::string line; std::getline(file, line) && line.size() < line_bytes_max;) {
      if (line.compare(0, key.size(), key) != 0) continue;
      std::string value = line.substr(key.size());
      if (value.size() >= 2 && value.front() == value.back() &&
          (value.front() == '"' || value.front() == '\'')) {
        value = value.substr(1, value.size() - 2);
      }
      return value;
    }
  }
  return {};
}

}  // namespace

host_facts this_host() {
  utsname name{};
  if (::uname(&name) != 0) return {.os = distribution()};
  return {.hostname = name.nodename,
          .os = distribution(),
          .kernel = std::string{name.sysname} + " " + name.release,
          .architecture = name.machine};
}

}  // namespace narke::internal
