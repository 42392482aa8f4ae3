// Pictures and picture files for the demo's tests.
#pragma once

#include <cstdint>
#include <random>
#include <string>

#include <stb/stb_image_write.h>

#include "demo/image.hpp"

inline demo::image random_picture(int width, int height, unsigned seed) {
  std::mt19937 random{seed};
  demo::image made = demo::make_image(width, height);
  for (std::uint8_t& sample : made.rgb) sample = std::uint8_t(random());
  return made;
}

inline std::string encode_jpeg(const demo::image& picture) {
  std::string bytes;
  const auto append = [](void* context, void* data, int size) {
    static_cast<std::string*>(context)->append(static_cast<const char*>(data), std::size_t(size));
  };
  stbi_write_jpg_to_func(append, &bytes, picture.width, picture.height, 3, picture.rgb.data(), 90);
  return bytes;
}
