#include "topology/cgroup_limits.hpp"

#include <sched.h>

#include <algorithm>
#include <cerrno>
#include <charconv>
#include <cmath>
#include <filesystem>
#include <fstream>
#include <memory>
#include <sstream>
#include <string_view>
#include <vector>

namespace narke::internal {
namespace {

namespace fs = std::filesystem;

/// Kernel files are short; a cpuset of a large machine has a few thousand characters.
constexpr std::size_t file_bytes_max = 64 * 1024;
/// Version 1 writes "no limit" as the largest multiple of a page in 63 bits.
constexpr std::uint64_t unlimited_bytes = std::uint64_t{1} << 60;
constexpr int cpu_number_max = 1 << 20;

/// The file's text without the blanks at its end; nullopt when it is absent or unreadable.
std::optional<std::string> read_text(const fs::path& file) {
  std::ifstream stream(file, std::ios::binary);
  std::string text(file_bytes_max, '\0');
  if (!stream) return std::nullopt;
  stream.read(text.data(), static_cast<std::streamsize>(text.size()));
  if (stream.bad()) return std::nullopt;
  text.resize(static_cast<std::size_t>(stream.gcount()));
  text.resize(text.find_last_not_of(" \t\r\n") + 1);
  return text;
}

template <class Number>
std::optional<Number> parse(std::string_view text) {
  Number value{};
  const char* end = text.data() + text.size();
  const auto [stop, code] = std::from_chars(text.data(), end, value);
  if (text.empty() || code != std::errc{} || stop != end) return std::nullopt;
  return value;
}

template <class Number>
std::optional<Number> read_number(const fs::path& file) {
  const auto text = read_text(file);
  return text ? parse<Number>(*text) : std::nullopt;
}

template <class Value>
void keep_smaller(std::optional<Value>& smallest, const std::optional<Value>& value) {
  if (value && (!smallest || *value < *smallest)) smallest = value;
}

std::optional<double> quota_of(std::optional<std::int64_t> quota_us,
                               std::optional<std::int64_t> period_us) {
  if (!quota_us || !period_us || *quota_us <= 0 || *period_us <= 0) return std::nullopt;
  return static_cast<double>(*quota_us) / static_cast<double>(*period_us);
}

/// "max 100000" or "50000 100000".
std::optional<double> read_quota_v2(const fs::path& group) {
  const auto text = read_text(group / "cpu.max");
  if (!text) return std::nullopt;
  const std::size_t blank = text->find(' ');
  if (blank == std::string::npos) return std::nullopt;
  const std::string_view words = *text;
  return quota_of(parse<std::int64_t>(words.substr(0, blank)),
                  parse<std::int64_t>(words.substr(blank + 1)));
}

std::optional<double> read_quota_v1(const fs::path& group) {
  return quota_of(read_number<std::int64_t>(group / "cpu.cfs_quota_us"),
                  read_number<std::int64_t>(group / "cpu.cfs_period_us"));
}

/// "max", and a number that stands for it, do not parse or are too large; 0 would end the process.
std::optional<std::uint64_t> read_bytes(const fs::path& file) {
  const auto bytes = read_number<std::uint64_t>(file);
  return bytes && *bytes > 0 && *bytes < unlimited_bytes ? bytes : std::nullopt;
}

std::optional<int> read_cpus(const fs::path& file) {
  const auto text = read_text(file);
  return text ? count_cpu_list(*text) : std::nullopt;
}

void apply_group_v2(const fs::path& group, cgroup_limits& limits) {
  keep_smaller(limits.quota_cpus, read_quota_v2(group));
  keep_smaller(limits.memory_bytes, read_bytes(group / "memory.max"));
  keep_smaller(limits.memory_bytes, read_bytes(group / "memory.high"));
  keep_smaller(limits.cpuset_cpus, read_cpus(group / "cpuset.cpus.effective"));
}

void apply_group_v1(const fs::path& group, const std::string& controller, cgroup_limits& limits) {
  if (controller == "cpu") keep_smaller(limits.quota_cpus, read_quota_v1(group));
  if (controller == "memory") {
    keep_smaller(limits.memory_bytes, read_bytes(group / "memory.limit_in_bytes"));
  }
  if (controller == "cpuset") {
    const auto effective = read_cpus(group / "cpuset.effective_cpus");
    keep_smaller(limits.cpuset_cpus, effective ? effective : read_cpus(group / "cpuset.cpus"));
  }
}

/// A group's directory and all above it, up to `root`. In a container the path may be the host's
/// and lead nowhere here: then what is above is all there is.
std::vector<fs::path> groups_up_to(const fs::path& root, const std::string& group) {
  std::vector<fs::path> way{root};
  for (const auto& name : fs::path(group).relative_path()) {
    // Outside the namespace's root: only the root itself can be seen.
    if (name == "..") return {root};
    if (!name.empty() && name != ".") way.push_back(way.back() / name);
  }
  return way;
}

/// One line of /proc/self/cgroup: "4:cpu,cpuacct:/path".
struct group_line {
  std::string controllers;
  std::string path;

