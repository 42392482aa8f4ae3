#include "resources/resource_kinds.hpp"

#include <algorithm>
#include <iterator>

namespace narke::internal {

resource_kinds resource_kinds::needed_by(const resource_request& request) {
  resource_kinds kinds{.gpus = !request.gpus.is_zero(), .memory = request.memory_bytes > 0};
  kinds.custom.reserve(request.custom.size());
  for (const auto& wanted : request.custom) {
    kinds.custom.push_back(wanted.name);
  }
  return kinds;
}

void resource_kinds::add_custom(const std::string& name) {
  const auto at = std::lower_bound(custom.begin(), custom.end(), name);
  if (at == custom.end() || *at != name) {
    custom.insert(at, name);
  }
}

void resource_kinds::add(const resource_kinds& other) {
  gpus |= other.gpus;
  memory |= other.memory;
  for (const auto& name : other.custom) {
    add_custom(name);
  }
}

resource_kinds resource_kinds::common_with(const resource_kinds& other) const {
  resource_kinds both{.gpus = gpus && other.gpus, .memory = memory && other.memory};
  std::set_intersection(custom.begin(), custom.end(), other.custom.begin(), other.custom.end(),
                        std::back_inserter(both.custom));
  return both;
}

resource_kinds resource_kinds::without(const resource_kinds& other) const {
  resource_kinds rest{.gpus = gpus && !other.gpus, .memory = memory && !other.memory};
  std::set_difference(custom.begin(), custom.end(), other.custom.begin(), other.custom.end(),
                      std::back_inserter(rest.custom));
  return rest;
}

}  // namespace narke::internal
