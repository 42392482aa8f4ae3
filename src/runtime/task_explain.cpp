#include "runtime/task_explain.hpp"

#include <algorithm>
#include <map>
#include <optional>
#include <set>
#include <utility>

#include <fmt/format.h>
#include <fmt/ranges.h>

#include "base/ticks.hpp"
#include "observe/advice.hpp"
#include "observe/trace_buffer.hpp"
#include "store/object_store.hpp"
#include "task/task_info.hpp"
#include "worker/attempts.hpp"
#include "worker/coroutine.hpp"
#include "worker/execute.hpp"
#include "worker/gpu_task.hpp"
#include "worker/placement_lane.hpp"
#include "worker/task_list.hpp"
#include "worker/worker_pool.hpp"

namespace narke::internal {

using detail::result_slot;
using detail::task_lane;
using detail::task_node;
using detail::task_state;

namespace {

constexpr std::size_t names_shown = 8;
constexpr std::size_t arguments_shown = 100;

std::string with_place(const task_node& node) {
  const std::uint32_t attempt = attempt_of(node);
  return fmt::format("{} (id {}, {}submitted at {})", display_name(node), node.id,
                     attempt == 0 ? std::string{} : fmt::format("attempt {}, ", attempt),
                     place_name(node.location));
}

const char* blocked_word(const task_node& node) {
  switch (node.blocked_in.load(std::memory_order_relaxed)) {
    case task_node::blocking::get:
      return "RUNNING_IN_RAY_GET";
    case task_node::blocking::wait:
      return "RUNNING_IN_RAY_WAIT";
    case task_node::blocking::none:
      break;
  }
  return "RUNNING";
}

// Ray's word for the state of a task.
const char* state_word(const task_node& node) {
  const bool is_call = node.lane == task_lane::actor_call;
  switch (node.state()) {
    case task_state::submitted:
    case task_state::waiting:
    case task_state::inspected:
      return is_call ? "PENDING_ACTOR_TASK_ARGS_FETCH" : "PENDING_ARGS_AVAIL";
    case task_state::ready:
      if (is_call) {
        return "PENDING_ACTOR_TASK_ORDERING_OR_CONCURRENCY";
      }
      if (node.lane == task_lane::fast && waits_for_room()) {
        return "PENDING_OBJ_STORE_MEM_AVAIL";
      }
      return "PENDING_NODE_ASSIGNMENT";
    case task_state::claimed:
      return "SUBMITTED_TO_WORKER";
    case task_state::running:
      return blocked_word(node);
    case task_state::suspended:
      return "RUNNING_IN_RAY_GET";
    case task_state::finished:
      return "FINISHED";
  }
  return "NIL";
}

const char* doing(const task_node& node) {
  switch (node.state()) {
    case task_state::running:
      return node.blocked_in.load(std::memory_order_relaxed) == task_node::blocking::none
                 ? "which runs"
                 : "which has begun, and waits in get or wait";
    case task_state::waiting:
      return "which waits for arguments itself";
    case task_state::suspended:
      return "which has begun, and waits at a co_await";
    case task_state::finished:
      return "which has just finished";
    default:
      return "which is queued";
  }
}

struct producer_facts {
  std::uint64_t id;
  std::string text;
};

// The arguments that are not ready, or what is awaited, and who makes them.
std::vector<producer_facts> missing_results(task_node& node) {
  std::vector<producer_facts> missing;
  look_at_waiting(
      node,
      [](void* context, task_node& of) {
        visit_what_it_waits_for(
            of,
            [](void* to, const result_slot& slot) {
              auto& all = *static_cast<std::vector<producer_facts>*>(to);
              const task_node* producer = slot.producer();
              if (!slot.is_ready()) {
                all.push_back(producer == nullptr
                                  ? producer_facts{0, "a value that nobody has set yet"}
                                  : producer_facts{producer->id, fmt::format("the result of {}, {}",
                                                                             with_place(*producer),
                                                                             doing(*producer))});
              }
              return all.size() != arguments_shown;
            },
            context);
      },
      &missing);
  return missing;
}

// The names of tickets: tasks by the list of tasks, actors as the lane knows them.
class ticket_names {
 public:
  explicit ticket_names(const placement_story& story) : story_{story} {
    for (const held_task& each : listed_tasks(SIZE_MAX).tasks) {
      names_.emplace(each->id, with_place(*each));
    }
  }
  [[nodiscard]] std::string of(ticket_id id) const {
    if (const auto actor = story_.actors.find(id); actor != story_.actors.end()) {
      return actor->second;
    }
    const auto found = names_.find(id);
    return found != names_.end() ? found->second : fmt::format("task {}", id);
  }
  [[nodiscard]] std::string of(const std::vector<ticket_id>& ids) const {
    std::vector<std::string> all;
    for (std::size_t i = 0; i != std::min(ids.size(), names_shown); ++i) {
      all.push_back(of(ids[i]));
    }
    std::string text = fmt::format("{}", fmt::join(all, ", "));
    if (ids.size() > names_shown) {
      text += fmt::format(" and {} others", ids.size() - names_shown);
    }
    return text;
  }

