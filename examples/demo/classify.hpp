// The demo's classifier: three rules, no learned model. A picture is dark, medium or bright by its
// mean luma; grey or one of six colours by the hue that most of its chroma lies in; flat or varied
// by the standard deviation of its luma. Integers alone, so that every run of it agrees.
#pragma once

#include <string>

#include "image.hpp"

namespace demo {

enum class brightness { dark, medium, bright };
enum class dominant_colour { grey, red, yellow, green, cyan, blue, magenta };
enum class contrast { flat, varied };

struct picture_class {
  brightness light = brightness::medium;
  dominant_colour colour = dominant_colour::grey;
  contrast range = contrast::flat;

  bool operator==(const picture_class&) const = default;
};

/// Requires: a picture of at least one pixel.
picture_class classify(const image& picture);

/// For example "dark blue, flat".
std::string describe(const picture_class& found);

}  // namespace demo
