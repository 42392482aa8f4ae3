#include "harness/raw_driver.hpp"
#include "gpu_chain/workload.hpp"

namespace bench::gpu_chain {

contender raw_driver(const parameters& asked) {
  return {"raw_driver", [asked](run& measured) {
            const bench::raw_driver driver{setup(), asked.choice};
            raw_device device{driver, 0, 1};
            const std::size_t bytes = asked.elements * sizeof(float);
            const pinned_memory host{driver, bytes};
            float* const at[2] = {device.allocate<float>(asked.elements),
                                  device.allocate<float>(asked.elements)};
            const auto all = [&](std::size_t length) {
              for (std::size_t i = 0; i != length; ++i) {
                device.enqueue(0, decay{asked.elements, at[i % 2], at[1 - i % 2]});
              }
              device.to_host(0, host.as<float>(), at[length % 2], bytes);
              device.synchronize(0);
            };
            const std::vector<float> first = first_values(asked);
            const auto begin = [&] {
              std::copy(first.begin(), first.end(), host.as<float>());
              device.to_device(0, at[0], host.as<float>(), bytes);
              device.synchronize(0);
            };
            begin();
            all(asked.length / 10);
            begin();

            measured.start();
            all(asked.length);
            measured.stop();

            expect(same_bits({host.as<float>(), asked.elements}, decayed(first, asked.length)),
                   "the last elements of the chain are wrong");
          }};
}

}  // namespace bench::gpu_chain
