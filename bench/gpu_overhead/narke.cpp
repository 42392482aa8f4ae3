#include <narke/narke.hpp>

#include "gpu_overhead/workload.hpp"
#include "harness/narke_gpu.hpp"

namespace bench::gpu_overhead {
namespace {

using floats = ::narke::array<float>;

/// The last result.
floats run_chain(std::size_t tasks, const ::narke::object_ref<floats>& first,
                 std::uint64_t* executed) {
  const auto step =
      ::narke::task([executed](::narke::gpu_context& gpu, ::narke::device_span<const float> x) {
        auto out = gpu.allocate<float>(x.size());
        enqueue(gpu, counted_decay{{x.size(), x.data(), out.data()}, executed});
        return out;
      });
  ::narke::object_ref<floats> at = step.remote(first);
  for (std::size_t i = 1; i < tasks; ++i) at = step.remote(std::move(at));
  return ::narke::get(std::move(at));
}

void run_independent(std::size_t tasks, float* scratch, std::uint64_t* executed) {
  // On an emulated device nobody touches the elements.
  const auto body = [scratch, executed](::narke::gpu_context& gpu) {
    float* const at =
        gpu.is_emulated()
            ? scratch
            : static_cast<float*>(gpu.allocate_temporary(2 * elements * sizeof(float)));
    enqueue(gpu, counted_decay{{elements, at, at + elements}, executed});
  };
  const auto each = ::narke::task(body);
  std::vector<::narke::object_ref<void>> refs;
  refs.reserve(tasks);
  for (std::size_t i = 0; i != tasks; ++i) refs.push_back(each.remote());
  for (const auto& ref : refs) ::narke::get(ref);
}

}  // namespace

contender narke(const parameters& asked) {
  return {"narke", [asked](run& measured) {
            const gpu_session session{setup(), asked.choice};
            std::uint64_t executed = 0;
            std::vector<float> scratch(2 * elements);
            const auto first = ::narke::put(floats{first_values()});
            floats last;
            const auto all = [&](std::size_t tasks) {
              if (asked.is_chain) {
                last = run_chain(tasks, first, &executed);
              } else {
                run_independent(tasks, scratch.data(), &executed);
              }
            };
            all(asked.tasks / 10);
            executed = 0;

            measured.start();
            all(asked.tasks);
            measured.stop();

            if (asked.choice.is_emulated) {
              expect_equal<std::uint64_t>(executed, asked.tasks, "the number of kernels that ran");
            } else if (asked.is_chain) {
              expect(same_bits(last.host(), decayed(first_values(), asked.tasks)),
                     "the last task's elements are wrong");
            }
          }};
}

}  // namespace bench::gpu_overhead
