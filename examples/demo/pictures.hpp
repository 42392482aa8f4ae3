// Which picture files the demo works on.
#pragma once

#include <cstddef>
#include <filesystem>
#include <stdexcept>
#include <string>
#include <vector>

#include "image.hpp"

namespace demo {

/// Input that the user named and that cannot be used; the program ends with 2.
class input_error : public std::runtime_error {
 public:
  using std::runtime_error::runtime_error;
};

struct picture_file {
  std::filesystem::path path;
  image_size size;
};

struct picture_list {
  std::vector<picture_file> usable;     // in the order of their paths
  std::vector<std::string> unreadable;  // why each of the others is left out
};

/// Every .jpg, .jpeg and .png file of the folder and the folders in it, by its header. Throws
/// `input_error` when there is no such folder, no such file, or none that a picture can be decoded
/// from.
picture_list find_pictures(const std::filesystem::path& folder);

struct selection_limits {
  std::size_t pictures_max = 0;
  std::size_t pixels_each_max = 0;   // kept to as long as at least one picture stays
  std::size_t pixels_total_max = 0;  // the same
};

/// A choice that keeps to the limits: the smallest pictures, in the order of their paths.
std::vector<picture_file> select(std::vector<picture_file> pictures,
                                 const selection_limits& limits);

}  // namespace demo