 private:
  const placement_story& story_;
  std::map<ticket_id, std::string> names_;
};

std::string behind(const ticket_explanation& why, const ticket_names& names) {
  const std::string who = why.waits_behind ? names.of(*why.waits_behind) : std::string{"another"};
  switch (why.cause) {
    case wait_cause::nothing:
      return "it goes on at the next decision";
    case wait_cause::equal_ahead:
      return fmt::format("{} asks for the same and is older", who);
    case wait_cause::resources:
      return "what it lacks is held";
    case wait_cause::cpus:
      return "it lacks CPUs only, and has first call on those that come free";
    case wait_cause::collector:
      return fmt::format("free CPUs are kept for {}, which is older", who);
    case wait_cause::held_for_life:
      return "it needs CPUs that actors hold for as long as they live";
    case wait_cause::reserved:
      return fmt::format("{} was passed so often that it has first call", who);
    case wait_cause::share_not_ordered:
      return fmt::format("it follows {} on its GPU, once that has enqueued its work", who);
    case wait_cause::bundle:
      return "the bundle of its placement group is in use, or the group itself waits";
    case wait_cause::shares_drain:
      return "it has first call on GPUs that still run what they have";
  }
  return {};
}

std::vector<std::string> why_placed_waits(const task_node& node) {
  const placement_story story = placement_lane::instance().story(node.id);
  if (story.explained.state != ticket_state::pending) {
    return {"it was given its resources, and a thread takes it next"};
  }
  const ticket_names names{story};
  std::vector<std::string> lines{behind(story.explained, names)};
  for (const missing_resource& each : story.explained.missing) {
    lines.push_back(fmt::format("{}: {} asked, {} free{}{}", each.name, each.wanted, each.available,
                                each.holders.empty() ? "" : "; held by ", names.of(each.holders)));
  }
  if (story.explained.passed_by != 0) {
    lines.push_back(fmt::format("{} later requests have passed it", story.explained.passed_by));
  }
  return lines;
}

// Who runs on the CPUs of the fast lane.
std::vector<std::string> why_queued() {
  worker_pool& pool = worker_pool::instance();
  std::vector<std::string> lines;
  if (waits_for_room()) {
    lines.push_back(fmt::format(
        "the object store is full, {} of {} bytes: while it is, one task runs at a time. Let refs "
        "go that are no longer needed",
        stored_bytes(), store_limit_bytes()));
  }
  std::vector<std::string> running;
  std::size_t count = 0;
  for (const held_task& each : listed_tasks(SIZE_MAX).tasks) {
    if (each->state() == task_state::running && each->lane != task_lane::placement &&
        each->blocked_in.load(std::memory_order_relaxed) == task_node::blocking::none &&
        ++count <= names_shown) {
      running.push_back(with_place(*each));
    }
  }
  lines.push_back(fmt::format("it needs one of {} CPUs; free: {}", pool.cpus(),
                              std::max(0, pool.idle().glance().permits)));
  if (!running.empty()) {
    lines.push_back(fmt::format(
        "on CPUs: {}{}", fmt::join(running, ", "),
        count > names_shown ? fmt::format(" and {} others", count - names_shown) : std::string{}));
  }
  return lines;
}

std::vector<std::string> why_ready_waits(const task_node& node) {
  switch (node.lane) {
    case task_lane::placement:
      return why_placed_waits(node);
    case task_lane::actor_call:
      return {the_actor_hooks.why_call_waits(node)};
    case task_lane::fast:
      break;
  }
  return why_queued();
}

struct run_facts {
  trace_event event;
  std::string thread;
};

// What the timeline has of a task.
std::optional<run_facts> find_run(std::uint64_t id) {
  std::optional<run_facts> found;
  for (const track_snapshot& track : snapshot_events().tracks) {
    for_each_event(track, [&](const trace_event& event) {
      if (event.id == id && event.begin_ticks != 0 &&
          (event.kind == event_kind::task || event.kind == event_kind::actor_call)) {
        found = {event, track_name(track.buffer->owner())};
      }
    });
  }
  return found;
}

std::string duration_text(std::uint64_t from, std::uint64_t to) {
  const double us = to > from ? static_cast<double>(to - from) * nanoseconds_per_tick() / 1e3 : 0;
  return us < 1e4 ? fmt::format("{:.1f} us", us) : fmt::format("{:.1f} ms", us / 1e3);
}

// Why it is, or was, where it is.
std::string choice(const task_node& node, bool has_ended) {
  if (node.gpu != nullptr && node.lane == task_lane::placement) {
    const std::vector<int> devices =
        has_ended ? gpu_devices_of(node) : placement_lane::instance().story(node.id).gpu_ids;
    if (!devices.empty()) {
      return fmt::format(
          "on GPU {}, of {}: where most of its inputs lie, unless the queue there is longer by "
          "far; "
          "else on the shortest queue",
          fmt::join(devices, ", "), gpu_engine::instance().device_count());
    }
  }
  switch (node.lane) {
    case task_lane::actor_call:
      return "on the thread that had the turn of its actor";
    case task_lane::placement:
      return "on a thread of the placement lane, once all that it asked for was free";
    case task_lane::fast:
      break;
  }
  return fmt::format(
      "it asked for one CPU: any of {} was as good, and the first that was free took "
      "it",
      worker_pool::instance().cpus());
}

std::vector<std::string> where_it_ran(const task_node& node) {
  std::vector<std::string> lines;
  if (const auto run = find_run(node.id)) {
    lines.push_back(fmt::format("it ran on {} for {}, {} after it was submitted", run->thread,
                                duration_text(run->event.begin_ticks, run->event.end_ticks),
                                duration_text(node.submitted_ticks, run->event.begin_ticks)));
    lines.push_back(choice(node, true));
  } else {
    lines.push_back("the timeline does not have it: its body never ran, or the timeline was full");
  }
  return lines;
}

std::string as_text(const std::string& head, const std::vector<std::string>& lines) {
  std::string text = head + "\n";
  for (const std::string& each : lines) {
    text += "  " + each + "\n";
  }
  return text;
}

std::string error_text(const std::exception_ptr& error) {
  try {
    std::rethrow_exception(error);
  } catch (const std::exception& failed) {
    return failed.what();
  } catch (...) {
    return "an exception that is no std::exception";
  }
}

std::vector<std::string> texts_of(const std::vector<producer_facts>& missing) {
  std::vector<std::string> lines;
  for (const producer_facts& each : missing) {
    lines.push_back("waits for " + each.text);
  }
  return lines;
}

}  // namespace

std::string explain(result_slot& slot) {
  task_node* node = slot.producer();
  if (node == nullptr) {
    return slot.is_ready() ? "the value was put into the store, and is ready\n"
                           : "the value is set from outside, and is not there yet\n";
  }
  const std::string who = with_place(*node);
  if (slot.is_ready()) {
    std::vector<std::string> lines = where_it_ran(*node);
    if (slot.failed()) {
      lines.push_back("it failed: " + error_text(slot.error()));
    }
    return as_text(fmt::format("{} has ended [{}]", who, slot.failed() ? "FAILED" : "FINISHED"),
                   lines);
  }
  const char* const word = state_word(*node);
  const bool is_suspended = node->state() == task_state::suspended;
  if (is_suspended || node->state() == task_state::waiting) {
    if (const auto missing = missing_results(*node); !missing.empty()) {
      return as_text(fmt::format("{} {} [{}]", who,
                                 is_suspended ? "waits at a co_await" : "waits for its arguments",
                                 word),
                     texts_of(missing));
    }
  }
  switch (node->state()) {
    case task_state::ready:
      return as_text(fmt::format("{} is ready, and queued [{}]", who, word),
                     why_ready_waits(*node));
    case task_state::running:
      return as_text(fmt::format("{} runs [{}]", who, word), {choice(*node, false)});
    default:
      break;
  }
  return as_text(fmt::format("{} is about to go on [{}]", who, word), {});
}

namespace {

std::map<std::string, double> amounts(const task_node& node) {
  std::map<std::string, double> all;
  if (node.lane == task_lane::actor_call) {
    return all;  // what its actor holds is none of its own
  }
  if (node.info == nullptr) {
    all["CPU"] = 1;
  } else {
    const resource_request& asked = node.info->request();
    all["CPU"] = asked.cpus.to_double();
    all["GPU"] = asked.gpus.to_double();
    all["memory"] = static_cast<double>(asked.memory_bytes);
    for (const custom_amount& each : asked.custom) {
      all[each.name] = each.amount.to_double();
    }
  }
  std::erase_if(all, [](const auto& entry) { return entry.second == 0; });
  return all;
}

task_facts facts_of(task_node& node) {
  task_facts facts;
  facts.id = node.id;
  facts.parent_id = node.parent_id;
  facts.name = plain_name(node);
  facts.is_actor_call = node.lane == task_lane::actor_call;
  facts.state = state_word(node);
  facts.attempt = attempt_of(node);
  facts.file = node.location.file_name();
  facts.line = node.location.line();
  facts.required_resources = amounts(node);
  if (node.state() == task_state::waiting || node.state() == task_state::suspended) {
    for (producer_facts& each : missing_results(node)) {
      facts.waits_for.push_back(each.id);
      facts.reason += (facts.reason.empty() ? "waits for " : "; ") + each.text;
    }
  } else if (node.state() == task_state::ready) {
    facts.reason = fmt::format(
        "{}", fmt::join(node.lane == task_lane::fast ? std::vector<std::string>{"queued for a CPU"}
                                                     : why_ready_waits(node),
                        "; "));
  }
  return facts;
}

// What the timeline has of tasks that ended, the last first.
std::vector<run_facts> last_runs(std::size_t most) {
  std::vector<run_facts> all;
  for (const track_snapshot& track : snapshot_events().tracks) {
    const std::string thread = track_name(track.buffer->owner());
    for_each_event(track, [&](const trace_event& event) {
      if (event.begin_ticks != 0 &&
          (event.kind == event_kind::task || event.kind == event_kind::actor_call)) {
        all.push_back({event, thread});
      }
    });
  }
  const std::size_t kept = std::min(most, all.size());
  std::partial_sort(
      all.begin(), all.begin() + static_cast<std::ptrdiff_t>(kept), all.end(),
      [](const run_facts& a, const run_facts& b) { return a.event.end_ticks > b.event.end_ticks; });
  all.resize(kept);
  return all;
}

}  // namespace

task_list_facts task_list(std::size_t most) {
  task_list_facts list;
  const task_listing listing = listed_tasks(most);
  std::set<std::uint64_t> unfinished;
  std::set<std::pair<std::uint64_t, std::uint16_t>> told;
  for (const held_task& each : listing.tasks) {
    list.tasks.push_back(facts_of(*each));
    unfinished.insert(each->id);
  }
  list.left_out = listing.count - listing.tasks.size();
  const double ns_per_tick = nanoseconds_per_tick();
  const std::uint64_t now = ticks_now();
  for (const run_facts& each : last_runs(most)) {
    if (unfinished.contains(each.event.id) ||
        !told.emplace(each.event.id, each.event.attempt).second) {
      continue;  // it is not finished, or this is an earlier piece of a coroutine
    }
    const auto ago_ms = [&](std::uint64_t ticks) {
      return static_cast<double>(now - std::min(now, ticks)) * ns_per_tick / 1e6;
    };
    task_facts facts;
    facts.id = each.event.id;
    facts.parent_id = each.event.parent_or_from;
    facts.name = each.event.name != nullptr ? each.event.name : "task";
    facts.is_actor_call = each.event.kind == event_kind::actor_call;
    facts.state = each.event.failed ? "FAILED" : "FINISHED";
    facts.line = each.event.line;
    facts.thread = each.thread;
    facts.started_ago_ms = ago_ms(each.event.begin_ticks);
    facts.ended_ago_ms = ago_ms(each.event.end_ticks);
    list.tasks.push_back(std::move(facts));
  }
  return list;
}

}  // namespace narke::internal
