#include "gpu_blur/pictures.hpp"

#include <limits>
#include <random>

#include <fmt/format.h>

#include "demo/image.hpp"
#include "demo/pictures.hpp"

namespace bench::gpu_blur {
namespace {

picture with_its_blur(std::uint32_t width, std::uint32_t height, std::vector<std::uint8_t> rgb) {
  picture made{{width, height, 3}, std::move(rgb), {}};
  made.blurred.resize(made.samples.size());
  narke::kernels::blur_cpu(made.shape, narke::kernels::gaussian_weights(radius),
                           made.samples.data(), made.blurred.data());
  return made;
}

/// Stripes and noise, so that every sample counts.
picture make_picture(std::uint32_t seed, std::uint32_t width, std::uint32_t height) {
  std::mt19937 random{seed};
  std::vector<std::uint8_t> rgb(std::size_t(width) * height * 3);
  for (std::size_t i = 0; i != rgb.size(); ++i) {
    const std::size_t stripe = (i / 3 / 16 + i / (std::size_t(width) * 3) / 16) % 2;
    rgb[i] = std::uint8_t((random() & 127U) + stripe * 128);
  }
  return with_its_blur(width, height, std::move(rgb));
}

picture_set made_ones(std::size_t count, std::size_t pixels_each_max) {
  picture_set set;
  for (std::uint32_t i = 0; i != count; ++i) {
    std::uint32_t width = 1280 + 320 * (i % 4);
    while (std::size_t(width) * (width * 9 / 16) > pixels_each_max) width /= 2;
    set.pictures.push_back(make_picture(i, width, width * 9 / 16));
  }
  set.from = fmt::format("{} made", count);
  return set;
}

}  // namespace

picture_set load_pictures(const std::filesystem::path& folder, std::size_t count,
                          std::size_t pixels_each_max) {
  std::error_code unknown;
  const bool asks_for_usual = folder.empty();
  if (asks_for_usual && !std::filesystem::is_directory(usual_folder, unknown)) {
    return made_ones(count, pixels_each_max);
  }
  const std::filesystem::path from = asks_for_usual ? usual_folder : folder;
  const auto chosen = demo::select(demo::find_pictures(from).usable,
                                   {.pictures_max = count,
                                    .pixels_each_max = pixels_each_max,
                                    .pixels_total_max = std::numeric_limits<std::size_t>::max()});
  picture_set set;
  for (const demo::picture_file& file : chosen) {
    demo::image image = demo::read_image(file.path);
    set.pictures.push_back(with_its_blur(std::uint32_t(image.width), std::uint32_t(image.height),
                                         std::move(image.rgb)));
  }
  set.from = fmt::format("{} of {}", set.pictures.size(), from.filename().string());
  return set;
}

}  // namespace bench::gpu_blur
