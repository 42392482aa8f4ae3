#include <narke/narke.hpp>

#include "gpu_blur/workload.hpp"
#include "harness/narke_gpu.hpp"

namespace bench::gpu_blur {
namespace {

using samples = ::narke::array<std::uint8_t>;
using ::narke::kernels::blur_weights;
using ::narke::kernels::picture_shape;

::narke::array_builder<std::uint8_t> on_cpu(const picture_shape& shape, const blur_weights& weights,
                                            std::span<const std::uint8_t> in) {
  auto out = ::narke::allocate<std::uint8_t>(in.size());
  ::narke::kernels::blur_cpu(shape, weights, in.data(), out.data());
  return out;
}

::narke::array_builder<std::uint8_t> on_gpu(::narke::gpu_context& gpu, const picture_shape& shape,
                                            const blur_weights& weights,
                                            ::narke::device_span<const std::uint8_t> in) {
  auto out = gpu.allocate<std::uint8_t>(in.size());
  void* const scratch = gpu.allocate_temporary(::narke::kernels::blur_workspace_bytes(shape));
  enqueue(gpu, blur{shape, weights, in.data(), out.data(), scratch});
  return out;
}

/// Makes it known that a picture is wanted on the host, as soon as it is there.
std::size_t look(std::span<const std::uint8_t> blurred) {
  return blurred.size();
}

template <class Task>
contender by_tasks(const char* name, const parameters& asked, Task make_task) {
  return {name, [asked, make_task](run& measured) {
            const gpu_session session{asked.setup(), asked.choice};
            const blur_weights weights = ::narke::kernels::gaussian_weights(radius);
            const auto task = make_task();
            // Opens the device.
            const samples small{std::vector<std::uint8_t>(3 * 64 * 64)};
            const auto opened = task.remote(picture_shape{64, 64, 3}, weights, small);
            static_cast<void>(::narke::get(opened).host());
            std::vector<samples> pictures;
            for (const picture& each : *asked.pictures) pictures.emplace_back(each.samples);
            std::vector<::narke::object_ref<samples>> results;
            std::vector<::narke::object_ref<std::size_t>> seen;

            measured.start();
            const auto looking = ::narke::task(look);
            for (std::size_t i = 0; i != pictures.size(); ++i) {
              results.push_back(task.remote((*asked.pictures)[i].shape, weights, pictures[i]));
              seen.push_back(looking.remote(results.back()));
            }
            static_cast<void>(::narke::get(seen));
            measured.stop();

            for (std::size_t i = 0; i != results.size(); ++i) {
              const samples& result = ::narke::get(results[i]);
              check(asked, i, result.host().data());
            }
          }};
}

}  // namespace

contender narke_on_cpus(const parameters& asked) {
  return by_tasks("narke_on_cpus", asked, [] { return ::narke::task(on_cpu); });
}

contender narke_on_gpu(const parameters& asked) {
  return by_tasks("narke_on_gpu", asked, [] { return ::narke::task(on_gpu, {.num_gpus = 0.25}); });
}

contender narke_on_either(const parameters& asked) {
  return by_tasks("narke_on_either", asked,
                  [] { return ::narke::task(on_cpu).with_gpu(on_gpu, {.num_gpus = 0.25}); });
}

}  // namespace bench::gpu_blur
