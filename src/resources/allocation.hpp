// What the ledger gave to one request. A value; give it back once, by ledger::release.
#pragma once

#include <cstdint>
#include <vector>

#include "base/quantity.hpp"
#include "resources/resource_request.hpp"

namespace narke::internal {

struct gpu_share {
  int index = 0;           ///< into resource_totals::gpus
  int id = 0;              ///< the same GPU's ordinal
  quantity share;          ///< 1 = all of it
  std::int64_t bytes = 0;

  friend bool operator==(const gpu_share&, const gpu_share&) = default;
};

struct allocation {
  std::uint64_t serial = 0;           ///< who this is to the ledger; 0 = holds nothing
  std::vector<gpu_share> gpus;        ///< lowest index first
  std::int64_t memory_bytes = 0;
  std::vector<custom_amount> custom;
  int numa_node = -1;                 ///< OS index of the node to run on; -1: any

  [[nodiscard]] std::vector<int> gpu_ids() const {
    std::vector<int> ids;
    ids.reserve(gpus.size());
    for (const auto& gpu : gpus) {
      ids.push_back(gpu.id);
    }
    return ids;
  }
};

}  // namespace narke::internal
