#include <limits>
#include <stdexcept>

#include <fmt/format.h>

#include <narke/actor.hpp>
#include <narke/errors.hpp>

#include "actor/actor_core.hpp"
#include "runtime/engine.hpp"
#include "task/task_info.hpp"

namespace narke::detail {

using internal::actor_registry;

void add_handle(actor_core& actor) noexcept {
  actor.add_handle();
}
void release_handle(actor_core& actor) noexcept {
  actor.release_handle();
}

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
  const auto refuse = [](const char* field, double value, const char* instead) {
    internal::throw_not_there_yet(field, fmt::format("{}", value), instead);
  };
  if (options.max_restarts != 0) {
    refuse("max_restarts", options.max_restarts,
           "make another actor when get throws actor_died_error");
  }
  if (options.max_task_retries != 0) {
    refuse("max_task_retries", options.max_task_retries, "call the method again when get throws");
  }
  if (options.max_pending_calls != -1) {
    refuse("max_pending_calls", options.max_pending_calls, "bound the calls by narke::wait");
  }
  if (options.isolation != isolation::thread) {
    internal::throw_not_there_yet("isolation", "isolation::process",
                                  "leave it at isolation::thread");
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
  auto* actor = new actor_core{options, type};
  while (!actor_registry::try_add(*actor)) {
    actor_core* living = options.get_if_exists ? actor_registry::find(options.name, type) : nullptr;
    if (living == nullptr && options.get_if_exists) {
      continue;  // it died meanwhile
    }
    actor->release_ref();
    if (living != nullptr) {
      return {living, false};
    }
    throw std::invalid_argument{
        fmt::format("narke::actor: name: an actor '{}' is there already. Take another name, "
                    "get_actor<T>(\"{}\"), or .get_if_exists = true",
                    options.name, options.name)};
  }
  return {actor, true};
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
  actor.die(nullptr);
}
void set_actor_state(actor_core& actor, void* state, void (*destroy)(void*) noexcept) noexcept {
  actor.set_state(state, destroy);
}
void* actor_state(const actor_core& actor) noexcept {
  return actor.state();
}

void throw_empty_handle(const char* call) {
  throw std::invalid_argument{
      fmt::format("narke::{}: the actor_handle is empty. It was default-constructed or moved from; "
                  "make an actor by "
                  "actor<T>().remote(…)",
                  call)};
}

}  // namespace narke::detail
