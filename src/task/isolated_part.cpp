#include <narke/detail/isolated_part.hpp>

#include <stdexcept>

#include <fmt/format.h>

#include "base/type_name.hpp"
#include "task/isolation_hooks.hpp"
#include "task/task_info.hpp"

namespace narke::internal {
constinit isolation_hooks the_isolation_hooks;
}

namespace narke::detail {

void run_isolated(task_node& node, isolated_part& part) {
  internal::the_isolation_hooks.run(node, part);
}

bool is_isolated(const task_info* info) noexcept {
  return info != nullptr && info->is_isolated();
}

void refuse_isolation(const char* what, const std::type_info& type) {
  throw std::invalid_argument{fmt::format(
      "narke: isolation::process: {} {} cannot go to another process. There go function pointers, "
      "callables without captures and methods of actors, with parameters and a result that are "
      "narke::serializable: specialise narke::serializer for a type of your own, give what is "
      "captured as an argument, or leave isolation at isolation::thread",
      what, internal::type_name(type))};
}

}  // namespace narke::detail
