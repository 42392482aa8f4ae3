// Where the bundles of a placement group go, as a pure function of what is free. A *place* is a GPU
// for a bundle that asks for GPUs, and a NUMA node for one that does not.
//
//   strict_pack    all bundles on one NUMA node, on as few of its GPUs as they fit on
//   pack           the same when it can be had, else each bundle where it fits best
//   strict_spread  no two bundles on one place
//   spread         the same when it can be had, else each bundle where most is free
//
// Four bundles of 0.5 GPUs on two free GPUs of one node: pack gives 0, 0, 1, 1; spread cannot be
// strict, and gives 0, 1, 0, 1. On a machine with one NUMA node two bundles without GPUs cannot be
// spread strictly.
#pragma once

#include <optional>
#include <vector>

#include "resources/ledger.hpp"
#include "resources/resource_request.hpp"
#include "resources/resource_totals.hpp"

namespace narke::internal {

struct bundle_place {
  std::vector<int> gpus;  ///< indices into resource_totals::gpus, lowest first
  int numa_node = -1;     ///< OS index; -1: on several, or the machine says nothing of nodes
};

/// One place a bundle, in their order; nullopt when they do not fit into `free`. The CPUs, the
/// memory and the custom resources of the bundles are not looked at, but for the CPUs of a node
/// that all bundles are to share.
[[nodiscard]] std::optional<std::vector<bundle_place>> place_group(const group_request& group,
                                                                   const resource_totals& totals,
                                                                   std::vector<gpu_amount> free);

}  // namespace narke::internal
