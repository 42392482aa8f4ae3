// What the layer of the worker processes does for tasks, as this layer cannot call it. Set once,
// before any runtime starts.
#pragma once

#include <narke/detail/isolated_part.hpp>

namespace narke::internal {

struct isolation_hooks {
  /// As detail::run_isolated.
  void (*run)(detail::task_node& node, detail::isolated_part& part) = nullptr;
};
extern constinit isolation_hooks the_isolation_hooks;

}  // namespace narke::internal
