#include <array>

#include "gpu_fan/workload.hpp"
#include "harness/raw_driver.hpp"

namespace bench::gpu_fan {
namespace {

/// By hand: kernel k runs on stream k % 4; an event for each stream that has to be waited for.
class by_hand {
 public:
  by_hand(raw_device& device, shape kind) : device_{device}, kind_{kind} {
    for (float*& each : parts_) each = device.allocate<float>(elements);
    root_ = device.allocate<float>(elements);
    for (cu_event& each : parts_are_there_) each = device.make_event();
    root_is_there_ = device.make_event();
  }

  [[nodiscard]] float* root() const { return root_; }
  [[nodiscard]] float* result() const { return kind_ == shape::out ? parts_[0] : result_; }

  /// Reads the root; a diamond writes it again.
  void round() {
    device_.record(root_is_there_, 0);
    for (std::size_t i = 1; i != streams; ++i) device_.wait(i, root_is_there_);
    for (std::size_t k = 0; k != width; ++k) {
      device_.enqueue(k % streams, decay{elements, root_, parts_[k]});
    }
    for (std::size_t i = 1; i != streams; ++i) {
      device_.record(parts_are_there_[i], i);
      device_.wait(0, parts_are_there_[i]);
    }
    if (kind_ == shape::out) return;
    result_ = parts_[0];
    for (std::size_t step = 1; step != width; step *= 2) {
      for (std::size_t k = 0; k != width; k += 2 * step) {
        float* const to = kind_ == shape::diamond && 2 * step == width ? root_ : parts_[k];
        device_.enqueue(0, add{elements, parts_[k], parts_[k + step], to});
        result_ = to;
      }
    }
  }

 private:
  raw_device& device_;
  shape kind_;
  std::array<float*, width> parts_{};
  std::array<cu_event, streams> parts_are_there_{};
  cu_event root_is_there_ = nullptr;
  float* root_ = nullptr;
  float* result_ = nullptr;
};

}  // namespace

contender raw_driver(const parameters& asked) {
  return {"raw_driver", [asked](run& measured) {
            const bench::raw_driver driver{setup(), asked.choice};
            raw_device device{driver, 0, int(streams)};
            const pinned_memory host{driver, elements * sizeof(float)};
            by_hand work{device, asked.kind};
            const auto all = [&](std::size_t rounds) {
              const std::vector<float> first = first_values();
              std::copy(first.begin(), first.end(), host.as<float>());
              device.to_device(0, work.root(), host.as<float>(), elements * sizeof(float));
              for (std::size_t i = 0; i != rounds; ++i) work.round();
              device.to_host(0, host.as<float>(), work.result(), elements * sizeof(float));
              device.synchronize(0);
            };
            all(2);

            measured.start();
            all(asked.rounds);
            measured.stop();

            expect(same_bits({host.as<float>(), elements}, expected(asked)),
                   "the last round's elements are wrong");
          }};
}

}  // namespace bench::gpu_fan
