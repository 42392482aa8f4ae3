#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <string>
#include <tuple>
#include <utility>
#include <vector>

#include <fmt/format.h>
#include <narke/narke.hpp>

#include "../../../kernels/blur.hpp"
#include "../blur.hpp"
#include "../progress_bar.hpp"
#include "steps.hpp"

namespace demo {
namespace {

namespace kernels = narke::kernels;

using pixels = narke::array<std::uint8_t>;
using pixels_ref = narke::object_ref<pixels>;

/// A decoded picture, in pieces that become refs of their own: a GPU task reads the pixels on its
/// device and takes the numbers as they are.
std::tuple<pixels, int, int> decode(const std::filesystem::path& file) {
  image picture = read_image(file);
  return {pixels{std::move(picture.rgb)}, picture.width, picture.height};
}

/// The body of the GPU task. It only enqueues: the picture need not be decoded yet.
narke::array_builder<std::uint8_t> blur_on_gpu(narke::gpu_context& gpu,
                                               narke::device_span<const std::uint8_t> rgb,
                                               int width, int height) {
  const kernels::picture_shape shape{std::uint32_t(width), std::uint32_t(height), 3};
  const kernels::blur_weights weights = kernels::gaussian_weights(blur_radius);
  auto blurred = gpu.allocate<std::uint8_t>(rgb.size());
  void* const workspace = gpu.allocate_temporary(kernels::blur_workspace_bytes(shape));
  const auto launch = [=, out = blurred.data()](void* stream) {
    return kernels::blur_launch(shape, weights, rgb.data(), out, workspace, stream);
  };
  // An emulated device runs the kernel's own code, at its turn.
  const bool is_emulated = gpu.emulate([=] {
    if (launch(kernels::host_stream) != kernels::launched) throw std::runtime_error{"bad launch"};
  });
  if (is_emulated) return blurred;
  if (const auto code = launch(gpu.stream()); code != kernels::launched) {
    throw narke::error{"blur on a GPU: " + kernels::launch_text(code)};
  }
  return blurred;
}

pixels_ref submit(const std::filesystem::path& file) {
  auto [rgb, width, height] = narke::task(decode, {.name = "decode"}).num_returns<3>().remote(file);
  return narke::task(blur_on_gpu, {.num_gpus = 1, .name = "blur on a GPU"})
      .remote(std::move(rgb), width, height);
}

std::vector<image> blur_serially(std::span<const picture_file> pictures) {
  progress_bar progress{"serial loop", pictures.size()};
  std::vector<image> blurred;
  for (const picture_file& picture : pictures) {
    blurred.push_back(gaussian_blur(read_image(picture.path)));
    progress.advance();
  }
  return blurred;
}

std::vector<pixels> blur_one_by_one(std::span<const picture_file> pictures) {
  progress_bar progress{"one by one", pictures.size()};
  std::vector<pixels> blurred;
  for (const picture_file& picture : pictures) {
    blurred.push_back(narke::get(submit(picture.path)));
    static_cast<void>(blurred.back().host());
    progress.advance();
  }
  return blurred;
}

std::vector<pixels> blur_all_enqueued(std::span<const picture_file> pictures) {
  progress_bar progress{"all enqueued", pictures.size()};
  std::vector<pixels_ref> refs;
  for (const picture_file& picture : pictures) refs.push_back(submit(picture.path));
  std::vector<pixels> blurred;
  for (const pixels_ref& ref : refs) {
    blurred.push_back(narke::get(ref));
    static_cast<void>(blurred.back().host());
    progress.advance();
  }
  return blurred;
}

/// Byte by byte.
void check(step_figures& step, const std::vector<pixels>& blurred,
           const std::vector<image>& expected) {
  for (std::size_t i = 0; i < expected.size(); ++i, ++step.checked) {
    const auto host = blurred[i].host();
    const auto& rgb = expected[i].rgb;
    step.wrong += !std::equal(host.begin(), host.end(), rgb.begin(), rgb.end());
  }
}

std::string counted_gpus(const std::vector<narke::gpu>& gpus) {
  return fmt::format("{} {}GPU{}", gpus.size(), gpus.front().is_emulated ? "emulated " : "",
                     gpus.size() == 1 ? "" : "s");
}

}  // namespace

std::string why_no_gpu() {
  const auto gpus = narke::gpus();
  if (gpus.empty()) return "this machine has no GPU; --emulated-gpus N emulates some";
  if (!gpus.front().is_emulated && !kernels::built_with_cuda()) {
    return "this program was built without a CUDA toolkit, so it has no code for the GPU; build it "
           "where nvcc is, or take --emulated-gpus N";
  }
  return "";
}

gpu_pictures_result blur_on_gpus(std::span<const picture_file> pictures) {
  const auto gpus = narke::gpus();
  const bool is_emulated = gpus.front().is_emulated;
  gpu_pictures_result result;
  step_figures& step = result.figures;
  step.device = is_emulated ? "emulated" : gpus.front().name;
  step.name = is_emulated ? "emulated GPU" : "GPU";
  step.what = fmt::format("{} pictures decoded on CPUs and blurred on {}", pictures.size(),
                          counted_gpus(gpus));
  if (is_emulated) {
    step.remarks.emplace_back(
        "emulated: CPU threads do the device's work, so these are no GPU's times");
  }
  step.teaches = "a GPU task is only enqueued: CPUs decode the next pictures meanwhile";

  std::vector<image> expected;
  step.serial_seconds = seconds_of([&] { expected = blur_serially(pictures); });
  const std::string suffix = is_emulated ? ", emulated" : "";
  std::vector<pixels> blurred;
  step.first = {"one by one" + suffix, seconds_of([&] { blurred = blur_one_by_one(pictures); })};
  check(step, blurred, expected);
  step.second = {"all enqueued" + suffix,
                 seconds_of([&] { blurred = blur_all_enqueued(pictures); })};
  check(step, blurred, expected);
  for (std::size_t i = 0; i < blurred.size(); ++i) {
    result.blurred.push_back({expected[i].width, expected[i].height, blurred[i].to_vector()});
  }
  return result;
}

}  // namespace demo
