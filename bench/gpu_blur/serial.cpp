#include <cstring>

#include "gpu_blur/workload.hpp"

namespace bench::gpu_blur {

void check(const parameters& asked, std::size_t index, const std::uint8_t* result) {
  const picture& one = (*asked.pictures)[index];
  expect(std::memcmp(result, one.blurred.data(), one.blurred.size()) == 0,
         fmt::format("picture {} is blurred wrongly", index));
}

contender serial(const parameters& asked) {
  return {"serial", [asked](run& measured) {
            const auto weights = narke::kernels::gaussian_weights(radius);
            std::vector<std::vector<std::uint8_t>> results;
            for (const picture& each : *asked.pictures) results.emplace_back(each.samples.size());

            measured.start();
            for (std::size_t i = 0; i != results.size(); ++i) {
              const picture& one = (*asked.pictures)[i];
              narke::kernels::blur_cpu(one.shape, weights, one.samples.data(), results[i].data());
            }
            measured.stop();

            for (std::size_t i = 0; i != results.size(); ++i) check(asked, i, results[i].data());
          }};
}

}  // namespace bench::gpu_blur
