#include <narke/narke.hpp>

#include "gpu_reduce/workload.hpp"
#include "harness/narke_gpu.hpp"

namespace bench::gpu_reduce {
namespace {

using floats = ::narke::array<float>;
using floats_ref = ::narke::object_ref<floats>;
using span = ::narke::device_span<const float>;

class by_tasks {
 public:
  explicit by_tasks(const parameters& asked) : asked_{asked} {
    for (std::size_t k = 0; k != parts; ++k) {
      inputs_.push_back(::narke::put(floats{part(asked, k)}));
    }
  }

  float round() {
    const auto sum = ::narke::task([time = asked_.part_time](::narke::gpu_context& gpu, span x) {
      auto out = gpu.allocate<float>(1);
      void* const scratch =
          gpu.allocate_temporary(::narke::kernels::reduce_workspace_bytes(x.size()) + 1);
      enqueue(gpu, lasting<sum_of_elements>{{x.size(), x.data(), out.data(), scratch}, time});
      return out;
    });
    const auto plus = ::narke::task([](::narke::gpu_context& gpu, span x, span y) {
      auto out = gpu.allocate<float>(1);
      enqueue(gpu, add{1, x.data(), y.data(), out.data()});
      return out;
    });
    std::vector<floats_ref> sums;
    for (const floats_ref& each : inputs_) sums.push_back(sum.remote(each));
    for (std::size_t left = parts; left != 1; left /= 2) {
      for (std::size_t k = 0; k != left / 2; ++k) {
        sums[k] = plus.remote(std::move(sums[2 * k]), std::move(sums[2 * k + 1]));
      }
    }
    const floats& result = ::narke::get(sums.front());
    return result.host().front();
  }

 private:
  const parameters& asked_;
  std::vector<floats_ref> inputs_;
};

}  // namespace

contender narke(const parameters& asked) {
  return {"narke", [asked](run& measured) {
            const gpu_session session{asked.setup(), asked.choice};
            by_tasks work{asked};
            float sum = work.round();  // brings the parts to their devices

            measured.start();
            for (std::size_t i = 0; i != asked.rounds; ++i) sum = work.round();
            measured.stop();

            expect_equal(sum, expected(asked), "the sum");
          }};
}

}  // namespace bench::gpu_reduce
