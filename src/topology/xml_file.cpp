#include "topology/xml_file.hpp"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <fmt/format.h>

#include <cerrno>
#include <charconv>
#include <cstring>
#include <optional>
#include <string_view>

#include "driver/clean_text.hpp"
#include "topology/discover.hpp"

namespace narke::internal {
namespace {

class open_file {
 public:
  // Without O_NONBLOCK the open of a pipe that nobody writes to would never return.
  explicit open_file(const std::string& file)
      : descriptor_(::open(file.c_str(), O_RDONLY | O_CLOEXEC | O_NONBLOCK)) {}
  ~open_file() {
    if (descriptor_ >= 0) ::close(descriptor_);
  }
  open_file(const open_file&) = delete;
  open_file& operator=(const open_file&) = delete;

  [[nodiscard]] int descriptor() const noexcept { return descriptor_; }

 private:
  int descriptor_;
};

[[noreturn]] void cannot_read(const std::string& file, int code) {
  throw topology_error(file, fmt::format("it cannot be read: {}", std::strerror(code)));
}

void check_kind_and_size(const std::string& file, const struct stat& facts,
                         std::uint64_t bytes_max) {
  if (S_ISDIR(facts.st_mode)) throw topology_error(file, "it is a directory, not a file");
  if (!S_ISREG(facts.st_mode)) throw topology_error(file, "it is not a regular file");
  if (facts.st_size == 0) throw topology_error(file, "it is empty");
  if (static_cast<std::uint64_t>(facts.st_size) > bytes_max) {
    throw topology_error(file, fmt::format("it has {} bytes, and {} is the most that is read",
                                           facts.st_size, bytes_max));
  }
}

/// Where the first element begins, after the declaration, the document type and comments.
std::optional<std::size_t> find_root_element(std::string_view xml) {
  std::size_t at = xml.starts_with("\xEF\xBB\xBF") ? 3 : 0;
  while (true) {
    at = xml.find_first_not_of(" \t\r\n", at);
    if (at == std::string_view::npos || xml[at] != '<') return std::nullopt;
    const std::string_view rest = xml.substr(at);
    const char* end = nullptr;
    if (rest.starts_with("<!--")) {
      end = "-->";
    } else if (rest.starts_with("<?")) {
      end = "?>";
    } else if (rest.starts_with("<!")) {
      end = ">";
    } else {
      return at;
    }
    const std::size_t stop = xml.find(end, at + 2);
    if (stop == std::string_view::npos) return std::nullopt;
    at = stop + std::strlen(end);
  }
}

/// The value of an attribute in a start tag; empty when it has none.
std::string_view attribute_of(std::string_view tag, std::string_view name) {
  const std::string key = fmt::format(" {}=", name);
  const std::size_t at = tag.find(key);
  if (at == std::string_view::npos || at + key.size() >= tag.size()) return {};
  const char quote = tag[at + key.size()];
  const std::string_view value = tag.substr(at + key.size() + 1);
  return quote == '"' || quote == '\'' ? value.substr(0, value.find(quote)) : std::string_view{};
}

void check_version(const std::string& file, std::string_view version) {
  if (version.empty()) return;
  int major = 0;
  const auto [stop, code] =
      std::from_chars(version.data(), version.data() + version.size(), major);
  if (code != std::errc{} || major < 1 || major > 2) {
    throw topology_error(file, fmt::format("hwloc XML format {}; this program reads 1.x-2.x",
                                           clean_text(version, 32)));
  }
}

}  // namespace

std::string read_topology_file(const std::string& file, std::uint64_t bytes_max) {
  const open_file opened(file);
  if (opened.descriptor() < 0) cannot_read(file, errno);
  struct stat facts {};
  if (::fstat(opened.descriptor(), &facts) != 0) cannot_read(file, errno);
  check_kind_and_size(file, facts, bytes_max);
  std::string bytes(static_cast<std::size_t>(facts.st_size), '\0');
  std::size_t filled = 0;
  while (filled < bytes.size()) {
    const ssize_t got =
        ::read(opened.descriptor(), bytes.data() + filled, bytes.size() - filled);
    if (got < 0 && errno == EINTR) continue;
    if (got < 0) cannot_read(file, errno);
    if (got == 0) break;
    filled += static_cast<std::size_t>(got);
  }
  bytes.resize(filled);
  return bytes;
}

void check_topology_xml(const std::string& file, const std::string& xml) {
  if (xml.find('\0') != std::string::npos) {
    throw topology_error(file, "it is not XML: it has a zero byte");
  }
  if (xml.find("<!ENTITY") != std::string::npos) {
    throw topology_error(file, "it declares XML entities, which no hwloc topology does");
  }
  const auto root = find_root_element(xml);
  if (!root) throw topology_error(file, "it is not XML");
  const std::string_view tag = std::string_view(xml).substr(*root, xml.find('>', *root) - *root);
  const std::string_view name = tag.substr(1, tag.find_first_of(" \t\r\n/", 1) - 1);
  if (name != "topology" && name != "root") {
    throw topology_error(file, fmt::format("it is XML but no hwloc topology: its root is <{}>",
                                           clean_text(name, 40)));
  }
  check_version(file, attribute_of(tag, "version"));
  if (xml.find(fmt::format("</{}>", name)) == std::string::npos) {
    throw topology_error(file, fmt::format("it ends before </{}>: it may be cut off", name));
  }
}

}  // namespace narke::internal
