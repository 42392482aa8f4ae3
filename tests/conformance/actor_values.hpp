// What tests ask of calls of actors that died.
#pragma once

#include <narke/narke.hpp>

#include <exception>
#include <string>

#include <support/values.hpp>

namespace narke_test {

/// What the actor of a call that fails died of: the message of the cause, which is an E; "none"
/// when there is no cause, "not dead" when the call did not fail so.
template <class E = narke::error, class T>
std::string cause_of(const narke::object_ref<T>& ref) {
  try {
    narke::get(ref);
  } catch (const narke::actor_died_error& died) {
    if (!died.cause()) return "none";
    return message_of<E>([&] { std::rethrow_exception(died.cause()); });
  }
  return "not dead";
}

}  // namespace narke_test
