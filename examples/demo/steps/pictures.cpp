#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <exception>
#include <string>
#include <unordered_map>
#include <utility>
#include <vector>

#include <fmt/format.h>
#include <narke/narke.hpp>

#include "../blur.hpp"
#include "../classify.hpp"
#include "../progress_bar.hpp"
#include "steps.hpp"

/// So that the store counts the pixels too.
template <>
std::size_t narke::size_bytes(const demo::image& value) {
  return sizeof value + value.rgb.capacity();
}

namespace demo {
namespace {

constexpr std::size_t sheet_pictures_max = 100;

using picture_ref = narke::object_ref<image>;

/// What the program keeps of a blurred picture; the pixels themselves go.
struct processed_picture {
  picture_class found;
  image thumbnail;
  std::uint64_t checksum = 0;  // of all pixels

  bool operator==(const processed_picture&) const = default;
};

std::uint64_t checksum_of(const std::vector<std::uint8_t>& bytes) {
  std::uint64_t sum = bytes.size();
  for (std::size_t i = 0; i < bytes.size(); i += sizeof sum) {
    std::uint64_t word = 0;
    std::memcpy(&word, bytes.data() + i, std::min(sizeof word, bytes.size() - i));
    sum = (sum ^ word) * 0x9E3779B97F4A7C15U;
    sum ^= sum >> 29;
  }
  return sum;
}

/// The part that the program itself does with each picture, as the tutorial's `process_results`.
processed_picture process(const image& blurred) {
  return {classify(blurred), reduce_to_fit(blurred, thumbnail_width_max, thumbnail_height_max),
          checksum_of(blurred.rgb)};
}

image blur(const image& source) {
  return gaussian_blur(source);
}

struct serial_results {
  std::vector<picture_file> pictures;  // those that could be decoded
  std::vector<processed_picture> processed;
  std::vector<std::string> unreadable;
};

serial_results process_serially(std::span<const picture_file> pictures) {
  progress_bar progress{"serial loop", pictures.size()};
  serial_results results;
  for (const picture_file& picture : pictures) {
    try {
      results.processed.push_back(process(blur(read_image(picture.path))));
      results.pictures.push_back(picture);
    } catch (const unreadable_picture& unreadable) {
      results.unreadable.emplace_back(unreadable.what());
    }
    progress.advance();
  }
  return results;
}

/// Two tasks a picture; the second is given the first one's ref and starts when the pixels are
/// there.
std::vector<picture_ref> submit_all(std::span<const picture_file> pictures) {
  auto decode_task = narke::task(read_image, {.name = "decode"});
  auto blur_task = narke::task(blur, {.name = "blur"});
  std::vector<picture_ref> blurred;
  for (const picture_file& picture : pictures) {
    blurred.push_back(blur_task.remote(decode_task.remote(picture.path)));
  }
  return blurred;
}

std::vector<processed_picture> process_with_get(std::span<const picture_file> pictures) {
  progress_bar progress{"get on all", pictures.size()};
  std::vector<processed_picture> results;
  for (const image& blurred : narke::get(submit_all(pictures))) {
    results.push_back(process(blurred));
    progress.advance();
  }
  return results;
}

std::vector<processed_picture> process_with_wait(std::span<const picture_file> pictures) {
  progress_bar progress{"pipelined with wait", pictures.size()};
  std::vector<picture_ref> pending = submit_all(pictures);
  std::unordered_map<picture_ref, std::size_t> position;
  for (std::size_t i = 0; i < pending.size(); ++i) position.emplace(pending[i], i);

  std::vector<processed_picture> results(pictures.size());
  while (!pending.empty()) {
    auto [ready, not_ready] = narke::wait(pending, {.num_returns = 1});
    for (const picture_ref& ref : ready) {
      results[position.at(ref)] = process(narke::get(ref));
      position.erase(ref);  // with the last ref the pixels go
      progress.advance();
    }
    pending = std::move(not_ready);
  }
  return results;
}

void check(step_figures& step, const std::vector<processed_picture>& results,
           const std::vector<processed_picture>& expected) {
  for (std::size_t i = 0; i < expected.size(); ++i, ++step.checked) {
    step.wrong += i >= results.size() || results[i] != expected[i];
  }
}

std::string caption(const picture_file& picture, const picture_class& found) {
  return picture.path.filename().string() + "\n" + describe(found);
}

std::vector<captioned_picture> captioned(const serial_results& serial) {
  std::vector<captioned_picture> sheet;
  for (std::size_t i = 0; i < std::min(serial.processed.size(), sheet_pictures_max); ++i) {
    sheet.push_back(
        {serial.processed[i].thumbnail, caption(serial.pictures[i], serial.processed[i].found)});
  }
  return sheet;
}

}  // namespace

void show_gpu_pictures(pictures_result& result, const gpu_pictures_result& from_gpus) {
  for (std::size_t i = 0; i < from_gpus.blurred.size(); ++i) {
    const processed_picture picture = process(from_gpus.blurred[i]);
    result.blurred[i].blurred_on = from_gpus.figures.device;
    result.blurred[i].checksum = picture.checksum;
    if (i < result.sheet.size()) {
      result.sheet[i] = {picture.thumbnail, caption(result.decoded[i], picture.found)};
    }
  }
}

pictures_result process_pictures(std::span<const picture_file> pictures) {
  pictures_result result;
  step_figures& step = result.figures;
  serial_results serial;
  step.serial_seconds = seconds_of([&] { serial = process_serially(pictures); });
  if (serial.pictures.empty()) {
    throw input_error{fmt::format(
        "no pictures: none of the {} chosen can be decoded; the first: {}", pictures.size(),
        serial.unreadable.empty() ? "none chosen" : serial.unreadable.front())};
  }
  std::size_t pixels = 0;
  for (const picture_file& picture : serial.pictures) pixels += picture.size.pixels();
  step.name = "pictures";
  step.what = fmt::format(
      "{} pictures ({:.1f} megapixels) decoded, blurred (Gaussian, radius {}, standard deviation "
      "{:.2f}), classified by brightness, hue and contrast (rules, no learned model)",
      serial.pictures.size(), double(pixels) / 1e6, blur_radius, blur_radius / 3.0);
  step.teaches =
      "wait hands over what is finished, so the program's own work overlaps with the tasks still "
      "running";

  std::vector<processed_picture> results;
  step.first = {"get on all", seconds_of([&] { results = process_with_get(serial.pictures); })};
  check(step, results, serial.processed);
  step.second = {"pipelined with wait",
                 seconds_of([&] { results = process_with_wait(serial.pictures); })};
  check(step, results, serial.processed);
  result.sheet = captioned(serial);
  for (std::size_t i = 0; i < serial.pictures.size(); ++i) {
    result.blurred.push_back(
        {serial.pictures[i].path.filename().string(), "cpu", serial.processed[i].checksum});
  }
  result.decoded = std::move(serial.pictures);
  result.unreadable = std::move(serial.unreadable);
  return result;
}

}  // namespace demo
