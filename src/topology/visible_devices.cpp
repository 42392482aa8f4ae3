#include "topology/visible_devices.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <cctype>
#include <charconv>
#include <cstdint>
#include <functional>
#include <numeric>
#include <unordered_map>
#include <unordered_set>
#include <utility>
#include <variant>

#include "driver/clean_text.hpp"

namespace narke::internal {
namespace {

constexpr std::string_view blanks = " \t\r\n";
constexpr std::string_view hexadecimal_and_dash = "0123456789abcdefABCDEF-";

/// What an entry stands for: something that can be told apart from other entries' devices, or the
/// reason why it is invalid.
using device_id = std::size_t;
using resolution = std::variant<device_id, std::string>;

std::string_view trimmed(std::string_view text) {
  const std::size_t begin = text.find_first_not_of(blanks);
  if (begin == std::string_view::npos) return {};
  return text.substr(begin, text.find_last_not_of(blanks) - begin + 1);
}

std::string quoted(std::string_view entry) {
  constexpr std::size_t shown_max = 48;
  const char* rest = entry.size() > shown_max ? "…" : "";
  return fmt::format("\"{}{}\"", clean_text(entry, shown_max), rest);
}

/// The number that an entry begins with, as strtol reads it: the driver ignores what follows.
struct leading_number {
  bool is_number = false;
  bool is_negative = false;
  std::optional<std::uint64_t> magnitude = std::nullopt;  ///< null = larger than any device number
  std::size_t length = 0;
};

leading_number read_number(std::string_view entry) {
  leading_number number;
  const bool has_sign = !entry.empty() && (entry[0] == '-' || entry[0] == '+');
  const char* begin = entry.data() + (has_sign ? 1 : 0);
  std::uint64_t value = 0;
  const auto [stop, code] = std::from_chars(begin, entry.data() + entry.size(), value);
  if (stop == begin) return number;
  number.is_number = true;
  if (code == std::errc{}) number.magnitude = value;
  number.is_negative = has_sign && entry[0] == '-' && number.magnitude != 0;
  number.length = static_cast<std::size_t>(stop - entry.data());
  return number;
}

enum class list_kind { ordinals, gpu_uuids, mig_uuids };

/// The first entry decides: an ordinal among UUIDs, or the reverse, is invalid.
list_kind kind_of(std::string_view entry) {
  if (entry.starts_with("GPU-")) return list_kind::gpu_uuids;
  return entry.starts_with("MIG-") ? list_kind::mig_uuids : list_kind::ordinals;
}

const char* expected(list_kind kind) {
  if (kind == list_kind::gpu_uuids) return "GPU-<uuid>, like the first entry";
  return kind == list_kind::mig_uuids ? "MIG-<uuid>, like the first entry" : "a device number";
}

/// "MIG-GPU-<uuid>/<gpu instance>/<compute instance>".
struct mig_path {
  std::string_view parent;
  int gpu_instance = -1;
  int compute_instance = -1;
};

std::optional<int> read_instance(std::string_view text) {
  int value = 0;
  const auto [stop, code] = std::from_chars(text.data(), text.data() + text.size(), value);
  if (code != std::errc{} || stop != text.data() + text.size() || value < 0) return std::nullopt;
  return value;
}

std::optional<mig_path> read_mig_path(std::string_view entry) {
  const std::string_view path = entry.substr(4);
  const std::size_t first = path.find('/');
  const std::size_t second = first == std::string_view::npos ? first : path.find('/', first + 1);
  if (second == std::string_view::npos) return std::nullopt;
  const auto gpu = read_instance(path.substr(first + 1, second - first - 1));
  const auto compute = read_instance(path.substr(second + 1));
  if (!gpu || !compute) return std::nullopt;
  return mig_path{path.substr(0, first), *gpu, *compute};
}

/// Whether an entry has the form of a UUID's beginning, whatever devices there are.
bool is_uuid_form(std::string_view entry) {
  std::string_view digits = entry.substr(4);
  if (entry.starts_with("MIG-GPU-")) {
    const auto path = read_mig_path(entry);
    if (!path) return false;
    digits = path->parent.substr(4);
  }
  return !digits.empty() &&
         digits.find_first_not_of(hexadecimal_and_dash) == std::string_view::npos;
}

bool begins_with(std::string_view uuid, std::string_view prefix) {
  if (uuid.size() < prefix.size()) return false;
  const auto same = [](unsigned char a, unsigned char b) {
    return std::tolower(a) == std::tolower(b);
  };
  return std::equal(prefix.begin(), prefix.end(), uuid.begin(), same);
}

bool matches(std::string_view entry, const std::optional<mig_path>& path,
             const visible_device& device) {
  if (!path) return begins_with(device.uuid, entry);
  return device.uuid.starts_with("MIG-") && device.gpu_instance == path->gpu_instance &&
         device.compute_instance == path->compute_instance &&
         begins_with(device.parent_uuid, path->parent);
}

resolution resolve_uuid(std::string_view entry, std::span<const visible_device> devices) {
  const auto path = entry.starts_with("MIG-GPU-") ? read_mig_path(entry) : std::nullopt;
  std::optional<std::size_t> found;
  for (std::size_t i = 0; i < devices.size(); ++i) {
    if (!matches(entry, path, devices[i])) continue;
    if (found) return std::string("is the beginning of several UUIDs");
    found = i;
  }
  if (!found) return std::string("is the beginning of no device's UUID");
  return *found;
}

/// Takes a value apart by the rules, given what one entry means.
class list_reader {
 public:
  using resolver = std::function<resolution(std::string_view entry, list_kind kind)>;

