#include <narke/narke.hpp>

#include "tiny_tasks/workload.hpp"

namespace bench::tiny_tasks {

contender narke(const parameters& asked) {
  return {"narke", [asked](run& measured) {
            ensure_narke();
            const auto task = ::narke::task(value_of);
            measured.start();
            std::vector<::narke::object_ref<std::uint64_t>> refs;
            refs.reserve(asked.tasks);
            for (std::size_t i = 0; i != asked.tasks; ++i) {
              refs.push_back(task.remote(i, asked.rounds));
            }
            const std::vector<std::uint64_t> values = ::narke::get(refs);
            refs.clear();
            measured.stop();
            check(values, asked);
          }};
}

}  // namespace bench::tiny_tasks
