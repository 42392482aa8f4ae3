#include <narke/narke.hpp>

#include "harness/cpu.hpp"
#include "map/workload.hpp"

namespace bench::map {

contender narke(const parameters& asked) {
  return {"narke", [asked](run& measured) {
            ensure_narke();
            const auto elements = ::narke::put(the_elements(asked));
            measured.start();
            const std::vector<std::uint64_t> values =
                ::narke::get(::narke::map(value_of, elements));
            measured.stop();
            check(values, asked);
          }};
}

}  // namespace bench::map
