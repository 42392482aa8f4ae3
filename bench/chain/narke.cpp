#include <narke/narke.hpp>

#include "chain/workload.hpp"
#include "harness/cpu.hpp"

namespace bench::chain {

contender narke(const parameters& asked) {
  return {"narke", [asked](run& measured) {
            ensure_narke();
            const auto task = ::narke::task(step);
            measured.start();
            auto ref = task.remote(std::uint64_t{1});
            for (std::size_t i = 1; i != asked.length; ++i) ref = task.remote(std::move(ref));
            const std::uint64_t value = ::narke::get(std::move(ref));
            measured.stop();
            check(value, asked);
          }};
}

}  // namespace bench::chain
