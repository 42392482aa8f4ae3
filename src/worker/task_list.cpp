#include "worker/task_list.hpp"

#include <algorithm>
#include <array>
#include <exception>
#include <map>
#include <mutex>

#include <narke/resources.hpp>

#include "base/needed_memory.hpp"
#include "worker/execute.hpp"

namespace narke::internal {

using detail::task_node;

constinit std::atomic<bool> tasks_are_listed{false};

namespace {

// By id, in parts with a lock each.
struct list_part {
  std::mutex mutex;
  std::map<std::uint64_t, task_node*> tasks;  // guarded by mutex
};

constexpr std::size_t part_count = 16;

std::array<list_part, part_count>& parts() {
  static auto* all = new std::array<list_part, part_count>;
  return *all;
}

list_part& part_of(const task_node& node) noexcept {
  return parts()[node.id % part_count];
}

}  // namespace

void list_task_slowly(task_node& node) noexcept {
  list_part& part = part_of(node);
  const memory_refusable it_can_be_left_out;
  try {
    const std::lock_guard lock{part.mutex};
    part.tasks.emplace(node.id, &node);
    node.is_listed = true;
    node.is_plain = false;
  } catch (const std::exception&) {
    // No memory: it is not in the list.
  }
}

void unlist_task_slowly(task_node& node) noexcept {
  list_part& part = part_of(node);
  const std::lock_guard lock{part.mutex};
  part.tasks.erase(node.id);
  node.is_listed = false;
}

task_listing listed_tasks(std::size_t most) {
  task_listing listing;
  for (list_part& part : parts()) {
    const std::lock_guard lock{part.mutex};
    listing.count += part.tasks.size();
    std::size_t taken = 0;
    for (auto each = part.tasks.begin(); each != part.tasks.end() && taken != most;
         ++each, ++taken) {
      listing.tasks.emplace_back(*each->second);
    }
  }
  std::sort(listing.tasks.begin(), listing.tasks.end(),
            [](const held_task& a, const held_task& b) { return a->id < b->id; });
  while (listing.tasks.size() > most) {
    listing.tasks.pop_back();
  }
  return listing;
}

bool look_at_waiting(task_node& node, void (*look)(void* context, task_node& node), void* context) {
  if (!may_be_looked_at(node) || !node.count_looker()) {
    return false;
  }
  // Whatever happens, the looker has to be one argument that is ready in the end.
  struct looker {
    task_node& node;
    const bool inspects;
    ~looker() {
      if (inspects) {
        node.set_state(detail::task_state::waiting);
      }
      one_argument_less(node);
    }
  } const held{node, node.begin_inspection()};
  const bool holds = held.inspects || node.state() == detail::task_state::suspended;
  if (holds) {
    look(context, node);
  }
  return holds;
}

}  // namespace narke::internal

namespace narke::detail {

bool list_tasks() noexcept {
  internal::tasks_are_listed.store(true, std::memory_order_relaxed);
  return true;
}

}  // namespace narke::detail
