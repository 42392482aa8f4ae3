#include "harness/machine_context.hpp"

#include <sched.h>
#include <unistd.h>

#include <array>
#include <bit>
#include <charconv>
#include <cmath>
#include <ctime>
#include <filesystem>
#include <fstream>
#include <sstream>

#include <fmt/format.h>

#include "harness/build_facts.hpp"

namespace bench {
namespace {

std::string first_line(const std::filesystem::path& file) {
  std::ifstream opened{file};
  std::string line;
  std::getline(opened, line);
  return line;
}

template <class Number>
Number number_of(const std::string& text) {
  Number value{};
  std::from_chars(text.data(), text.data() + text.size(), value);
  return value;
}

std::string local_date() {
  const std::time_t now = std::time(nullptr);
  std::tm local{};
  if (localtime_r(&now, &local) == nullptr) return {};
  std::array<char, 64> text{};
  const std::size_t size = std::strftime(text.data(), text.size(), "%Y-%m-%dT%H:%M:%S%z", &local);
  std::string date{text.data(), size};
  if (date.size() > 5) date.insert(date.size() - 2, ":");  // +0200 to +02:00
  return date;
}

std::string host_name() {
  std::array<char, 256> text{};
  return gethostname(text.data(), text.size() - 1) == 0 ? std::string{text.data()} : std::string{};
}

/// The value of a line `key : value`.
std::string cpuinfo(const std::string& key) {
  std::ifstream file{"/proc/cpuinfo"};
  for (std::string line; std::getline(file, line);) {
    const std::size_t colon = line.find(':');
    if (colon != std::string::npos && line.compare(0, key.size(), key) == 0) {
      return colon + 2 <= line.size() ? line.substr(colon + 2) : std::string{};
    }
  }
  return {};
}

int usable_cpus() {
  cpu_set_t mask;
  CPU_ZERO(&mask);
  return sched_getaffinity(0, sizeof mask, &mask) == 0 ? CPU_COUNT(&mask) : 0;
}

/// "512K", "32M".
long cache_bytes(const std::string& text) {
  const long value = number_of<long>(text);
  const char unit = text.empty() ? ' ' : text.back();
  return unit == 'K' ? value * 1024 : unit == 'M' ? value * 1024 * 1024 : value;
}

/// The bits of "ff,ffffffff".
int bits_of(const std::string& mask) {
  int bits = 0;
  for (const char each : mask) {
    unsigned digit = 0;
    if (std::from_chars(&each, &each + 1, digit, 16).ec == std::errc{})
      bits += std::popcount(digit);
  }
  return bits;
}

std::vector<cache_facts> read_caches() {
  const std::filesystem::path folder = "/sys/devices/system/cpu/cpu0/cache";
  std::vector<cache_facts> found;
  for (int i = 0;; ++i) {
    const auto each = folder / fmt::format("index{}", i);
    std::error_code unknown;
    if (!std::filesystem::exists(each, unknown)) return found;
    found.push_back({.type = first_line(each / "type"),
                     .level = number_of<int>(first_line(each / "level")),
                     .size_bytes = cache_bytes(first_line(each / "size")),
                     .num_sharing = bits_of(first_line(each / "shared_cpu_map"))});
  }
}

std::vector<double> read_load() {
  std::istringstream line{first_line("/proc/loadavg")};
  std::vector<double> load;
  for (double each = 0; load.size() < 3 && line >> each;) load.push_back(each);
  return load;
}

bool scales() {
  const std::string governor = first_line("/sys/devices/system/cpu/cpu0/cpufreq/scaling_governor");
  return !governor.empty() && governor != "performance";
}

}  // namespace

machine_context read_context(const std::string& program, const std::string& executable,
                             bool is_quick) {
  std::istringstream mhz{cpuinfo("cpu MHz")};
  double per_cpu = 0;
  mhz >> per_cpu;
  return {.date = local_date(),
          .host_name = host_name(),
          .executable = executable,
          .program = program,
          .num_cpus = usable_cpus(),
          .mhz_per_cpu = int(std::lround(per_cpu)),
          .cpu_scaling_enabled = scales(),
          .caches = read_caches(),
          .load_average = read_load(),
          .cpu_model = cpuinfo("model name"),
          .compiler = build_facts::compiler,
          .build_type = build_facts::build_type,
          .narke_version = build_facts::narke_version,
          .commit = build_facts::commit,
          .is_quick = is_quick};
}

std::string version_text(const std::string& program) {
  return fmt::format("{} of narke {} ({}), {}, {}\n", program, build_facts::narke_version,
                     build_facts::commit, build_facts::compiler, build_facts::build_type);
}

}  // namespace bench
