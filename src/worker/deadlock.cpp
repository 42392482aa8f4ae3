#include "worker/deadlock.hpp"

#include <algorithm>
#include <mutex>
#include <string>
#include <unordered_map>
#include <utility>

#include <fmt/format.h>

#include <narke/errors.hpp>

#include "task/task_info.hpp"
#include "worker/attempts.hpp"
#include "worker/execute.hpp"
#include "worker/placement_lane.hpp"

namespace narke::internal {

using detail::result_slot;
using detail::task_lane;
using detail::task_node;
using detail::task_state;

namespace {

struct wait_registry {
  std::mutex mutex;
  std::vector<const watched_wait*> waits;  // guarded by mutex
};
wait_registry& registry() {
  // Never destroyed: tasks may wait while static objects go.
  static auto* all = new wait_registry;
  return *all;
}

bool has_timeout(const task_node& node) noexcept {
  const task_rules* rules = rules_of(node);
  return rules != nullptr && rules->has_timeout();
}

}  // namespace

// One search, under the registry's lock.
struct deadlock_search {
  explicit deadlock_search(const std::vector<const watched_wait*>& all) : waits{all} {
    for (const watched_wait* wait : waits) {
      wait->is_left_ = true;
      for (const execution* each = wait->top_; each != nullptr; each = each->outer) {
        note_running(*each->node, *wait);
      }
    }
    while (take_away()) {
    }
  }

  void note_running(task_node& node, const watched_wait& wait) {
    running[&node] = &wait;
    running_ids[node.id] = &wait;
    if (has_timeout(node)) {
      wait.is_left_ = false;
    }
    if (node.may_end_early || node.gpu != nullptr) {
      return;  // its list may be closed at any moment
    }
    // Only the task itself would close its list, and it waits. What stands on it stays there.
    for (std::size_t i = 0; i != node.slot_count(); ++i) {
      for (const detail::dependent* entry = node.slot(i)->newest_dependent(); entry != nullptr;
           entry = entry->next) {
        dependents.emplace(entry->waiting, &wait);
      }
    }
  }

  // Whether a wait was found for which something else can act.
  bool take_away() {
    bool changed = false;
    for (const watched_wait* wait : waits) {
      if (wait->is_left_ && can_end(*wait)) {
        wait->is_left_ = false;
        changed = true;
      }
    }
    return changed;
  }

  [[nodiscard]] bool can_end(const watched_wait& wait) {
    std::size_t ready = 0;
    std::size_t coming = 0;
    bool failed = false;
    for (result_slot* slot : wait.slots_) {
      if (slot->is_ready()) {
        ++ready;
        failed = failed || slot->failed();
      } else {
        coming += can_come(*slot) ? 1 : 0;
      }
    }
    return wait.until_failure_ ? failed || coming != 0 || ready == wait.slots_.size()
                               : ready + coming >= wait.goal_;
  }

  [[nodiscard]] bool can_come(const result_slot& slot) {
    task_node* node = slot.producer();
    if (node == nullptr) {
      return true;
    }
    switch (node->state()) {
      case task_state::claimed:
      case task_state::running:
        return !is_left(running.find(node), running.end());
      case task_state::waiting:
      case task_state::inspected:
        return can_get_arguments(*node);
      case task_state::ready:
        return node->lane == task_lane::placement    ? can_be_placed(node->id)
               : node->lane == task_lane::actor_call ? can_have_a_turn(*node)
                                                     : true;
      case task_state::submitted:
      case task_state::finished:
        return true;
    }
    return true;
  }

  template <class Iterator>
  [[nodiscard]] static bool is_left(Iterator found, Iterator end) {
    return found != end && found->second->is_left_;
  }

  [[nodiscard]] bool can_get_arguments(task_node& node) const {
    const auto [first, last] = dependents.equal_range(&node);
    return std::none_of(first, last, [](const auto& each) { return each.second->is_left_; });
  }

  [[nodiscard]] bool can_have_a_turn(task_node& call) const {
    std::vector<const task_node*> calls;
    if (the_actor_hooks.list_running == nullptr || !the_actor_hooks.list_running(call, calls)) {
      return true;
    }
    return std::any_of(calls.begin(), calls.end(), [this](const task_node* each) {
      return !is_left(running.find(each), running.end());
    });
  }

  [[nodiscard]] bool can_be_placed(ticket_id id) const {
    ticket_explanation why = placement_lane::instance().explain(id);
    if (why.cause == wait_cause::equal_ahead && why.waits_behind) {
      why = placement_lane::instance().explain(*why.waits_behind);
    }
    return std::none_of(why.missing.begin(), why.missing.end(),
                        [this](const missing_resource& each) { return is_stuck(each); });
  }

  [[nodiscard]] bool is_stuck(const missing_resource& resource) const {
    return resource.name != "CPU" && resource.wanted > resource.available &&
           !resource.holders.empty() &&
           std::all_of(resource.holders.begin(), resource.holders.end(), [this](ticket_id holder) {
             return is_left(running_ids.find(holder), running_ids.end());
           });
  }

  // "task 'a' waits for task 'b'; …"
  [[nodiscard]] std::string description() const {
    std::string text;
    for (const watched_wait* wait : waits) {
      if (!wait->is_left_) {
        continue;
      }
      std::string wanted;
      for (result_slot* slot : wait->slots_) {
        if (!slot->is_ready() && slot->producer() != nullptr && wanted.size() < 200) {
          wanted += (wanted.empty() ? "" : ", ") + what_of(*slot->producer());
        }
      }
      text += fmt::format("{}{} waits for {}", text.empty() ? "" : "; ",
                          display_name(*wait->top_->node), wanted);
    }
    return text;
  }

  [[nodiscard]] static std::string what_of(task_node& node) {
    const char* state = "";
    if (node.state() == task_state::ready) {
      state = node.lane == task_lane::actor_call ? ", which waits for a turn of its actor"
                                                 : ", which waits for resources that are held";
    } else if (node.state() == task_state::waiting) {
      state = ", which waits for an argument";
    }
    return display_name(node) + state;
  }

  const std::vector<const watched_wait*>& waits;
  std::unordered_map<const task_node*, const watched_wait*> running;
  std::unordered_map<ticket_id, const watched_wait*> running_ids;
  std::unordered_multimap<const task_node*, const watched_wait*> dependents;
};

watched_wait::watched_wait(std::vector<result_slot*> slots, std::size_t goal, bool until_failure)
    : top_{this_thread_state.current},
      slots_{std::move(slots)},
      goal_{goal},
      until_failure_{until_failure} {
  const std::lock_guard lock{registry().mutex};
  registry().waits.push_back(this);
}

watched_wait::~watched_wait() {
  const std::lock_guard lock{registry().mutex};
  std::erase(registry().waits, this);
}

void watched_wait::look() const {
  std::string cycle;
  {
    const std::lock_guard lock{registry().mutex};
    const deadlock_search search{registry().waits};
    if (!is_left_) {
      return;
    }
    cycle = search.description();
  }
  throw deadlock_error{fmt::format(
      "narke: a wait that can never end: {}. Everybody in this waits for what only they can bring "
      "or let go. Pass refs as arguments instead of waiting in the task, or ask for less",
      cycle)};
}

}  // namespace narke::internal
