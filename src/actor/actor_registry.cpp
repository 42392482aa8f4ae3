#include <map>
#include <mutex>
#include <set>
#include <stdexcept>

#include <fmt/format.h>

#include <narke/errors.hpp>

#include "actor/actor_core.hpp"

namespace narke::internal {

namespace {

struct registry_state {
  std::mutex mutex;
  std::set<detail::actor_core*> all;                 // guarded by mutex; each keeps a reference
  std::map<std::string, detail::actor_core*> names;  // guarded by mutex; living actors only
};

registry_state& registry() {
  // Never destroyed: handles may be let go while static objects go.
  static auto* state = new registry_state;
  return *state;
}

}  // namespace

bool actor_registry::try_add(detail::actor_core& actor) {
  registry_state& state = registry();
  const std::lock_guard lock{state.mutex};
  std::set<detail::actor_core*> added{&actor};  // what may throw comes before what is seen
  if (!actor.name().empty()) {
    const auto at = state.names.try_emplace(actor.name(), &actor).first;
    // One that is about to free its name has lost it.
    if (at->second != &actor && at->second->is_alive() && at->second->has_handles()) {
      return false;
    }
    at->second = &actor;
  }
  actor.add_ref();
  state.all.merge(added);
  return true;
}

void actor_registry::free_name(detail::actor_core& actor) noexcept {
  registry_state& state = registry();
  const std::lock_guard lock{state.mutex};
  const auto found = state.names.find(actor.name());
  if (found != state.names.end() && found->second == &actor) {
    state.names.erase(found);
  }
}

void actor_registry::remove(detail::actor_core& actor) noexcept {
  registry_state& state = registry();
  {
    const std::lock_guard lock{state.mutex};
    if (state.all.erase(&actor) == 0) {
      return;
    }
  }
  actor.release_ref();
}

detail::actor_core* actor_registry::find(const std::string& name, const std::type_info& type) {
  registry_state& state = registry();
  const std::lock_guard lock{state.mutex};
  const auto found = state.names.find(name);
  if (found == state.names.end() || !found->second->is_alive()) {
    return nullptr;
  }
  if (found->second->type() != std::type_index{type}) {
    throw std::invalid_argument{
        fmt::format("narke: actor '{}' is of another type than the one asked for; name the type it "
                    "was made with",
                    name)};
  }
  return found->second->try_add_handle() ? found->second : nullptr;
}

void actor_registry::end_all() noexcept {
  registry_state& state = registry();
  for (;;) {
    detail::actor_core* actor = nullptr;
    {
      const std::lock_guard lock{state.mutex};
      if (state.all.empty()) {
        return;
      }
      actor = *state.all.begin();
      actor->add_ref();
    }
    actor->die(detail::death::shutdown);
    remove(*actor);
    actor->release_ref();
  }
}

std::size_t actor_registry::count() noexcept {
  registry_state& state = registry();
  const std::lock_guard lock{state.mutex};
  return state.all.size();
}

}  // namespace narke::internal
