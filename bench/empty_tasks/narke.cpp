#include <narke/narke.hpp>

#include "empty_tasks/workload.hpp"
#include "harness/cpu.hpp"

namespace bench::empty_tasks {

contender narke(const parameters& asked) {
  return {"narke", [asked](run& measured) {
            ensure_narke();
            const auto task = ::narke::task(value_of);
            measured.start();
            std::vector<::narke::object_ref<int>> refs;
            refs.reserve(asked.tasks);
            for (std::size_t i = 0; i != asked.tasks; ++i) refs.push_back(task.remote(int(i)));
            const std::vector<int> values = ::narke::get(refs);
            refs.clear();
            measured.stop();
            check(values, asked);
          },
          runs_a_repetition};
}

}  // namespace bench::empty_tasks
