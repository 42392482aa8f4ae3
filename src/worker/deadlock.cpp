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
#include "worker/coroutine.hpp"
#include "worker/execute.hpp"
#include "worker/placement_lane.hpp"
#include "worker/suspended_tasks.hpp"
#include "worker/task_list.hpp"
#include "worker/wait_graph.hpp"

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

// Tasks that wait for arguments, or at a co_await, each held so by a looker (see task_node.hpp)
// while the picture is taken. Let go when the registry's lock is: what was held up goes on from
// there.
class held_tasks {
 public:
  static constexpr std::size_t tasks_max = 1'000;  // of what is beyond, nothing is known
  static constexpr std::size_t suspended_max = tasks_max / 2;

  held_tasks() = default;
  held_tasks(const held_tasks&) = delete;
  held_tasks& operator=(const held_tasks&) = delete;
  ~held_tasks() {
    // Backwards: a task keeps the arguments, and so the tasks that were come to by them.
    for (auto each = all_.rbegin(); each != all_.rend(); ++each) {
      if (each->is_inspected) {
        each->node->set_state(task_state::waiting);
      }
      one_argument_less(*each->node);
      each->node->release_ref();
    }
  }

  /// Whether its arguments may be looked at until the end.
  bool try_hold(task_node& node) {
    all_.reserve(all_.size() + 1);
    if (all_.size() == tasks_max || !may_be_looked_at(node) || !node.count_looker()) {
      return false;
    }
    node.add_ref();
    all_.push_back({&node, node.begin_inspection()});
    return all_.back().is_inspected || node.state() == task_state::suspended;
  }

 private:
  struct held_task {
    task_node* node;
    bool is_inspected;
  };
  std::vector<held_task> all_;
};

// The tasks that are suspended, as far as they are looked at.
class suspended_now {
 public:
  explicit suspended_now(bool counts)
      : all{suspended_tasks::list(held_tasks::suspended_max, counts)} {}
  suspended_now(const suspended_now&) = delete;
  suspended_now& operator=(const suspended_now&) = delete;
  ~suspended_now() {
    for (const listed_suspension& each : all) {
      each.node->release_ref();
    }
  }

  const std::vector<listed_suspension> all;
};

}  // namespace

// The picture of all waits that are written down, taken under the registry's lock. Behind them
// stand the tasks that are suspended, and those that wait for arguments, as waits for all of these.
struct wait_picture {
  wait_picture(const std::vector<const watched_wait*>& all, const suspended_now& suspended,
               held_tasks& to_hold)
      : waits{all}, held{to_hold} {
    for (std::size_t i = 0; i != waits.size(); ++i) {
      graph.push_back({.goal = waits[i]->goal_, .until_failure = waits[i]->until_failure_});
      for (const execution* each = waits[i]->top_; each != nullptr; each = each->outer) {
        note_running(*each->node, i);
      }
    }
    for (const listed_suspension& each : suspended.all) {
      static_cast<void>(needs_what_it_waits_for(*each.node));
    }
    for (std::size_t i = 0; i != waits.size(); ++i) {
      for (result_slot* slot : waits[i]->slots_) {
        add_wanted(i, *slot);
      }
    }
    for (std::size_t i = waits.size(); i != graph.size(); ++i) {
      add_arguments(i);
    }
  }

  void add_wanted(std::size_t wait, const result_slot& slot) {
    wanted_result added = wanted(slot);
    graph[wait].wanted.push_back(std::move(added));
  }

  void add_arguments(std::size_t wait) {
    struct visit {
      wait_picture& picture;
      std::size_t wait;
    } at{*this, wait};
    visit_what_it_waits_for(
        *waiting_tasks[wait - waits.size()],
        [](void* context, const result_slot& slot) {
          const auto& to = *static_cast<visit*>(context);
          to.picture.add_argument(to.wait, slot);
          return true;
        },
        &at);
    graph[wait].goal = graph[wait].wanted.size();
  }

  // A GPU task takes those of others when they are ordered: that comes by itself.
  void add_argument(std::size_t wait, const result_slot& slot) {
    const task_node* producer = slot.producer();
    const bool in_stream_order = waiting_tasks[wait - waits.size()]->gpu != nullptr &&
                                 producer != nullptr && producer->gpu != nullptr;
    if (!in_stream_order) {
      add_wanted(wait, slot);
    }
  }

  void note_running(task_node& node, std::size_t wait) {
    running[&node] = wait;
    running_ids[node.id] = wait;
    graph[wait].has_timeout = graph[wait].has_timeout || has_timeout(node);
    if (node.lane == task_lane::actor_call) {
      calls_of[the_actor_hooks.ticket_of(node)] = &node;
    }
  }

  // It has begun, and holds what it was given.
  void note_suspended(const task_node& node, std::size_t wait) {
    running_ids[node.id] = wait;
    graph[wait].has_timeout = has_timeout(node);
  }

