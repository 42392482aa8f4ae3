// Who has how much of the GPUs, the memory and the custom resources, instance by instance. CPUs are
// not in it: they move between the lanes as permits and are counted by the placement core. Owned by
// the placement core, which is called under one mutex; nothing here locks.
//
// GPUs are packed as Ray packs them. Free shares of four GPUs, [1, 0.4, 1, 0.7]:
//   2 GPUs    whole units take instances that are exactly 1 free, lowest index first   → 0 and 2
//   0.3       best fit, the smallest leftover: 0.4 − 0.3 = 0.1                          → 1
//   0.5       0.4 is too small; 0.7 − 0.5 = 0.2 beats 1 − 0.5                           → 3
//   3 GPUs    only two are whole, though the sum is 3.1                                 → waits
#pragma once

#include <cstddef>
#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <unordered_set>
#include <vector>

#include "base/quantity.hpp"
#include "resources/allocation.hpp"
#include "resources/resource_kinds.hpp"
#include "resources/resource_request.hpp"
#include "resources/resource_totals.hpp"

namespace narke::internal {

struct gpu_amount {
  int id = 0;
  quantity share;
  std::int64_t memory_bytes = 0;

  friend bool operator==(const gpu_amount&, const gpu_amount&) = default;
};

/// Amounts of everything the ledger counts.
struct resource_amounts {
  std::vector<gpu_amount> gpus;  ///< as resource_totals::gpus
  std::int64_t memory_bytes = 0;
  std::map<std::string, quantity> custom;

  friend bool operator==(const resource_amounts&, const resource_amounts&) = default;

  [[nodiscard]] quantity gpu_sum() const;
};

class ledger {
 public:
  /// Throws std::invalid_argument when a total is negative.
  explicit ledger(resource_totals totals);

  /// Why this request can never be met here, naming every resource that is too small; nullopt when
  /// it can.
  /// "asks GPU: 3, fpga: 1; this machine has GPU: 2, no fpga (custom resources: license)"
  [[nodiscard]] std::optional<std::string> infeasible_reason(const resource_request& request) const;

  /// What the request needs and cannot have at the moment; empty: try_allocate will succeed.
  [[nodiscard]] resource_kinds missing(const resource_request& request) const;

  /// All or nothing. Requires: gpus is below 1 or whole.
  [[nodiscard]] std::optional<allocation> try_allocate(const resource_request& request);

  /// Throws std::logic_error when it was given back before or comes from elsewhere.
  void release(const allocation& held);

  [[nodiscard]] const resource_amounts& available() const { return free_; }
  [[nodiscard]] const resource_totals& totals() const { return totals_; }

 private:
  [[nodiscard]] bool custom_fits(const custom_amount& wanted) const;
  [[nodiscard]] bool gpu_may_serve(std::size_t index, const resource_request& request) const;
  [[nodiscard]] std::vector<int> choose_gpus(const resource_request& request) const;
  [[nodiscard]] std::vector<int> choose_whole_gpus(const resource_request& request) const;
  [[nodiscard]] std::vector<int> choose_shared_gpu(const resource_request& request) const;
  void take(const allocation& wanted);

  const resource_totals totals_;
  resource_amounts free_;
  std::unordered_set<std::uint64_t> live_serials_;
  std::uint64_t last_serial_ = 0;
};

/// Everything free.
resource_amounts full_amounts(const resource_totals& totals);

}  // namespace narke::internal
