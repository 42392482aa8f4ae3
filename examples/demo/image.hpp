// Pictures as the demo's steps pass them: 8 bits each of red, green and blue, row by row.
// `read_image` decodes a file that nobody vouches for: it asks for the dimensions first and refuses
// what is too large, truncated or no picture.
#pragma once

#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <stdexcept>
#include <vector>

namespace demo {

struct image {
  int width = 0;
  int height = 0;
  std::vector<std::uint8_t> rgb;

  [[nodiscard]] std::size_t row_samples() const { return std::size_t(width) * 3; }
  [[nodiscard]] const std::uint8_t* row(int y) const {
    return rgb.data() + row_samples() * std::size_t(y);
  }
  [[nodiscard]] std::uint8_t* row(int y) { return rgb.data() + row_samples() * std::size_t(y); }

  bool operator==(const image&) const = default;
};

/// A picture of one colour. Requires: both dimensions above 0.
image make_image(int width, int height, std::uint8_t red = 0, std::uint8_t green = 0,
                 std::uint8_t blue = 0);

/// A file that holds no picture that this program can decode; the message names it.
class unreadable_picture : public std::runtime_error {
 public:
  using std::runtime_error::runtime_error;
};

struct image_size {
  int width = 0;
  int height = 0;

  [[nodiscard]] std::size_t pixels() const { return std::size_t(width) * std::size_t(height); }
};

/// Pictures above this many pixels are refused before they are decoded.
inline constexpr std::size_t pixels_max = 100'000'000;

/// Reads the header alone. Throws `unreadable_picture`.
image_size read_image_size(const std::filesystem::path& file);

/// Decodes a JPEG or PNG file; transparent parts are laid on grey. Throws `unreadable_picture`.
image read_image(const std::filesystem::path& file);

/// The picture, reduced to fit into the box by averaging; never enlarged. Requires: a picture of at
/// least one pixel.
image reduce_to_fit(const image& source, int width_max, int height_max);

}  // namespace demo