  list_reader(std::string_view value, resolver resolve)
      : rest_(value), resolve_(std::move(resolve)) {}

  /// `is_slice` says which devices are MIG slices, of which a process sees the first alone.
  void read(const std::function<bool(device_id)>& is_slice) {
    const list_kind kind = kind_of(trimmed(rest_.substr(0, rest_.find(','))));
    std::unordered_set<device_id> seen;
    bool has_slice = false;
    while (take_entry()) {
      const resolution meaning = check(kind);
      if (const auto* reason = std::get_if<std::string>(&meaning)) return stop(*reason);
      const device_id device = std::get<device_id>(meaning);
      if (!seen.insert(device).second) return hide_all();
      if (is_slice(device) && std::exchange(has_slice, true)) {
        note("is ignored, because a process sees only one MIG device");
      } else {
        chosen_.push_back(device);
      }
    }
  }

  [[nodiscard]] std::vector<device_id> chosen() && { return std::move(chosen_); }
  [[nodiscard]] std::optional<std::string> explanation() && { return std::move(explanation_); }

 private:
  bool take_entry() {
    if (is_done_) return false;
    const std::size_t comma = rest_.find(',');
    entry_ = trimmed(rest_.substr(0, comma));
    is_done_ = comma == std::string_view::npos;
    rest_ = is_done_ ? std::string_view{} : rest_.substr(comma + 1);
    ++position_;
    return true;
  }

  resolution check(list_kind kind) {
    if (entry_.empty()) return std::string("is empty");
    if (kind != list_kind::ordinals) {
      if (kind_of(entry_) != kind || !is_uuid_form(entry_)) {
        return fmt::format("is not {}", expected(kind));
      }
      return resolve_(entry_, kind);
    }
    const leading_number number = read_number(entry_);
    if (!number.is_number) return fmt::format("is not {}", expected(kind));
    if (number.is_negative) {
      ends_on_purpose_ = true;
      return std::string("is negative");
    }
    const resolution meaning = resolve_(entry_.substr(0, number.length), kind);
    if (number.length < entry_.size() && std::holds_alternative<device_id>(meaning)) {
      note(fmt::format("is read as {}", number.magnitude.value_or(0)));
    }
    return meaning;
  }

  void stop(const std::string& reason) {
    const std::ptrdiff_t after =
        is_done_ ? 0 : std::count(rest_.begin(), rest_.end(), ',') + 1;
    // "-1" at the end is how people say "no more": nothing that they asked for is hidden.
    if (ends_on_purpose_ && after == 0) return;
    note(after == 0 ? fmt::format("{}, which hides it", reason)
                    : fmt::format("{}, which hides it and the {} after it", reason, after));
  }

  void hide_all() {
    chosen_.clear();
    explanation_.reset();
    note("names a device a second time, which hides all devices");
  }

  void note(const std::string& what) {
    const std::string clause = fmt::format("entry {}, {}, {}", position_, quoted(entry_), what);
    if (!explanation_) {
      explanation_ = fmt::format("CUDA_VISIBLE_DEVICES: {}.", clause);
    } else {
      explanation_->back() = ';';
      *explanation_ += fmt::format(" {}.", clause);
    }
  }

  std::string_view rest_;
  resolver resolve_;
  std::string_view entry_;
  std::size_t position_ = 0;
  bool is_done_ = false;
  bool ends_on_purpose_ = false;
  std::vector<device_id> chosen_;
  std::optional<std::string> explanation_;
};

/// Values that say "none" in so many words.
bool means_none(std::string_view value) {
  const std::string_view text = trimmed(value);
  return text.empty() || text == "NoDevFiles";
}

}  // namespace

visible_selection select_visible_devices(std::optional<std::string_view> value,
                                         std::span<const visible_device> devices) {
  visible_selection selection;
  if (!value) {
    selection.chosen.resize(devices.size());
    std::iota(selection.chosen.begin(), selection.chosen.end(), std::size_t{0});
    return selection;
  }
  if (means_none(*value)) return selection;
  list_reader reader(*value, [&](std::string_view entry, list_kind kind) -> resolution {
    if (kind != list_kind::ordinals) return resolve_uuid(entry, devices);
    const auto number = read_number(entry).magnitude;
    if (number && *number < devices.size()) return static_cast<device_id>(*number);
    return fmt::format("is above the highest number of the {} devices here", devices.size());
  });
  reader.read([&](device_id device) { return devices[device].uuid.starts_with("MIG-"); });
  selection.chosen = std::move(reader).chosen();
  selection.explanation = std::move(reader).explanation();
  return selection;
}

std::optional<std::string> explain_visible_devices_syntax(std::string_view value) {
  if (means_none(value)) return std::nullopt;
  std::unordered_map<std::string, device_id> ids;
  list_reader reader(value, [&](std::string_view entry, list_kind kind) -> resolution {
    if (kind == list_kind::ordinals) {
      const auto number = read_number(entry).magnitude;
      if (number) return static_cast<device_id>(*number);
      return std::string("is above the number of any device");
    }
    return ids.try_emplace(std::string(entry), ids.size()).first->second;
  });
  reader.read([](device_id) { return false; });
  return std::move(reader).explanation();
}

}  // namespace narke::internal
