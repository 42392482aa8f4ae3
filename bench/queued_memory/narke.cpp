#include <narke/narke.hpp>

#include "harness/cpu.hpp"
#include "queued_memory/workload.hpp"

namespace bench::queued_memory {

runtime narke() {
  return {"narke", [](std::size_t tasks, gate& held, const std::function<void()>& queued) {
            ensure_narke();
            const auto holding = ::narke::task([&held] { held.hold(); });
            std::vector<::narke::object_ref<void>> held_threads;
            for (int i = 0; i != thread_count(); ++i) held_threads.push_back(holding.remote());
            held.wait_for(thread_count());
            const auto task = ::narke::task(value_of);
            std::vector<::narke::object_ref<int>> refs;
            refs.reserve(tasks);
            for (std::size_t i = 0; i != tasks; ++i) refs.push_back(task.remote(int(i)));
            queued();
            held.open();
            ::narke::get(held_threads);
            return ::narke::get(refs);
          }};
}

}  // namespace bench::queued_memory
