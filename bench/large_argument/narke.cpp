#include <narke/narke.hpp>

#include "harness/cpu.hpp"
#include "large_argument/workload.hpp"

namespace bench::large_argument {
namespace {

template <class Argument>
std::vector<double> sums_of(const Argument& argument, const parameters& asked) {
  const auto task = ::narke::task(sum_of);
  std::vector<::narke::object_ref<double>> refs;
  for (std::size_t i = 0; i != asked.tasks; ++i) refs.push_back(task.remote(argument));
  return ::narke::get(refs);
}

}  // namespace

contender narke_by_value(const parameters& asked) {
  return {"narke_by_value", [asked](run& measured) {
            ensure_narke();
            const values& all = the_values(asked);
            measured.start();
            const std::vector<double> sums = sums_of(all, asked);
            measured.stop();
            check(sums, asked);
          }};
}

contender narke_put(const parameters& asked) {
  return {"narke_put", [asked](run& measured) {
            ensure_narke();
            const values& all = the_values(asked);
            measured.start();
            const auto ref = ::narke::put(all);
            const std::vector<double> sums = sums_of(ref, asked);
            measured.stop();
            check(sums, asked);
          }};
}

contender narke_put_moved(const parameters& asked) {
  return {"narke_put_moved", [asked](run& measured) {
            ensure_narke();
            values own = the_values(asked);
            measured.start();
            const auto ref = ::narke::put(std::move(own));
            const std::vector<double> sums = sums_of(ref, asked);
            measured.stop();
            check(sums, asked);
          }};
}

}  // namespace bench::large_argument
