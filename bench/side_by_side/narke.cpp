#include <narke/narke.hpp>

#include "side_by_side/workload.hpp"

namespace bench::side_by_side {

runtime narke() {
  return {"narke", [](std::size_t tasks, std::uint64_t rounds) {
            ensure_narke();
            const auto task = ::narke::task(value_of);
            std::vector<::narke::object_ref<std::uint64_t>> refs;
            refs.reserve(tasks);
            for (std::size_t i = 0; i != tasks; ++i) refs.push_back(task.remote(i, rounds));
            std::uint64_t sum = 0;
            for (const std::uint64_t each : ::narke::get(refs)) sum += each;
            return sum;
          }};
}

}  // namespace bench::side_by_side
