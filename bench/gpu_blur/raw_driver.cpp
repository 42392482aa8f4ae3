#include "harness/raw_driver.hpp"

#include "gpu_blur/workload.hpp"

namespace bench::gpu_blur {
namespace {

/// Two streams with a place for a picture each: one copies while the other computes.
class by_hand {
 public:
  by_hand(const bench::raw_driver& driver, raw_device& device, const parameters& asked)
      : device_{device}, pictures_{*asked.pictures} {
    std::size_t samples_max = 0;
    std::size_t workspace_max = 0;
    for (const picture& each : pictures_) {
      samples_max = std::max(samples_max, each.samples.size());
      workspace_max = std::max(workspace_max, narke::kernels::blur_workspace_bytes(each.shape));
      in_.emplace_back(driver, each.samples.size());
      out_.emplace_back(driver, each.samples.size());
      std::copy(each.samples.begin(), each.samples.end(), in_.back().as<std::uint8_t>());
    }
    for (place& each : places_) {
      each = {device.allocate<std::uint8_t>(samples_max),
              device.allocate<std::uint8_t>(samples_max), device.allocate<char>(workspace_max)};
    }
  }

  void run() {
    for (std::size_t i = 0; i != pictures_.size(); ++i) {
      const std::size_t stream = i % 2;
      const place& at = places_[stream];
      const std::size_t bytes = pictures_[i].samples.size();
      device_.to_device(stream, at.in, in_[i].as<std::uint8_t>(), bytes);
      device_.enqueue(stream, blur{pictures_[i].shape, weights_, at.in, at.out, at.workspace});
      device_.to_host(stream, out_[i].as<std::uint8_t>(), at.out, bytes);
    }
    device_.synchronize(0);
    device_.synchronize(1);
  }

  [[nodiscard]] const std::uint8_t* result(std::size_t i) const {
    return out_[i].as<std::uint8_t>();
  }

 private:
  struct place {
    std::uint8_t* in = nullptr;
    std::uint8_t* out = nullptr;
    char* workspace = nullptr;
  };

  raw_device& device_;
  const std::vector<picture>& pictures_;
  narke::kernels::blur_weights weights_ = narke::kernels::gaussian_weights(radius);
  std::vector<pinned_memory> in_;
  std::vector<pinned_memory> out_;
  place places_[2];
};

}  // namespace

contender raw_driver(const parameters& asked) {
  return {"raw_driver", [asked](run& measured) {
            const bench::raw_driver driver{asked.setup(), asked.choice};
            raw_device device{driver, 0, 2};
            by_hand work{driver, device, asked};

            measured.start();
            work.run();
            measured.stop();

            for (std::size_t i = 0; i != asked.pictures->size(); ++i) {
              check(asked, i, work.result(i));
            }
          }};
}

}  // namespace bench::gpu_blur
