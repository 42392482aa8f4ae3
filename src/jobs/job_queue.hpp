// Which job runs next, and on which GPUs. Pure: no processes, no clock. Owned by one thread.
//
// The order is the jobs' age, with three rules:
//   1. A job that waits for GPUs holds up no job without any.
//   2. The oldest job that waits for GPUs keeps for itself as many as it needs, those with the most
//      free already: younger ones may use the others. So a job that needs all of them gets its turn
//      however many small ones come behind it.
//   3. The oldest job that has its GPUs and waits for CPUs keeps those GPUs, and no younger job
//      takes a CPU before it.
#pragma once

#include <cstddef>
#include <functional>
#include <memory>
#include <optional>
#include <queue>
#include <set>
#include <string>
#include <unordered_map>
#include <utility>
#include <vector>

#include "base/quantity.hpp"
#include "resources/ledger.hpp"

namespace narke::internal {

/// A job that may run, with what it holds until `give_back`.
struct placed_job {
  int id = 0;
  quantity cpus;
  allocation held;
};

class job_queue {
 public:
  /// At most `running_max` jobs at once.
  job_queue(resource_totals totals, int running_max);

  /// "asks GPU: 3; this machine has GPU: 2": it can never run here; nullopt when it can.
  [[nodiscard]] std::optional<std::string> infeasible_reason(const resource_request& request) const;

  /// Waits from here on. Requires: the request is feasible, the id is not in the queue. The lower
  /// the id, the older the job.
  void add(int id, const resource_request& request);

  /// The next one to run at the moment, taken from those that wait.
  [[nodiscard]] std::optional<placed_job> take_next();

  void give_back(const placed_job& ended);

  [[nodiscard]] std::size_t waiting() const { return waiting_; }
  [[nodiscard]] std::size_t running() const { return running_; }
  [[nodiscard]] const ledger& resources() const { return ledger_; }
  [[nodiscard]] quantity free_cpus() const { return free_cpus_; }
  /// Nothing is held: every ledger is as it was in the beginning.
  [[nodiscard]] bool everything_is_free() const;

 private:
  /// Jobs that ask the same are interchangeable but for their age.
  struct line_of_jobs {
    resource_request request;
    std::priority_queue<int, std::vector<int>, std::greater<>> ids;
  };
  class claims;

  std::optional<allocation> try_place(const resource_request& request, claims& kept);
  void keep_gpus_for(const resource_request& request, claims& kept);

  ledger ledger_;
  quantity free_cpus_;
  std::size_t running_max_;
  std::size_t running_ = 0;
  std::size_t waiting_ = 0;
  std::unordered_map<resource_request, std::unique_ptr<line_of_jobs>, resource_request_hash> lines_;
  std::set<std::pair<int, line_of_jobs*>> by_age_;  ///< those with jobs, by their oldest
};

}  // namespace narke::internal
