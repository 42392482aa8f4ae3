#include "image.hpp"

#include <algorithm>
#include <cerrno>
#include <cstdio>
#include <cstring>
#include <memory>
#include <span>
#include <string>
#include <utility>

#include <fmt/format.h>
#include <stb/stb_image.h>

namespace demo {
namespace {

constexpr unsigned background_level = 128;  // of what shows through a transparent picture
constexpr std::size_t file_bytes_max = std::size_t(512) << 20;

[[noreturn]] void refuse(const std::filesystem::path& file, std::string_view why) {
  throw unreadable_picture{fmt::format("cannot read the picture '{}': {}", file.string(), why)};
}

std::vector<std::uint8_t> read_bytes(const std::filesystem::path& file) {
  std::error_code unknown;
  if (std::filesystem::exists(file, unknown) && !std::filesystem::is_regular_file(file, unknown)) {
    refuse(file, "it is not a regular file");
  }
  const std::unique_ptr<std::FILE, int (*)(std::FILE*)> stream{std::fopen(file.c_str(), "rbe"),
                                                               &std::fclose};
  if (!stream) refuse(file, std::strerror(errno));
  std::error_code failed;
  const auto size = std::filesystem::file_size(file, failed);
  if (failed) refuse(file, failed.message());
  if (size == 0) refuse(file, "the file is empty");
  if (size > file_bytes_max)
    refuse(file, fmt::format("{} bytes, above the limit of {}", size, file_bytes_max));
  std::vector<std::uint8_t> bytes(size);
  if (std::fread(bytes.data(), 1, bytes.size(), stream.get()) != bytes.size())
    refuse(file, "it ended early");
  return bytes;
}

struct header {
  image_size size;
  int channels = 0;
};

header read_header(const std::filesystem::path& file, std::span<const std::uint8_t> bytes) {
  header found;
  if (!stbi_info_from_memory(bytes.data(), int(bytes.size()), &found.size.width, &found.size.height,
                             &found.channels)) {
    refuse(file, fmt::format("no picture that this program knows ({})", stbi_failure_reason()));
  }
  if (found.size.width <= 0 || found.size.height <= 0) refuse(file, "it has no pixels");
  if (found.size.pixels() > pixels_max) {
    refuse(file, fmt::format("{} x {} pixels, above the limit of {} million", found.size.width,
                             found.size.height, pixels_max / 1'000'000));
  }
  return found;
}

/// The decoder fills the missing part of a truncated JPEG with grey and reports no error, so its
/// segments are walked here: FF D8, then segments with a length, then entropy-coded data (FF 00 and
/// FF D0..D7 belong to it), up to FF D9.
bool is_truncated_jpeg(std::span<const std::uint8_t> bytes) {
  if (bytes.size() < 2 || bytes[0] != 0xFF || bytes[1] != 0xD8) return false;
  std::size_t at = 2;
  while (at + 1 < bytes.size()) {
    const std::uint8_t marker = bytes[at + 1];
    if (bytes[at] != 0xFF || marker == 0x00 || marker == 0xFF ||
        (marker >= 0xD0 && marker <= 0xD7)) {
      ++at;
    } else if (marker == 0xD9) {
      return false;
    } else {
      if (at + 3 >= bytes.size()) return true;
      at += 2 + (std::size_t(bytes[at + 2]) << 8 | bytes[at + 3]);
    }
  }
  return true;
}

/// Red, green, blue and opacity to red, green and blue on grey.
std::vector<std::uint8_t> on_grey(const std::uint8_t* rgba, std::size_t pixels) {
  std::vector<std::uint8_t> rgb(pixels * 3);
  for (std::size_t i = 0; i < pixels; ++i) {
    const unsigned opacity = rgba[4 * i + 3];
    for (std::size_t channel = 0; channel < 3; ++channel) {
      const unsigned blended = rgba[4 * i + channel] * opacity + background_level * (255 - opacity);
      rgb[3 * i + channel] = std::uint8_t((blended + 127) / 255);
    }
  }
  return rgb;
}

}  // namespace

image make_image(int width, int height, std::uint8_t red, std::uint8_t green, std::uint8_t blue) {
  image made{width, height,
             std::vector<std::uint8_t>(std::size_t(width) * std::size_t(height) * 3)};
  for (std::size_t i = 0; i < made.rgb.size(); i += 3) {
    made.rgb[i] = red;
    made.rgb[i + 1] = green;
    made.rgb[i + 2] = blue;
  }
  return made;
}

image_size read_image_size(const std::filesystem::path& file) {
  return read_header(file, read_bytes(file)).size;
}

image read_image(const std::filesystem::path& file) {
  const std::vector<std::uint8_t> bytes = read_bytes(file);
  const header expected = read_header(file, bytes);
  if (is_truncated_jpeg(bytes)) refuse(file, "the JPEG file is truncated");
  const bool has_opacity = expected.channels == 2 || expected.channels == 4;
  image decoded;
  int channels_in_file = 0;
  const std::unique_ptr<std::uint8_t, void (*)(void*)> samples{
      stbi_load_from_memory(bytes.data(), int(bytes.size()), &decoded.width, &decoded.height,
                            &channels_in_file, has_opacity ? 4 : 3),
      &stbi_image_free};
  if (!samples) refuse(file, fmt::format("it is damaged ({})", stbi_failure_reason()));
  const std::size_t pixels = std::size_t(decoded.width) * std::size_t(decoded.height);
  decoded.rgb = has_opacity ? on_grey(samples.get(), pixels)
                            : std::vector<std::uint8_t>(samples.get(), samples.get() + pixels * 3);
  return decoded;
}

image reduce_to_fit(const image& source, int width_max, int height_max) {
  const double scale =
      std::min({1.0, double(width_max) / source.width, double(height_max) / source.height});
  image reduced =
      make_image(std::max(1, int(source.width * scale)), std::max(1, int(source.height * scale)));
  for (int y = 0; y < reduced.height; ++y) {
    const int top = int(std::int64_t(y) * source.height / reduced.height);
    const int bottom = int(std::int64_t(y + 1) * source.height / reduced.height);
    for (int x = 0; x < reduced.width; ++x) {
      const int left = int(std::int64_t(x) * source.width / reduced.width);
      const int right = int(std::int64_t(x + 1) * source.width / reduced.width);
      std::uint64_t sums[3] = {};
      for (int from_y = top; from_y < bottom; ++from_y) {
        for (int from_x = left; from_x < right; ++from_x) {
          for (int channel = 0; channel < 3; ++channel)
            sums[channel] += source.row(from_y)[3 * from_x + channel];
        }
      }
      const std::uint64_t count = std::uint64_t(bottom - top) * std::uint64_t(right - left);
      for (int channel = 0; channel < 3; ++channel) {
        reduced.row(y)[3 * x + channel] = std::uint8_t((sums[channel] + count / 2) / count);
      }
    }
  }
  return reduced;
}

}  // namespace demo
