// A set of kinds of resources, CPUs left out: GPU, memory, and custom ones by name. A value.
#pragma once

#include <string>
#include <vector>

#include "resources/resource_request.hpp"

namespace narke::internal {

struct resource_kinds {
  bool gpus = false;                ///< shares or memory of GPUs
  bool memory = false;
  std::vector<std::string> custom;  ///< sorted

  friend bool operator==(const resource_kinds&, const resource_kinds&) = default;

  /// All that the request asks for.
  static resource_kinds needed_by(const resource_request& request);

  [[nodiscard]] bool empty() const { return !gpus && !memory && custom.empty(); }
  void add_custom(const std::string& name);
  void add(const resource_kinds& other);
  /// Those that are in both.
  [[nodiscard]] resource_kinds common_with(const resource_kinds& other) const;
  /// Those that `other` has not.
  [[nodiscard]] resource_kinds without(const resource_kinds& other) const;
};

}  // namespace narke::internal
