// One picture of many: thumbnails in a grid, each with a caption under it.
#pragma once

#include <span>
#include <string>

#include "image.hpp"

namespace demo {

inline constexpr int thumbnail_width_max = 240;
inline constexpr int thumbnail_height_max = 160;

struct captioned_picture {
  image thumbnail;      // at most thumbnail_width_max x thumbnail_height_max
  std::string caption;  // lines of ASCII; what is too wide is cut
};

/// Requires: at least one picture.
image make_contact_sheet(std::span<const captioned_picture> pictures);

/// The bytes of a PNG file.
std::string encode_png(const image& picture);

}  // namespace demo
