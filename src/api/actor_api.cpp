#include <limits>
#include <memory>
#include <stdexcept>
#include <utility>

#include <fmt/format.h>

#include <narke/actor.hpp>
#include <narke/errors.hpp>

#include "actor/actor_core.hpp"
#include "base/forked_child.hpp"
#include "process/actor_here.hpp"
#include "runtime/engine.hpp"
#include "task/task_info.hpp"
#include "worker/thread_state.hpp"

namespace narke::detail {

using internal::actor_registry;

void add_handle(actor_core& actor) noexcept {
  actor.add_handle();
}
void release_handle(actor_core& actor) noexcept {
  if (!internal::is_forked_child()) {
    actor.release_handle();
  }
}

namespace {

void check_concurrency_groups(const actor_options& options) {
  double all = options.max_concurrency;
  for (const auto& [name, limit] : options.concurrency_groups) {
    if (name.empty()) {
      throw std::invalid_argument{
          "narke::actor: concurrency_groups: a group without a name; give each one a name"};
    }
    internal::check_whole(fmt::format("concurrency_groups[\"{}\"]", name), limit, 1, 10'000);
    all += limit;
  }
  if (options.concurrency_groups.size() > 1'000 || all > 100'000) {
    throw std::invalid_argument{fmt::format(
        "narke::actor: concurrency_groups: {} groups for {} methods at once; there may be 1,000 "
        "groups, and 100,000 methods with max_concurrency",
        options.concurrency_groups.size(), all)};
  }
}

// Its process makes one call at a time.
void check_isolation(const actor_options& options) {
  if (options.max_concurrency != 1 || !options.concurrency_groups.empty()) {
    throw std::invalid_argument{fmt::format(
        "narke::actor: isolation: an actor with isolation::process runs one method at a time, and "
        "max_concurrency is {} with {} concurrency_groups. Leave them at 1 and none, make several "
        "actors, or leave isolation at isolation::thread",
        double{options.max_concurrency}, options.concurrency_groups.size())};
  }
}

}  // namespace

void check_actor_options(const actor_options& options) {
  static_cast<void>(internal::request_from(options, 0));
  internal::check_whole("max_concurrency", options.max_concurrency, 1, 10'000);
  internal::check_whole("max_restarts", options.max_restarts, -1, 1e9);
  internal::check_whole("max_task_retries", options.max_task_retries, -1, 1e9);
  internal::check_whole("max_pending_calls", options.max_pending_calls, -1, 1e9);
  if (options.get_if_exists && options.name.empty()) {
    throw std::invalid_argument{"narke::actor: get_if_exists: it needs a name to look for"};
  }
  if (options.max_pending_calls == 0) {
    throw std::invalid_argument{
        "narke::actor: max_pending_calls: 0 would take no call; -1 means without a limit"};
  }
  check_concurrency_groups(options);
  if (options.scheduling != scheduling::automatic() &&
      options.scheduling.kind() != scheduling::wish::bundle) {
    internal::throw_not_there_yet("scheduling", "other than automatic() and bundle()",
                                  "leave it at scheduling::automatic()");
  }
  if (options.isolation == isolation::process) {
    check_isolation(options);
  }
}

made_actor make_or_find_actor(const actor_options& options, const std::type_info& type) {
  if (options.get_if_exists) {
    if (actor_core* living = actor_registry::find(options.name, type)) {
      return {living, false};
    }
  }
  internal::check_feasible(
      internal::request_from(options, 0),
      options.name.empty() ? "the actor" : fmt::format("actor '{}'", options.name));
  const auto release = [](actor_core* unused) { unused->release_ref(); };
  std::unique_ptr<actor_core, decltype(release)> actor{new actor_core{options, type}, release};
  while (!actor_registry::try_add(*actor)) {
    actor_core* living = options.get_if_exists ? actor_registry::find(options.name, type) : nullptr;
    if (living == nullptr && options.get_if_exists) {
      continue;  // it died meanwhile
    }
    if (living != nullptr) {
      return {living, false};
    }
    throw std::invalid_argument{
        fmt::format("narke::actor: name: an actor '{}' is there already. Take another name, "
                    "get_actor<T>(\"{}\"), or .get_if_exists = true",
                    options.name, options.name)};
  }
  return {actor.release(), true};
}

actor_core* find_actor(const std::string& name, const std::type_info& type) {
  internal::ensure_running("get_actor");
  if (actor_core* found = actor_registry::find(name, type)) {
    return found;
  }
  throw actor_not_found{
      fmt::format("narke::get_actor: there is no living actor '{}'. Make it by actor<T>({{.name = "
                  "\"{}\"}}).remote(…), and keep a "
                  "handle or make it detached",
                  name, name)};
}

void submit_constructor(actor_core& actor, task_node& node) noexcept {
  actor.submit_constructor(node);
}
void submit_call(actor_core& actor, task_node& node) noexcept {
  actor.submit_call(node);
}
void kill_actor(actor_core& actor) {
  internal::refuse_in_forked_child("kill");
  actor.die(death::killed);
}
void set_actor_state(actor_core& actor, void* state, void (*destroy)(void*) noexcept) noexcept {
  actor.set_state(state, destroy);
}
void* actor_state(const actor_core& actor) noexcept {
  return actor.state();
}
bool is_isolated(const actor_core& actor) noexcept {
  return actor.is_isolated();
}

const task_info* check_can_call(actor_core& actor, const method_settings& settings,
                                bool is_repeatable) {
  internal::ensure_running("task");
  const task_info* own = settings.info.get();
  const task_info* info = own != nullptr ? own : actor.info_of_calls();
  if (info != nullptr && !is_repeatable && info->rules() != nullptr) {
    throw std::invalid_argument{fmt::format(
        "narke: max_task_retries: one of the method's parameters takes a move-only value or an "
        "array_builder, which cannot be given to {} a second time. Take const T&, or call the "
        "method with .options({{.max_task_retries = 0}})",
        actor.display_name())};
  }
  actor.reserve_call();
  return info;
}
void give_back_call(actor_core& actor) noexcept {
  actor.give_back_call();
}
method_settings settings_for_method(const actor_core& actor, const call_options& options) {
  return {actor.settings_for(options), internal::stream_buffer_from(options.stream_buffer),
          actor.info_for(options)};
}
void keep_constructor(actor_core& actor,
                      std::unique_ptr<const constructor_source> source) noexcept {
  actor.keep_constructor(std::move(source));
}

void throw_cannot_restart(const actor_options& options) {
  throw std::invalid_argument{fmt::format(
      "narke::actor: max_restarts: {}{}, but its constructor takes an argument that cannot be "
      "copied, so it could be called only once. Leave max_restarts at 0, or give it arguments that "
      "can be copied, such as a std::shared_ptr",
      double{options.max_restarts},
      options.name.empty() ? std::string{} : fmt::format(" of actor '{}'", options.name))};
}

actor_core& this_actor_core(const char* call) {
  const internal::execution* current = internal::this_thread_state.current;
  if (current == nullptr || current->node->lane != task_lane::actor_call) {
    throw error{fmt::format(
        "narke::this_actor::{}: no method of an actor runs here. A task that a method submits is "
        "not part of the actor: return what it found, and call this in the method",
        call)};
  }
  if (current->node->lane_data == nullptr) {
    throw error{fmt::format(
        "narke::this_actor::{}: the actor has a process of its own, and its handles are in the one "
        "that made it. Call its other methods as the functions that they are",
        call)};
  }
  return *static_cast<actor_core*>(current->node->lane_data);
}

actor_core* this_actor_handle(const std::type_info& type) {
  actor_core& actor = this_actor_core("handle");
  if (actor.type() != std::type_index{type}) {
    throw std::invalid_argument{
        fmt::format("narke::this_actor::handle: {} is of another class than the one asked for",
                    actor.display_name())};
  }
  if (!actor.try_add_handle()) {
    throw error{
        fmt::format("narke::this_actor::handle: the last handle of {} is gone, and it ends after "
                    "the calls already made",
                    actor.display_name())};
  }
  return &actor;
}

void throw_empty_handle(const char* call) {
  throw std::invalid_argument{
      fmt::format("narke::{}: the actor_handle is empty. It was default-constructed or moved from; "
                  "make an actor by "
                  "actor<T>().remote(…)",
                  call)};
}

}  // namespace narke::detail

namespace narke::this_actor {

namespace {

using internal::actor_here;
using internal::actor_leaving;

[[noreturn]] void leave(detail::actor_core& actor, detail::death why,
                        const std::exception_ptr& cause, const std::exception_ptr& thrown) {
  actor.leave_by({internal::this_thread_state.current->node, why, cause, thrown});
  std::rethrow_exception(thrown);
}

// In the process of an actor with isolation::process, what that knows of it; else null.
actor_here* find_actor_here() noexcept {
  const internal::execution* current = internal::this_thread_state.current;
  const bool is_here = current != nullptr && current->node->lane == detail::task_lane::actor_call &&
                       current->node->lane_data == nullptr;
  return is_here ? &actor_here::instance() : nullptr;
}

}  // namespace

void end() {
  if (actor_here* here = find_actor_here()) {
    here->leave(
        actor_leaving::end, {},
        std::make_exception_ptr(actor_died_error{"narke::this_actor::end: the actor ends"}));
  }
  detail::actor_core& actor = detail::this_actor_core("end");
  leave(actor, detail::death::exited, nullptr, actor.error_of(detail::death::exited, nullptr));
}

void fail(const std::string& reason) {
  if (actor_here* here = find_actor_here()) {
    here->leave(actor_leaving::lost, reason, std::make_exception_ptr(actor_died_error{reason}));
  }
  detail::actor_core& actor = detail::this_actor_core("fail");
  const auto cause = std::make_exception_ptr(error{reason});
  leave(actor, detail::death::lost, cause, actor.error_of_lost_call(reason, cause));
}

std::string name() {
  if (const actor_here* here = find_actor_here()) {
    return here->name;
  }
  return detail::this_actor_core("name").name();
}
int restarts() {
  if (const actor_here* here = find_actor_here()) {
    return here->restarts;
  }
  return detail::this_actor_core("restarts").restarts();
}

}  // namespace narke::this_actor
