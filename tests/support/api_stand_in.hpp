// What narke::task(…).remote needs of the API layer, for test programs of the layers below it: no
// runtime is started, tasks go straight to the lanes. Included by one file of a program.
#pragma once

#include <narke/detail/task_node.hpp>

#include "task/task_info.hpp"
#include "worker/execute.hpp"

namespace narke::detail {

void check_can_submit(const task_info*) {}
bool submission::count(const task_info&, bool) { return false; }
void submission::uncount(const task_info&) noexcept {}
void submit(task_node& node) noexcept {
  internal::submit_node(node, node.info != nullptr ? node.info->lane() : task_lane::fast);
}

}  // namespace narke::detail
