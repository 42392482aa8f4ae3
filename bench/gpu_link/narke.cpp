#include <narke/narke.hpp>

#include "gpu_link/workload.hpp"
#include "harness/narke_gpu.hpp"

namespace bench::gpu_link {
namespace {

using floats = ::narke::array<float>;
using floats_ref = ::narke::object_ref<floats>;

/// A GPU task for each array; where results go back, a CPU task has each in host memory.
class by_tasks {
 public:
  explicit by_tasks(const parameters& asked) : asked_{asked} {
    for (std::size_t i = 0; i != asked.arrays; ++i) inputs_.emplace_back(input(asked, i));
  }

  void run() {
    const auto compute = ::narke::task(
        [asked = asked_](::narke::gpu_context& gpu, ::narke::device_span<const float> x) {
          auto out = gpu.allocate<float>(x.size());
          enqueue(gpu, kernel(asked, x.data(), out.data()));
          return out;
        });
    const auto look =
        ::narke::task([](std::span<const float> values) { return values.front() + values.back(); });
    for (const floats& each : inputs_) results_.push_back(compute.remote(each));
    if (!asked_.goes_back) {
      for (const floats_ref& each : results_) static_cast<void>(::narke::get(each));
      return;
    }
    std::vector<::narke::object_ref<float>> seen;
    for (const floats_ref& each : results_) seen.push_back(look.remote(each));
    static_cast<void>(::narke::get(seen));
  }

  void check() const {
    for (std::size_t i = asked_.goes_back ? 0 : asked_.arrays - 1; i != asked_.arrays; ++i) {
      const floats& result = ::narke::get(results_[i]);
      expect(same_bits(result.host(), output(asked_, i)), fmt::format("result {} is wrong", i));
    }
  }

 private:
  parameters asked_;
  std::vector<floats> inputs_;
  std::vector<floats_ref> results_;
};

/// Opens the device, which takes long, before anything counts.
void open_device(const parameters& asked) {
  parameters one = asked;
  one.arrays = 1;
  by_tasks{one}.run();
}

}  // namespace

contender narke(const parameters& asked) {
  return {"narke", [asked](run& measured) {
            const gpu_session session{asked.setup(), asked.choice};
            open_device(asked);
            by_tasks work{asked};

            measured.start();
            work.run();
            measured.stop();

            work.check();
          }};
}

}  // namespace bench::gpu_link