  [[nodiscard]] bool is_v2() const { return controllers.empty(); }
  [[nodiscard]] bool is_named() const { return controllers.starts_with("name="); }
};

std::vector<group_line> read_group_lines(const std::string& file) {
  std::vector<group_line> lines;
  const auto text = read_text(file);
  if (!text) return lines;
  std::istringstream stream(*text);
  for (std::string line; std::getline(stream, line);) {
    const std::size_t first = line.find(':');
    if (first == std::string::npos) continue;
    const std::size_t second = line.find(':', first + 1);
    if (second == std::string::npos) continue;
    lines.push_back({line.substr(first + 1, second - first - 1), line.substr(second + 1)});
  }
  return lines;
}

bool is_folder(const fs::path& path) {
  std::error_code ignored;
  return fs::is_directory(path, ignored);
}

bool is_there(const fs::path& path) {
  std::error_code ignored;
  return fs::exists(path, ignored);
}

/// Where version 2 is mounted: at the root, or beside version 1 at "unified".
std::optional<fs::path> find_v2_mount(const fs::path& root) {
  if (is_there(root / "cgroup.controllers")) return root;
  if (is_folder(root / "unified")) return root / "unified";
  return std::nullopt;
}

/// Controllers that share a mount ("cpu,cpuacct") lie there, with or without a link of their own.
fs::path find_v1_mount(const fs::path& root, const std::string& controllers,
                       const std::string& controller) {
  const fs::path own = root / controller;
  return is_folder(own) ? own : root / controllers;
}

bool apply_line_v1(const fs::path& root, const group_line& line, cgroup_limits& limits) {
  bool found = false;
  std::istringstream names(line.controllers);
  for (std::string controller; std::getline(names, controller, ',');) {
    const fs::path mount = find_v1_mount(root, line.controllers, controller);
    if (!is_folder(mount)) continue;
    found = true;
    for (const auto& group : groups_up_to(mount, line.path)) {
      apply_group_v1(group, controller, limits);
    }
  }
  return found;
}

bool apply_line_v2(const fs::path& root, const group_line& line, cgroup_limits& limits) {
  const auto mount = find_v2_mount(root);
  if (!mount) return false;
  for (const auto& group : groups_up_to(*mount, line.path)) apply_group_v2(group, limits);
  return true;
}

}  // namespace

cgroup_limits read_cgroup_limits(const std::string& root, const std::string& proc_cgroup_file) {
  cgroup_limits limits;
  bool has_v1 = false;
  bool has_v2 = false;
  for (const auto& line : read_group_lines(proc_cgroup_file)) {
    if (line.is_named()) continue;
    if (line.is_v2()) {
      has_v2 = apply_line_v2(root, line, limits) || has_v2;
    } else {
      has_v1 = apply_line_v1(root, line, limits) || has_v1;
    }
  }
  if (has_v1 && has_v2) {
    limits.version = "hybrid";
  } else if (has_v1 || has_v2) {
    limits.version = has_v1 ? "v1" : "v2";
  }
  return limits;
}

std::optional<int> count_cpu_list(const std::string& text) {
  int count = 0;
  int highest = -1;
  std::string_view rest = text;
  while (!rest.empty()) {
    const std::size_t comma = rest.find(',');
    const std::string_view range = rest.substr(0, comma);
    const std::size_t dash = range.find('-');
    const auto first = parse<int>(range.substr(0, dash));
    const auto last = dash == std::string_view::npos ? first : parse<int>(range.substr(dash + 1));
    // The kernel writes ranges in order and apart.
    if (!first || !last || *first <= highest || *last < *first || *last > cpu_number_max) {
      return std::nullopt;
    }
    count += *last - *first + 1;
    highest = *last;
    rest = comma == std::string_view::npos ? std::string_view{} : rest.substr(comma + 1);
    if (comma != std::string_view::npos && rest.empty()) return std::nullopt;
  }
  return count > 0 ? std::optional(count) : std::nullopt;
}

std::optional<int> count_affinity_cpus() {
  // The kernel refuses a mask that is smaller than its own, which may have more than 1024 bits.
  for (int cpus = 1024; cpus <= cpu_number_max; cpus *= 2) {
    const auto release = [](cpu_set_t* set) { CPU_FREE(set); };
    const std::unique_ptr<cpu_set_t, decltype(release)> set(
        CPU_ALLOC(static_cast<std::size_t>(cpus)), release);
    if (set == nullptr) return std::nullopt;
    const std::size_t bytes = CPU_ALLOC_SIZE(static_cast<std::size_t>(cpus));
    CPU_ZERO_S(bytes, set.get());
    if (::sched_getaffinity(0, bytes, set.get()) == 0) return CPU_COUNT_S(bytes, set.get());
    if (errno != EINVAL) return std::nullopt;
  }
  return std::nullopt;
}

process_limits combine_limits(std::optional<int> affinity_cpus, const cgroup_limits& groups,
                              int machine_pus, std::uint64_t machine_memory_bytes) {
  process_limits limits{.affinity_cpus = affinity_cpus,
                        .cpuset_cpus = groups.cpuset_cpus,
                        .quota_cpus = groups.quota_cpus,
                        .memory_bytes = groups.memory_bytes,
                        .cgroup_version = groups.version};
  int cpus = affinity_cpus.value_or(machine_pus);
  if (groups.cpuset_cpus) cpus = std::min(cpus, *groups.cpuset_cpus);
  if (groups.quota_cpus && *groups.quota_cpus < cpus) {
    cpus = static_cast<int>(std::ceil(*groups.quota_cpus));
  }
  limits.usable_cpus = std::max(1, cpus);
  limits.usable_memory_bytes = machine_memory_bytes;
  if (groups.memory_bytes && (machine_memory_bytes == 0 ||
                              *groups.memory_bytes < machine_memory_bytes)) {
    limits.usable_memory_bytes = *groups.memory_bytes;
  }
  return limits;
}

}  // namespace narke::internal
