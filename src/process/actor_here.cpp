#include "process/actor_here.hpp"

#include <utility>

#include <narke/detail/isolated_actor.hpp>

#include "process/code_location.hpp"

namespace narke::internal {

actor_here& actor_here::instance() noexcept {
  // Never destroyed: static objects of the program may go before it.
  static auto* here = new actor_here;
  return *here;
}

void actor_here::leave(actor_leaving how, std::string why, const std::exception_ptr& by) {
  if (leaving == actor_leaving::not_at_all) {
    leaving = how;
    reason = std::move(why);
  }
  thrown = by;
  std::rethrow_exception(by);
}

void actor_here::destroy_state() noexcept {
  if (state != nullptr) {
    destroy(std::exchange(state, nullptr));
  }
}

}  // namespace narke::internal

namespace narke::detail {

void set_state_here(void* state, void (*destroy)(void*) noexcept) noexcept {
  internal::actor_here& here = internal::actor_here::instance();
  here.state = state;
  here.destroy = destroy;
}

void* state_here() noexcept {
  return internal::actor_here::instance().state;
}

namespace {

// Where a pointer to a virtual member function says that it is one, and not an address: by the ABI
// of C++ on each machine.
#if defined(__aarch64__) || defined(__arm__)
bool is_virtual(const method_words& words) noexcept {
  return (words.adjustment & 1) != 0;
}
#else
bool is_virtual(const method_words& words) noexcept {
  return (words.function & 1) != 0;
}
#endif

}  // namespace

void write_method(message_writer& to, const method_words& words) {
  const bool is_offset = is_virtual(words);  // in the table of the class: the same there
  to.write(is_offset);
  to.write(static_cast<std::int64_t>(words.adjustment));
  if (is_offset) {
    to.write(static_cast<std::uint64_t>(words.function));
  } else {
    to.write(internal::locate(reinterpret_cast<code_address>(words.function)));
  }
}

method_words read_method(message_reader& from) {
  const bool is_offset = from.read<bool>();
  method_words words;
  words.adjustment = static_cast<std::ptrdiff_t>(from.read<std::int64_t>());
  words.function =
      is_offset
          ? static_cast<std::uintptr_t>(from.read<std::uint64_t>())
          : reinterpret_cast<std::uintptr_t>(internal::find(from.read<internal::code_location>()));
  return words;
}

}  // namespace narke::detail