  [[nodiscard]] wanted_result wanted(const result_slot& slot) {
    if (slot.is_ready()) {
      return {.is_there = true, .has_failed = slot.failed()};
    }
    task_node* node = slot.producer();
    if (node == nullptr) {
      return {};
    }
    switch (node->state()) {
      case task_state::claimed:
      case task_state::running:
        return needs_one(holder_of(*node));
      case task_state::waiting:
      case task_state::inspected:
      case task_state::suspended:
        return needs_what_it_waits_for(*node);
      case task_state::ready:
        return node->lane == task_lane::placement    ? needs_resources(node->id)
               : node->lane == task_lane::actor_call ? needs_a_turn(*node)
                                                     : wanted_result{};
      case task_state::submitted:
      case task_state::finished:
        return {};
    }
    return {};
  }

  [[nodiscard]] static wanted_result needs_one(wait_holder holder) {
    return {.needs = {{.holders = {std::move(holder)}}}};
  }

  // Who is not among those that wait goes on by himself.
  [[nodiscard]] wait_holder holder_of(const task_node& node) const {
    const auto found = running.find(&node);
    return found == running.end() ? wait_holder{} : wait_holder{.waits = {found->second}};
  }

  [[nodiscard]] wanted_result needs_what_it_waits_for(task_node& node) {
    const auto [found, is_new] = waits_of_tasks.emplace(&node, graph.size());
    if (is_new && !held.try_hold(node)) {
      waits_of_tasks.erase(found);
      return {};  // it goes on at this moment
    }
    if (is_new) {
      graph.emplace_back();
      waiting_tasks.push_back(&node);
      if (node.state() == task_state::suspended) {
        note_suspended(node, found->second);
      }
    }
    return needs_one({.waits = {found->second}});
  }

  [[nodiscard]] wanted_result needs_a_turn(const task_node& call) const {
    if (the_actor_hooks.list_running == nullptr) {
      return {};
    }
    std::vector<const task_node*> calls;
    if (!the_actor_hooks.list_running(call, calls)) {
      return needs_resources(the_actor_hooks.ticket_of(call));  // the actor may still ask for them
    }
    wait_need turn;
    for (const task_node* each : calls) {
      turn.holders.push_back(holder_of(*each));
    }
    return {.needs = {std::move(turn)}};
  }

  [[nodiscard]] wanted_result needs_resources(ticket_id id) const {
    ticket_explanation why = placement_lane::instance().explain(id);
    if (why.cause == wait_cause::equal_ahead && why.waits_behind) {
      why = placement_lane::instance().explain(*why.waits_behind);
    }
    wanted_result result;
    for (const missing_resource& each : why.missing) {
      // Who waits has given his CPUs back; who holds nothing that is short is not what is waited
      // for.
      if (each.name != "CPU" && !each.holders.empty()) {
        result.needs.push_back(need_of(each));
      }
    }
    return result;
  }

  // A sum that is large enough may lie in pieces, on several GPUs: then any holder will do.
  [[nodiscard]] wait_need need_of(const missing_resource& resource) const {
    wait_need need{.lacking = resource.wanted - resource.available};
    for (std::size_t i = 0; i != resource.holders.size(); ++i) {
      need.holders.push_back({.waits = waits_of(resource.holders[i]), .amount = resource.held[i]});
    }
    return need;
  }

  // Of a task, its own; of an actor that has no turn to give, those of all calls that run there.
  // None: it lets go by itself.
  [[nodiscard]] std::vector<std::size_t> waits_of(ticket_id holder) const {
    if (const auto found = running_ids.find(holder); found != running_ids.end()) {
      return {found->second};
    }
    const auto call = calls_of.find(holder);
    std::vector<const task_node*> calls;
    if (call == calls_of.end() || !the_actor_hooks.list_running(*call->second, calls)) {
      return {};
    }
    std::vector<std::size_t> all;
    for (const task_node* each : calls) {
      const auto found = running.find(each);
      if (found == running.end()) {
        return {};
      }
      all.push_back(found->second);
    }
    return all;
  }

  // "task 'a' waits for task 'b'; …"
  [[nodiscard]] std::string describe(const std::vector<bool>& without_end) const {
    std::string text;
    for (std::size_t i = 0; i != waits.size(); ++i) {
      if (!without_end[i]) {
        continue;
      }
      std::string wanted_tasks;
      for (const result_slot* slot : waits[i]->slots_) {
        add_name(wanted_tasks, *slot);
      }
      add_sentence(text, *waits[i]->top_->node, wanted_tasks);
    }
    for (std::size_t i = 0; i != waiting_tasks.size(); ++i) {
      const task_node& node = *waiting_tasks[i];
      if (without_end[waits.size() + i] && node.state() == task_state::suspended) {
        std::string wanted_task;
        visit_what_it_waits_for(
            node,
            [](void* to, const result_slot& slot) {
              add_name(*static_cast<std::string*>(to), slot);
              return true;
            },
            &wanted_task);
        add_sentence(text, node, wanted_task);
      }
    }
    return text;
  }

