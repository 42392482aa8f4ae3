#include <narke/narke.hpp>

#include "harness/cpu.hpp"
#include "wait_many/workload.hpp"

namespace bench::wait_many {
namespace {

using refs_type = std::vector<::narke::object_ref<std::size_t>>;

refs_type ready_refs(const parameters& asked) {
  ensure_narke();
  const auto task = ::narke::task([](std::size_t value) { return value; });
  refs_type refs;
  for (std::size_t i = 0; i != asked.refs; ++i) refs.push_back(task.remote(i));
  static_cast<void>(::narke::get(refs));
  return refs;
}

}  // namespace

contender narke_get(const parameters& asked) {
  return {"narke_get", [asked](run& measured) {
            refs_type refs = ready_refs(asked);
            std::size_t sum = 0;
            measured.start();
            for (const std::size_t each : ::narke::get(refs)) sum += each;
            measured.stop();
            check(sum, asked);
          }};
}

contender narke_wait(const parameters& asked) {
  return {"narke_wait", [asked](run& measured) {
            refs_type refs = ready_refs(asked);
            std::size_t sum = 0;
            measured.start();
            while (!refs.empty()) {
              auto [ready, not_ready] = ::narke::wait(std::move(refs), {.num_returns = 1});
              for (const auto& each : ready) sum += ::narke::get(each);
              refs = std::move(not_ready);
            }
            measured.stop();
            check(sum, asked);
          }};
}

contender narke_as_completed(const parameters& asked) {
  return {"narke_as_completed", [asked](run& measured) {
            refs_type refs = ready_refs(asked);
            std::size_t sum = 0;
            measured.start();
            for (const auto& each : ::narke::as_completed(refs)) sum += ::narke::get(each);
            measured.stop();
            check(sum, asked);
          }};
}

}  // namespace bench::wait_many
