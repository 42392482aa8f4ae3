#include "harness/starpu.hpp"

#include "chain/workload.hpp"

namespace bench::chain {
namespace {

void run_one(void** data, void*) {
  auto& value = *reinterpret_cast<std::uint64_t*>(STARPU_VARIABLE_GET_PTR(data[0]));
  value = step(value);
}

}  // namespace

contender starpu(const parameters& asked) {
  return {"starpu_data", [asked](run& measured) {
            static starpu_codelet task = starpu_codelet_of(run_one, "chain", STARPU_RW);
            std::uint64_t value = 1;
            const starpu_session session;
            measured.start();
            starpu_data_handle_t data = nullptr;
            starpu_variable_data_register(&data, STARPU_MAIN_RAM,
                                          reinterpret_cast<std::uintptr_t>(&value), sizeof value);
            for (std::size_t i = 0; i != asked.length; ++i) starpu_run(task, nullptr, {&data, 1});
            starpu_data_unregister(data);  // waits for all
            measured.stop();
            check(value, asked);
          }};
}

}  // namespace bench::chain
