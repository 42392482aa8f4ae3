// The pictures that are blurred: those of a folder, or made ones.
#pragma once

#include <cstddef>
#include <filesystem>
#include <string>
#include <vector>

#include "gpu_blur/workload.hpp"

namespace bench::gpu_blur {

inline constexpr const char* usual_folder = "/usr/share/backgrounds/mate";

struct picture_set {
  std::vector<picture> pictures;
  std::string from;  ///< "16 of DIR", "8 made"
};

/// Up to `count` of a folder of JPEG and PNG files and the folders in it, the smallest. Where
/// `folder` is empty: those of the usual folder if it is there, else made ones of several sizes.
/// Throws std::runtime_error saying why there are none.
[[nodiscard]] picture_set load_pictures(const std::filesystem::path& folder, std::size_t count,
                                        std::size_t pixels_each_max);

}  // namespace bench::gpu_blur
