// Names of tasks, kept for ever so that an event holds a pointer only. Bounded: a program that
// makes up names without end fills the table and then shares one.
#include <array>
#include <cstring>
#include <functional>
#include <mutex>
#include <string>
#include <string_view>
#include <unordered_set>

#include "observe/event.hpp"

namespace narke::internal {
namespace {

constexpr std::size_t names_max = 65'536;
constexpr std::size_t name_bytes_max = 512;
constexpr const char* other_names = "(other names)";

struct name_table {
  std::mutex mutex;
  std::unordered_set<std::string> names;  // nodes: what c_str() points to stays
};

name_table& all_names() {
  static name_table* const all = new name_table;
  return *all;
}

// What this thread asked for lately, by hash: saves the lock. Entries are never freed.
struct recent_name {
  const char* text;
  std::size_t length;
};
constexpr std::size_t recent_count = 64;
constinit thread_local std::array<recent_name, recent_count> recent_names{};

// Cut to the limit, not within a UTF-8 sequence; a NUL would end the C string.
std::string storable(std::string_view name) {
  if (name.size() > name_bytes_max) {
    std::size_t end = name_bytes_max;
    while (end > 0 && (static_cast<unsigned char>(name[end]) & 0xC0U) == 0x80U) --end;
    name = name.substr(0, end);
  }
  std::string text{name};
  for (char& c : text) {
    if (c == '\0') c = ' ';
  }
  return text;
}

const char* find_or_add(std::string_view name) {
  std::string text = storable(name);
  name_table& all = all_names();
  const std::scoped_lock lock{all.mutex};
  const auto found = all.names.find(text);
  if (found != all.names.end()) return found->c_str();
  if (all.names.size() >= names_max) return other_names;
  return all.names.insert(std::move(text)).first->c_str();
}

}  // namespace

const char* intern_name(std::string_view name) {
  const std::size_t slot = std::hash<std::string_view>{}(name) % recent_count;
  recent_name& recent = recent_names[slot];
  if (recent.text != nullptr && std::string_view{recent.text, recent.length} == name) {
    return recent.text;
  }
  const char* const text = find_or_add(name);
  if (text != other_names) recent = {text, std::strlen(text)};
  return text;
}

}  // namespace narke::internal
