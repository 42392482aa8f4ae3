#include <narke/narke.hpp>

#include "harness/cpu.hpp"
#include "idle/workload.hpp"

namespace bench::idle {

runtime narke() {
  return {"narke", [] {
            ensure_narke();
            const auto task = ::narke::task([] { return 1; });
            std::vector<::narke::object_ref<int>> refs;
            for (int i = 0; i != tasks_before; ++i) refs.push_back(task.remote());
            int done = 0;
            for (const int each : ::narke::get(refs)) done += each;
            return done == tasks_before;
          }};
}

}  // namespace bench::idle
