#include <narke/narke.hpp>

#include "gpu_chain/workload.hpp"
#include "harness/narke_gpu.hpp"

namespace bench::gpu_chain {
namespace {

using floats = ::narke::array<float>;

floats run_chain(std::size_t length, const ::narke::object_ref<floats>& first) {
  const auto step =
      ::narke::task([](::narke::gpu_context& gpu, ::narke::device_span<const float> x) {
        auto out = gpu.allocate<float>(x.size());
        enqueue(gpu, decay{x.size(), x.data(), out.data()});
        return out;
      });
  ::narke::object_ref<floats> at = step.remote(first);
  for (std::size_t i = 1; i < length; ++i) at = step.remote(std::move(at));
  floats last = ::narke::get(std::move(at));
  static_cast<void>(last.host());
  return last;
}

}  // namespace

contender narke(const parameters& asked) {
  return {"narke", [asked](run& measured) {
            const gpu_session session{setup(), asked.choice};
            const auto first = ::narke::put(floats{first_values(asked)});
            static_cast<void>(run_chain(asked.length / 10, first));

            measured.start();
            const floats last = run_chain(asked.length, first);
            measured.stop();

            expect(same_bits(last.host(), decayed(first_values(asked), asked.length)),
                   "the last elements of the chain are wrong");
          }};
}

}  // namespace bench::gpu_chain
