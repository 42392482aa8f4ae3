#include <narke/narke.hpp>

#include <numeric>

#include "actor_calls/workload.hpp"
#include "harness/cpu.hpp"

namespace bench::actor_calls {
namespace {

class counter {
 public:
  std::uint64_t add(std::uint64_t n) { return value_ += n; }

 private:
  std::uint64_t value_ = 0;
};

std::uint64_t sum_of_all(const ::narke::actor_handle<counter>& object, const parameters& asked) {
  const auto add = object.task(&counter::add);
  if (asked.one_at_a_time) {
    std::uint64_t sum = 0;
    for (std::size_t i = 0; i != asked.calls; ++i) sum += ::narke::get(add.remote(1));
    return sum;
  }
  std::vector<::narke::object_ref<std::uint64_t>> refs;
  refs.reserve(asked.calls);
  for (std::size_t i = 0; i != asked.calls; ++i) refs.push_back(add.remote(1));
  const std::vector<std::uint64_t> values = ::narke::get(refs);
  return std::accumulate(values.begin(), values.end(), std::uint64_t{0});
}

}  // namespace

contender narke(const parameters& asked) {
  return {"narke", [asked](run& measured) {
            ensure_narke();
            const auto object = ::narke::actor<counter>().remote();
            measured.start();
            const std::uint64_t sum = sum_of_all(object, asked);
            measured.stop();
            check(sum, asked);
          }};
}

}  // namespace bench::actor_calls