  static void add_name(std::string& to, const result_slot& slot) {
    if (!slot.is_ready() && slot.producer() != nullptr && to.size() < 200) {
      to += (to.empty() ? "" : ", ") + what_of(*slot.producer());
    }
  }
  static void add_sentence(std::string& to, const task_node& who, const std::string& what) {
    if (to.size() < 10'000) {
      to += fmt::format("{}{} waits for {}", to.empty() ? "" : "; ", display_name(who), what);
    }
  }

  /// Whether what it waits for waits for it.
  [[nodiscard]] bool is_on_cycle(std::size_t wait) const {
    std::vector<bool> seen(graph.size());
    std::vector<std::size_t> open{wait};
    while (!open.empty() && !seen[wait]) {
      const std::size_t at = open.back();
      open.pop_back();
      for_each_holder(graph[at], [&](const wait_holder& holder) {
        for (const std::size_t next : holder.waits) {
          if (!seen[next]) {
            seen[next] = true;
            open.push_back(next);
          }
        }
      });
    }
    return seen[wait];
  }

  template <class Visit>
  static void for_each_holder(const pictured_wait& wait, Visit&& visit) {
    for (const wanted_result& each : wait.wanted) {
      for (const wait_need& need : each.needs) {
        std::for_each(need.holders.begin(), need.holders.end(), visit);
      }
    }
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
  held_tasks& held;
  wait_graph graph;                       // of each of the waits, then of each waiting task
  std::vector<task_node*> waiting_tasks;
  std::unordered_map<const task_node*, std::size_t> waits_of_tasks;
  std::unordered_map<const task_node*, std::size_t> running;
  std::unordered_map<ticket_id, std::size_t> running_ids;
  std::unordered_map<ticket_id, const task_node*> calls_of;  // one, of each actor that has some
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

namespace {

deadlock_error error_of(const std::string& cycle) {
  return deadlock_error{fmt::format(
      "narke: a wait that can never end: {}. Everybody in this waits for what only they can bring "
      "or let go. Pass refs as arguments instead of waiting in the task, or ask for less",
      cycle)};
}

// Of those that were there at the last look, the one that was suspended last and is a part of a
// cycle. Null: none.
task_node* find_deadlocked(const wait_picture& picture, const std::vector<bool>& without_end,
                           const suspended_now& suspended) {
  task_node* found = nullptr;
  for (const listed_suspension& each : suspended.all) {
    const auto place = picture.waits_of_tasks.find(each.node);
    const bool is_left = each.looks != 0 && place != picture.waits_of_tasks.end() &&
                         without_end[place->second] && picture.is_on_cycle(place->second);
    if (is_left && (found == nullptr || each.node->id > found->id)) {
      found = each.node;
    }
  }
  return found;
}

// A task whose wait was taken away from it.
struct broken_wait {
  task_node* node = nullptr;
  ~broken_wait() {
    if (node != nullptr) {
      one_argument_less(*node);
    }
  }
};

}  // namespace

suspended_look look_at_suspended() {
  const suspended_now suspended{true};
  suspended_look seen;
  for (const listed_suspension& each : suspended.all) {
    seen.is_any = true;
    seen.is_any_young = seen.is_any_young || each.looks < 2;
    seen.is_any_old = seen.is_any_old || each.looks != 0;
  }
  if (!seen.is_any_old) {
    return seen;
  }
  broken_wait broken;
  held_tasks held;
  const std::lock_guard lock{registry().mutex};
  const wait_picture picture{registry().waits, suspended, held};
  const std::vector<bool> without_end = waits_without_end(picture.graph);
  if (task_node* const node = find_deadlocked(picture, without_end, suspended)) {
    suspension& wait = *node->coroutine()->waits_at;
    if (wait.take()) {
      wait.end_early(std::make_exception_ptr(error_of(picture.describe(without_end))));
      broken.node = node;
    }
  }
  return seen;
}

void watched_wait::look() const {
  std::string cycle;
  const suspended_now suspended{false};
  held_tasks held;
  {
    const std::lock_guard lock{registry().mutex};
    const auto& waits = registry().waits;
    const wait_picture picture{waits, suspended, held};
    const std::vector<bool> without_end = waits_without_end(picture.graph);
    const auto own = std::find(waits.begin(), waits.end(), this) - waits.begin();
    if (!without_end[static_cast<std::size_t>(own)]) {
      return;
    }
    cycle = picture.describe(without_end);
  }
  throw error_of(cycle);
}

}  // namespace narke::internal
