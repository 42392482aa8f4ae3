#include "pictures.hpp"

#include <algorithm>
#include <system_error>

#include <fmt/format.h>

namespace demo {
namespace {

namespace fs = std::filesystem;

bool has_picture_name(const fs::path& file) {
  std::string ending = file.extension().string();
  std::transform(ending.begin(), ending.end(), ending.begin(),
                 [](char c) { return c >= 'A' && c <= 'Z' ? char(c - 'A' + 'a') : c; });
  return ending == ".jpg" || ending == ".jpeg" || ending == ".png";
}

std::vector<fs::path> find_files(const fs::path& folder) {
  std::vector<fs::path> found;
  std::error_code failed;
  fs::recursive_directory_iterator at{folder, fs::directory_options::skip_permission_denied,
                                      failed};
  for (; !failed && at != fs::end(at); at.increment(failed)) {
    std::error_code unknown;
    if (has_picture_name(at->path()) && !at->is_directory(unknown)) found.push_back(at->path());
  }
  if (failed)
    throw input_error{fmt::format("cannot list '{}': {}", folder.string(), failed.message())};
  std::sort(found.begin(), found.end());
  return found;
}

/// Headers may be fine where the rest is not, so one picture has to be decoded; those that cannot
/// be on the way to it are left out.
void drop_damaged_until_one_decodes(picture_list& found) {
  while (!found.usable.empty()) {
    try {
      read_image(found.usable.front().path);
      return;
    } catch (const unreadable_picture& unreadable) {
      found.unreadable.emplace_back(unreadable.what());
      found.usable.erase(found.usable.begin());
    }
  }
}

std::string lines_of(const std::vector<std::string>& items) {
  std::string lines;
  for (const std::string& item : items) lines += "\n  " + item;
  return lines;
}

bool is_smaller(const picture_file& left, const picture_file& right) {
  return left.size.pixels() < right.size.pixels();
}

}  // namespace

picture_list find_pictures(const fs::path& folder) {
  std::error_code failed;
  if (!fs::is_directory(folder, failed)) {
    throw input_error{fmt::format(
        "no pictures: '{}' is not a folder; name one with --images, or install Debian's "
        "package mate-backgrounds",
        folder.string())};
  }
  const std::vector<fs::path> files = find_files(folder);
  if (files.empty()) {
    throw input_error{
        fmt::format("no pictures: '{}' holds no .jpg, .jpeg or .png file", folder.string())};
  }
  picture_list found;
  for (const fs::path& file : files) {
    try {
      found.usable.push_back({file, read_image_size(file)});
    } catch (const unreadable_picture& unreadable) {
      found.unreadable.emplace_back(unreadable.what());
    }
  }
  drop_damaged_until_one_decodes(found);
  if (found.usable.empty()) {
    throw input_error{fmt::format("no pictures: none of the {} picture files in '{}' can be read",
                                  files.size(), folder.string()) +
                      lines_of(found.unreadable)};
  }
  return found;
}

std::vector<picture_file> select(std::vector<picture_file> pictures,
                                 const selection_limits& limits) {
  std::stable_sort(pictures.begin(), pictures.end(), is_smaller);
  std::size_t kept = 0;
  std::size_t pixels_total = 0;
  for (const picture_file& picture : pictures) {
    const std::size_t pixels = picture.size.pixels();
    const bool fits =
        pixels <= limits.pixels_each_max && pixels_total + pixels <= limits.pixels_total_max;
    if (kept == limits.pictures_max || (kept > 0 && !fits)) break;
    ++kept;
    pixels_total += pixels;
  }
  pictures.resize(kept);
  std::sort(
      pictures.begin(), pictures.end(),
      [](const picture_file& left, const picture_file& right) { return left.path < right.path; });
  return pictures;
}

}  // namespace demo
