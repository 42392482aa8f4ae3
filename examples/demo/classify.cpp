#include "classify.hpp"

#include <algorithm>
#include <array>
#include <cstddef>
#include <cstdint>

#include <fmt/format.h>

namespace demo {
namespace {

constexpr std::uint64_t dark_luma_max = 85;
constexpr std::uint64_t bright_luma_min = 170;
constexpr std::uint64_t grey_chroma_max = 24;
constexpr std::uint64_t flat_deviation_max = 32;

struct totals {
  std::uint64_t luma = 0;
  std::uint64_t luma_squared = 0;
  std::uint64_t chroma = 0;
  std::array<std::uint64_t, 6> chroma_by_hue{};  // red, yellow, green, cyan, blue, magenta
};

/// The nearest of the six hues. Between red and yellow green grows from the lowest to the highest
/// of the three, and the middle of that way is where the nearer hue changes; the other sectors are
/// the same, turned.
std::size_t nearest_hue(int red, int green, int blue, int lowest, int chroma) {
  const auto is_past_middle = [&](int rising) { return 2 * (rising - lowest) > chroma; };
  if (red - lowest == chroma) {
    if (green >= blue) return is_past_middle(green) ? 1 : 0;
    return is_past_middle(blue) ? 5 : 0;
  }
  if (green - lowest == chroma) {
    if (red >= blue) return is_past_middle(red) ? 1 : 2;
    return is_past_middle(blue) ? 3 : 2;
  }
  if (green >= red) return is_past_middle(green) ? 3 : 4;
  return is_past_middle(red) ? 5 : 4;
}

totals add_up(const image& picture) {
  totals found;
  for (std::size_t i = 0; i < picture.rgb.size(); i += 3) {
    const int red = picture.rgb[i];
    const int green = picture.rgb[i + 1];
    const int blue = picture.rgb[i + 2];
    const auto luma = std::uint64_t(299 * red + 587 * green + 114 * blue) / 1000;
    found.luma += luma;
    found.luma_squared += luma * luma;
    const auto [lowest, highest] = std::minmax({red, green, blue});
    const int chroma = highest - lowest;
    if (chroma == 0) continue;
    found.chroma += std::uint64_t(chroma);
    found.chroma_by_hue[nearest_hue(red, green, blue, lowest, chroma)] += std::uint64_t(chroma);
  }
  return found;
}

}  // namespace

picture_class classify(const image& picture) {
  const totals found = add_up(picture);
  const std::uint64_t pixels = picture.rgb.size() / 3;
  const std::uint64_t mean = found.luma / pixels;
  const std::uint64_t variance = found.luma_squared / pixels - mean * mean;
  picture_class result;
  if (mean <= dark_luma_max) result.light = brightness::dark;
  if (mean >= bright_luma_min) result.light = brightness::bright;
  if (found.chroma / pixels > grey_chroma_max) {
    const auto most = std::max_element(found.chroma_by_hue.begin(), found.chroma_by_hue.end());
    result.colour = dominant_colour(1 + (most - found.chroma_by_hue.begin()));
  }
  if (variance > flat_deviation_max * flat_deviation_max) result.range = contrast::varied;
  return result;
}

std::string describe(const picture_class& found) {
  static constexpr std::array lights{"dark", "medium", "bright"};
  static constexpr std::array colours{"grey", "red", "yellow", "green", "cyan", "blue", "magenta"};
  static constexpr std::array ranges{"flat", "varied"};
  return fmt::format("{} {}, {}", lights[std::size_t(found.light)],
                     colours[std::size_t(found.colour)], ranges[std::size_t(found.range)]);
}

}  // namespace demo
