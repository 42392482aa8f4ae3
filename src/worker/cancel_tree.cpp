#include "worker/cancel_tree.hpp"

#include <deque>
#include <mutex>
#include <unordered_map>
#include <utility>
#include <vector>

#include "base/needed_memory.hpp"
#include "worker/suspended_tasks.hpp"

namespace narke::internal::cancel_tree {

constinit std::atomic<std::uint64_t> changes{0};

namespace {

constexpr std::size_t ended_max = 65'536;

struct token_entry {
  std::uint64_t parent_id;
  std::stop_source source;
};

struct tree_state {
  std::mutex mutex;
  // Guarded by mutex.
  std::unordered_map<std::uint64_t, bool> cancelled;  // by id; true: has ended
  std::deque<std::uint64_t> ended;                    // of these, the oldest first
  std::uint64_t change_count = 0;
  std::unordered_map<std::uint64_t, token_entry> tokens;  // by the task's id

  void note_change_locked() noexcept {
    ++change_count;
    changes.store(cancelled.empty() ? 0 : change_count, std::memory_order_release);
  }
  [[nodiscard]] bool is_below_locked(std::uint64_t parent_id) const noexcept;
  void keep_ended_locked(std::uint64_t id);
  void forget_all_ended_locked() noexcept;
};

tree_state& tree() {
  // Never destroyed: tasks may end while static objects go.
  static auto* state = new tree_state;
  return *state;
}

// Of one that has begun, and is on a thread or suspended.
std::uint64_t parent_of_running(std::uint64_t id) noexcept {
  for (std::uint64_t departures = suspended_tasks::departures(id);;) {
    std::uint64_t parent = 0;
    for (const thread_record* record = first_record(); record != nullptr && parent == 0;
         record = record->next) {
      parent = record->parents.parent_of(id);
    }
    if (parent != 0 || (parent = suspended_tasks::parent_of(id)) != 0) {
      return parent;
    }
    const std::uint64_t seen = std::exchange(departures, suspended_tasks::departures(id));
    if (seen == departures) {
      return 0;
    }
  }
}

bool tree_state::is_below_locked(std::uint64_t parent_id) const noexcept {
  while (parent_id != 0 && !cancelled.contains(parent_id)) {
    parent_id = parent_of_running(parent_id);
  }
  return parent_id != 0;
}

void tree_state::forget_all_ended_locked() noexcept {
  for (const std::uint64_t id : ended) {
    cancelled.erase(id);
  }
  ended.clear();
}

void tree_state::keep_ended_locked(std::uint64_t id) {
  const task_totals totals = count_tasks();
  // This one has not finished yet, and nothing above it.
  if (ended.size() > 64 && totals.finished + 1 >= totals.submitted) {
    forget_all_ended_locked();
  }
  cancelled[id] = true;
  ended.push_back(id);
  if (ended.size() > ended_max) {
    cancelled.erase(ended.front());
    ended.pop_front();
  }
}

void request_each(std::vector<std::stop_source>& sources) {
  for (std::stop_source& source : sources) {
    source.request_stop();  // callbacks of the user's run here
  }
}

}  // namespace

void add(const detail::task_node& node) {
  tree_state& state = tree();
  const std::lock_guard lock{state.mutex};
  if (node.state() != detail::task_state::finished) {
    state.cancelled.try_emplace(node.id, false);
  } else if (node.has_children) {
    state.keep_ended_locked(node.id);
  } else {
    return;
  }
  state.note_change_locked();
}

void stop_tokens_of(const detail::task_node& node, bool recursive) {
  tree_state& state = tree();
  std::vector<std::stop_source> asked;
  {
    const std::lock_guard lock{state.mutex};
    for (auto& [id, each] : state.tokens) {
      if (id == node.id || (recursive && state.is_below_locked(each.parent_id))) {
        asked.push_back(each.source);
      }
    }
  }
  request_each(asked);
}

bool is_below_cancelled(std::uint64_t parent_id) noexcept {
  if (parent_id == 0) {
    return false;
  }
  tree_state& state = tree();
  const std::lock_guard lock{state.mutex};
  return state.is_below_locked(parent_id);
}

void list_as_parent(execution& running) noexcept {
  detail::task_node& node = *running.node;
  node.has_children = true;
  const bool is_listed = node.parent_id != 0 && this_record().parents.push(node.id, node.parent_id);
  running.kin = is_listed ? kinship::listed_parent : kinship::parent;
}

void end_parent(const execution& running) noexcept {
  const memory_needed needed;
  const detail::task_node& node = *running.node;
  if (is_active()) {
    tree_state& state = tree();
    const std::lock_guard lock{state.mutex};
    if (!state.cancelled.contains(node.id) && state.is_below_locked(node.parent_id)) {
      state.keep_ended_locked(node.id);
      state.note_change_locked();
    }
  }
  if (running.kin == kinship::listed_parent) {
    this_record().parents.pop();
  }
}

void forget(const detail::task_node& node) noexcept {
  const memory_needed needed;
  tree_state& state = tree();
  const std::lock_guard lock{state.mutex};
  const auto found = state.cancelled.find(node.id);
  if (found == state.cancelled.end() || found->second) {
    return;
  }
  if (node.has_children) {
    state.keep_ended_locked(node.id);
  } else {
    state.cancelled.erase(found);
  }
  state.note_change_locked();
}

void forget_ended() noexcept {
  tree_state& state = tree();
  const std::lock_guard lock{state.mutex};
  state.forget_all_ended_locked();
  state.note_change_locked();
}

bool is_below_one_since_seen(execution& running) noexcept {
  detail::result_slot& slot = running.node->first_slot();
  const std::uint64_t seen = changes.load(std::memory_order_acquire);
  if (is_below_cancelled(running.node->parent_id)) {
    slot.mark_stop();
    return true;
  }
  running.changes_seen = seen;
  return false;
}

std::stop_token token_of(execution& running) {
  tree_state& state = tree();
  std::stop_source source{std::nostopstate};
  {
    const std::lock_guard lock{state.mutex};
    const detail::task_node& node = *running.node;
    auto found = state.tokens.find(node.id);
    if (found == state.tokens.end()) {
      found = state.tokens.emplace(node.id, token_entry{node.parent_id, {}}).first;
    }
    source = found->second.source;
  }
  running.has_token = true;
  // Who cancels comes after this look, or has found the entry.
  if (is_asked_to_stop(running)) {
    source.request_stop();
  }
  return source.get_token();
}

void drop_token(const detail::task_node& node) noexcept {
  tree_state& state = tree();
  std::unordered_map<std::uint64_t, token_entry>::node_type gone;
  const std::lock_guard lock{state.mutex};
  gone = state.tokens.extract(node.id);
}

void stop_all_tokens() {
  tree_state& state = tree();
  std::vector<std::stop_source> asked;
  {
    const std::lock_guard lock{state.mutex};
    for (auto& [id, each] : state.tokens) {
      asked.push_back(each.source);
    }
  }
  request_each(asked);
}

}  // namespace narke::internal::cancel_tree
