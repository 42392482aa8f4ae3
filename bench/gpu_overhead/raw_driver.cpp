#include "harness/raw_driver.hpp"
#include "gpu_overhead/workload.hpp"

namespace bench::gpu_overhead {
namespace {

/// Launches, and an event for each sixteen that is asked for once, as narke has them.
void launch_all(raw_device& device, const parameters& asked, std::size_t tasks, float* const at[2],
                std::uint64_t& executed, cu_event marker) {
  for (std::size_t i = 0; i != tasks; ++i) {
    const decay work{elements, at[asked.is_chain ? i % 2 : 0], at[asked.is_chain ? 1 - i % 2 : 1]};
    device.enqueue(0, counted_decay{work, &executed});
    if (i % 16 == 15) {
      device.record(marker, 0);
      static_cast<void>(device.is_complete(marker));
    }
  }
  device.record(marker, 0);
  device.wait_on_host(marker);
}

}  // namespace

contender raw_driver(const parameters& asked) {
  return {
      "raw_driver", [asked](run& measured) {
        const bench::raw_driver driver{setup(), asked.choice};
        raw_device device{driver, 0, 1};
        const pinned_memory host{driver, elements * sizeof(float)};
        float* const at[2] = {device.allocate<float>(elements), device.allocate<float>(elements)};
        const cu_event marker = device.make_event();
        std::uint64_t executed = 0;
        launch_all(device, asked, asked.tasks / 10, at, executed, marker);
        executed = 0;
        const std::vector<float> first = first_values();
        std::copy(first.begin(), first.end(), host.as<float>());
        device.to_device(0, at[0], host.as<float>(), elements * sizeof(float));
        device.synchronize(0);

        measured.start();
        launch_all(device, asked, asked.tasks, at, executed, marker);
        measured.stop();

        if (asked.choice.is_emulated) {
          expect_equal<std::uint64_t>(executed, asked.tasks, "the number of kernels that ran");
          return;
        }
        const std::size_t times = asked.is_chain ? asked.tasks : 1;
        device.to_host(0, host.as<float>(), at[times % 2], elements * sizeof(float));
        device.synchronize(0);
        expect(same_bits({host.as<float>(), elements}, decayed(first, times)),
               "the last kernel's elements are wrong");
      }};
}

}  // namespace bench::gpu_overhead
