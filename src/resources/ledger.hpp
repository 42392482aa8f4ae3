// Who has how much of the GPUs, the memory and the custom resources, instance by instance. CPUs are
// not in it: they move between the lanes as permits and are counted by the placement core. Owned by
// the placement core, which is called under one mutex; nothing here locks.
//
// GPUs are packed as Ray packs them. Free shares of four GPUs, [1, 0.4, 1, 0.7]:
//   2 GPUs    whole units take instances that are exactly 1 free, lowest index first   → 0 and 2
//   0.3       best fit, the smallest leftover: 0.4 − 0.3 = 0.1                          → 1
//   0.5       0.4 is too small; 0.7 − 0.5 = 0.2 beats 1 − 0.5                           → 3
//   3 GPUs    only two are whole, though the sum is 3.1                                 → waits
// A request that says where its input bytes lie gets the GPUs with the most of them; packing
// decides between equals. A wish to spread goes before that.
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
#include "resources/input_bytes.hpp"
#include "resources/resource_kinds.hpp"
#include "resources/resource_request.hpp"
#include "resources/resource_totals.hpp"

namespace narke::internal {

struct bundle_place;

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
  /// "asks GPU: 2; this machine has GPU: 1 (GPU 0 was lost)"
  [[nodiscard]] std::optional<std::string> infeasible_reason(const resource_request& request) const;

  /// What the request needs and cannot have at the moment; empty: try_allocate will succeed.
  [[nodiscard]] resource_kinds missing(const resource_request& request) const;

  /// Where the bundles of a placement group would go at the moment; nullopt when they do not fit.
  [[nodiscard]] std::optional<std::vector<bundle_place>> place_bundles(
      const resource_request& group) const;

  /// All or nothing. Requires: gpus is below 1 or whole. Of a placement group, the GPUs stand
  /// bundle by bundle.
  [[nodiscard]] std::optional<allocation> try_allocate(const resource_request& request,
                                                       const input_bytes& inputs = {});

  /// The GPUs that try_allocate would take at the moment, as indices into `chosen`; false, and
  /// none, when they are not free. Whether the rest of the request fits is not looked at.
  [[nodiscard]] bool choose_gpus(const resource_request& request, const input_bytes& inputs,
                                 std::vector<int>& chosen) const;

  /// Could the request have its GPUs if nothing but `held` was held? `held` has one entry a GPU.
  [[nodiscard]] bool gpus_fit_beside(const std::vector<gpu_amount>& held,
                                     const resource_request& request) const;

  /// Throws std::logic_error when it was given back before or comes from elsewhere. What it holds
  /// of a lost GPU returns nowhere.
  void release(const allocation& held);

  /// The GPUs of `totals`, and each custom resource that it has more. Throws std::logic_error when
  /// there are GPUs already, std::invalid_argument when a total is negative.
  void add_gpus(const resource_totals& totals);

  /// Nothing is free there from here on. A second time does nothing. Throws std::logic_error when
  /// there is no such GPU.
  void lose_gpu(int index);

  [[nodiscard]] const resource_amounts& available() const { return free_; }
  [[nodiscard]] const resource_totals& totals() const { return totals_; }

 private:
  [[nodiscard]] bool custom_fits(const custom_amount& wanted) const;
  [[nodiscard]] bool gpus_are_free(const resource_request& request) const;
  [[nodiscard]] bool gpu_fits(std::size_t index, const gpu_amount& free,
                              const resource_request& request) const;
  void choose_whole_gpus(const resource_request& request, const input_bytes& inputs,
                         std::vector<int>& chosen) const;
  void choose_shared_gpu(const resource_request& request, const input_bytes& inputs,
                         std::vector<int>& chosen) const;
  [[nodiscard]] bool allocate_bundles(const resource_request& request, allocation& granted);
  void take(const allocation& wanted);

  resource_totals totals_;
  resource_amounts free_;
  std::unordered_set<std::uint64_t> live_serials_;
  std::uint64_t last_serial_ = 0;
  std::vector<int> chosen_;  // of one call, kept for its memory
};

/// Everything free that is not lost.
resource_amounts full_amounts(const resource_totals& totals);

}  // namespace narke::internal
