#include "contact_sheet.hpp"

#include <algorithm>
#include <array>
#include <cmath>
#include <cstddef>
#include <cstdint>
#include <stdexcept>

#include <stb/stb_easy_font.h>
#include <stb/stb_image_write.h>

namespace demo {
namespace {

constexpr int margin = 12;
constexpr int caption_height = 32;
constexpr int cell_width = thumbnail_width_max + margin;
constexpr int cell_height = thumbnail_height_max + caption_height + margin;
constexpr std::uint8_t paper = 28;
constexpr std::uint8_t ink = 225;

void paste(image& sheet, const image& picture, int left, int top) {
  for (int y = 0; y < picture.height; ++y) {
    std::copy_n(picture.row(y), picture.row_samples(), sheet.row(top + y) + 3 * left);
  }
}

void fill(image& sheet, int left, int top, int right, int bottom) {
  for (int y = std::max(top, 0); y < std::min(bottom, sheet.height); ++y) {
    for (int x = std::max(left, 0); x < std::min(right, sheet.width); ++x) {
      std::fill_n(sheet.row(y) + 3 * x, 3, ink);
    }
  }
}

/// stb_easy_font gives letters as rectangles of four corners each, upper left first and lower right
/// third.
struct corner {
  float x, y, z;
  std::uint8_t colour[4];
};

/// The font knows ASCII alone, and looks beyond its table for anything else.
char drawable(char letter) { return letter >= ' ' && letter <= '~' ? letter : '?'; }

void write_text(image& sheet, std::string text, int left, int top, int width_max) {
  std::transform(text.begin(), text.end(), text.begin(), drawable);
  while (!text.empty() && stb_easy_font_width(text.data()) >= width_max) text.pop_back();
  std::array<corner, 4096> corners{};
  const int rectangles = stb_easy_font_print(float(left), float(top), text.data(), nullptr,
                                             corners.data(), int(sizeof corners));
  for (std::size_t i = 0; i < std::size_t(rectangles); ++i) {
    const corner& low = corners[4 * i];
    const corner& high = corners[4 * i + 2];
    fill(sheet, int(low.x), int(low.y), int(high.x), int(high.y));
  }
}

void write_caption(image& sheet, const std::string& caption, int left, int top) {
  constexpr int line_height = 14;
  for (std::size_t begin = 0; begin < caption.size(); top += line_height) {
    const std::size_t end = std::min(caption.find('\n', begin), caption.size());
    write_text(sheet, caption.substr(begin, end - begin), left, top, thumbnail_width_max);
    begin = end + 1;
  }
}

}  // namespace

image make_contact_sheet(std::span<const captioned_picture> pictures) {
  const int count = int(pictures.size());
  const int columns = int(std::ceil(std::sqrt(double(count))));
  const int rows = (count + columns - 1) / columns;
  image sheet =
      make_image(margin + columns * cell_width, margin + rows * cell_height, paper, paper, paper);
  for (int i = 0; i < count; ++i) {
    const captioned_picture& entry = pictures[std::size_t(i)];
    const int left = margin + i % columns * cell_width;
    const int top = margin + i / columns * cell_height;
    paste(sheet, entry.thumbnail, left + (thumbnail_width_max - entry.thumbnail.width) / 2,
          top + (thumbnail_height_max - entry.thumbnail.height) / 2);
    write_caption(sheet, entry.caption, left, top + thumbnail_height_max + 4);
  }
  return sheet;
}

std::string encode_png(const image& picture) {
  std::string bytes;
  const auto append = [](void* context, void* data, int size) {
    static_cast<std::string*>(context)->append(static_cast<const char*>(data), std::size_t(size));
  };
  if (!stbi_write_png_to_func(append, &bytes, picture.width, picture.height, 3, picture.rgb.data(),
                              int(picture.row_samples()))) {
    throw std::runtime_error{"no memory to encode a PNG file"};
  }
  return bytes;
}

}  // namespace demo
