// What one task or actor asks of the machine, checked and in fixed point. A value: equal requests
// have the same "shape" and are interchangeable to the scheduler. Made from the numbers of the
// public options by make_request.
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "base/quantity.hpp"

namespace narke::internal {

struct custom_amount {
  std::string name;
  quantity amount;

  friend bool operator==(const custom_amount&, const custom_amount&) = default;
};

/// Where on the machine a request is to run.
enum class placement_wish : std::uint8_t {
  automatic,  ///< Ray's packing
  spread,     ///< a fraction of a GPU goes to the emptiest one
  numa_node,  ///< GPUs of this node only
  gpu,        ///< this GPU only
};

/// One part of a placement group.
struct bundle_request {
  quantity cpus;
  quantity gpus;
  std::int64_t gpu_memory_bytes = 0;  ///< on each GPU
  std::int64_t memory_bytes = 0;
  std::vector<custom_amount> custom;  ///< as of a resource_request
};

enum class group_strategy : std::uint8_t { pack, spread, strict_pack, strict_spread };

struct group_request {
  std::vector<bundle_request> bundles;
  group_strategy strategy = group_strategy::pack;
};

struct resource_request {
  quantity cpus;
  quantity gpus;                       ///< below 1: a share of one GPU; above 1: whole
  std::int64_t gpu_memory_bytes = 0;   ///< on each GPU
  std::int64_t memory_bytes = 0;
  std::vector<custom_amount> custom;   ///< sorted by name, each name once, no zeros
  placement_wish wish = placement_wish::automatic;
  int wish_index = 0;                  ///< the node's OS index or the GPU's id, else 0
  std::uint64_t in_group = 0;          ///< the placement group that it runs in; 0: none
  int bundle = 0;                      ///< of that group
  /// Of a placement group itself: its bundles, of which the amounts above are the sums.
  std::shared_ptr<const group_request> group = nullptr;

  friend bool operator==(const resource_request&, const resource_request&) = default;

  /// True when a fast-lane task would do: one CPU and nothing else.
  [[nodiscard]] bool is_one_cpu_only() const;
  /// "CPU: 2, GPU: 0.5, gpu_memory: 1048576, license: 1"; "nothing" when empty.
  [[nodiscard]] std::string to_string() const;
};

struct resource_request_hash {
  std::size_t operator()(const resource_request& request) const noexcept;
};

/// The numbers as the user gave them. Names of the members are the names of the fields in messages.
struct request_fields {
  double num_cpus = 0;
  double num_gpus = 0;
  double gpu_memory = 0;  ///< bytes
  double memory = 0;      ///< bytes
  std::vector<std::pair<std::string, double>> resources;
};

/// Throws std::invalid_argument naming the field and the value: a negative, infinite, NaN or too
/// small number, num_gpus above 1 that is not whole, gpu_memory without num_gpus, a resource
/// without a name, named twice, or by a reserved word (CPU, GPU, memory, gpu_memory,
/// object_store_memory). A custom resource of 0 is left out.
resource_request make_request(const request_fields& fields);

/// The sums of the bundles, and the bundles. Throws std::invalid_argument when there are none, or
/// one is empty, bad, or above 1,000 of them.
resource_request make_group_request(const std::vector<request_fields>& bundles,
                                    group_strategy strategy);

/// The same checks for the resources of a runtime, where "node:…" and "accelerator_type:…" are
/// reserved as well: narke fills these in itself, and a request may name them.
std::vector<custom_amount> make_custom_totals(
    const std::vector<std::pair<std::string, double>>& resources);

/// Bytes from a number of the public options, the fraction dropped; the same std::invalid_argument.
std::int64_t bytes_from_double(double bytes, std::string_view field);

}  // namespace narke::internal
