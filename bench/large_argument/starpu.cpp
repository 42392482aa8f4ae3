#include "harness/starpu.hpp"

#include <vector>

#include "large_argument/workload.hpp"

namespace bench::large_argument {
namespace {

struct call {
  const values* all = nullptr;
  double sum = 0;
};

void run_one(void**, void* argument) {
  call& made = *static_cast<call*>(argument);
  made.sum = sum_of(*made.all);
}

}  // namespace

/// The vector is registered once, and read by each task in place.
contender starpu(const parameters& asked) {
  return {"starpu_data", [asked](run& measured) {
            static starpu_codelet task = starpu_codelet_of(run_one, "large_argument", STARPU_R);
            const values& all = the_values(asked);
            std::vector<call> calls(asked.tasks, call{&all});
            const starpu_session session;
            measured.start();
            starpu_data_handle_t data = nullptr;
            starpu_vector_data_register(&data, STARPU_MAIN_RAM,
                                        reinterpret_cast<std::uintptr_t>(all.data()),
                                        std::uint32_t(all.size()), sizeof(double));
            for (call& each : calls) starpu_run(task, &each, {&data, 1});
            starpu_data_unregister(data);  // waits for all
            measured.stop();
            std::vector<double> sums;
            for (const call& each : calls) sums.push_back(each.sum);
            check(sums, asked);
          }};
}

}  // namespace bench::large_argument
