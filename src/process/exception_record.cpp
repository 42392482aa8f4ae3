#include "process/exception_record.hpp"

#include <cxxabi.h>

#include <any>
#include <array>
#include <cstdint>
#include <functional>
#include <new>
#include <optional>
#include <stdexcept>
#include <string>
#include <string_view>
#include <system_error>
#include <typeinfo>
#include <variant>

#include <fmt/format.h>

#include <narke/errors.hpp>

#include "base/type_name.hpp"
#include "process/message.hpp"

namespace narke::internal {

namespace {

// A type that is made again from its text alone.
struct known_exception {
  const char* name;
  const std::type_info& type;
  std::exception_ptr (*make)(const std::string& what);
};

template <class E>
known_exception from_text(const char* name) {
  return {name, typeid(E),
          [](const std::string& what) { return std::make_exception_ptr(E{what}); }};
}
template <class E>
known_exception without_text(const char* name) {
  return {name, typeid(E), [](const std::string&) { return std::make_exception_ptr(E{}); }};
}

const auto& known_exceptions() {
#define NARKE_FROM_TEXT(TYPE) from_text<TYPE>(#TYPE)
#define NARKE_WITHOUT_TEXT(TYPE) without_text<TYPE>(#TYPE)
  static const std::array all{
      NARKE_FROM_TEXT(std::logic_error),
      NARKE_FROM_TEXT(std::invalid_argument),
      NARKE_FROM_TEXT(std::domain_error),
      NARKE_FROM_TEXT(std::length_error),
      NARKE_FROM_TEXT(std::out_of_range),
      NARKE_FROM_TEXT(std::runtime_error),
      NARKE_FROM_TEXT(std::range_error),
      NARKE_FROM_TEXT(std::overflow_error),
      NARKE_FROM_TEXT(std::underflow_error),
      NARKE_WITHOUT_TEXT(std::bad_alloc),
      NARKE_WITHOUT_TEXT(std::bad_array_new_length),
      NARKE_WITHOUT_TEXT(std::bad_cast),
      NARKE_WITHOUT_TEXT(std::bad_typeid),
      NARKE_WITHOUT_TEXT(std::bad_any_cast),
      NARKE_WITHOUT_TEXT(std::bad_exception),
      NARKE_WITHOUT_TEXT(std::bad_function_call),
      NARKE_WITHOUT_TEXT(std::bad_optional_access),
      NARKE_WITHOUT_TEXT(std::bad_variant_access),
      NARKE_WITHOUT_TEXT(std::bad_weak_ptr),
      NARKE_WITHOUT_TEXT(std::exception),
      NARKE_FROM_TEXT(narke::error),
      NARKE_FROM_TEXT(narke::already_initialized),
      NARKE_FROM_TEXT(narke::infeasible_request),
      NARKE_FROM_TEXT(narke::get_timeout_error),
      NARKE_FROM_TEXT(narke::task_timeout_error),
      NARKE_FROM_TEXT(narke::task_cancelled_error),
      NARKE_FROM_TEXT(narke::actor_died_error),
      NARKE_FROM_TEXT(narke::actor_not_found),
      NARKE_FROM_TEXT(narke::worker_crashed_error),
      NARKE_FROM_TEXT(narke::object_store_full_error),
      NARKE_FROM_TEXT(narke::object_lost_error),
      NARKE_FROM_TEXT(narke::out_of_device_memory),
      NARKE_FROM_TEXT(narke::device_lost_error),
      NARKE_FROM_TEXT(narke::deadlock_error),
      NARKE_FROM_TEXT(narke::fork_error),
  };
#undef NARKE_FROM_TEXT
#undef NARKE_WITHOUT_TEXT
  return all;
}

constexpr std::string_view system_error_name = "std::system_error";

struct record {
  std::string name;
  std::string what;
  bool is_known = false;
  std::int32_t code = 0;  // of a system_error
  std::string category;
};

// A user's what() may return null. It cannot throw: what() is noexcept.
std::string text_of(const std::exception& thrown) {
  const char* what = thrown.what();
  return what != nullptr ? what : "";
}

// A system_error's text begins with what it was made from, and ends with the text of its code.
std::string without_code_text(const std::system_error& thrown) {
  std::string what = text_of(thrown);
  const std::string of_code = thrown.code().message();
  if (what == of_code) {
    return {};
  }
  const std::string end = ": " + of_code;
  if (what.ends_with(end)) {
    what.resize(what.size() - end.size());
  }
  return what;
}

record record_of(const std::exception_ptr& thrown) {
  try {
    std::rethrow_exception(thrown);
  } catch (const std::exception& caught) {
    const std::type_info& type = typeid(caught);
    for (const known_exception& each : known_exceptions()) {
      if (each.type == type) {
        return {each.name, text_of(caught), true, 0, {}};
      }
    }
    if (type == typeid(std::system_error)) {
      const auto& of_system = static_cast<const std::system_error&>(caught);
      const std::error_code code = of_system.code();
      return {std::string{system_error_name}, without_code_text(of_system), true, code.value(),
              code.category().name()};
    }
    return {type_name(type), text_of(caught), false, 0, {}};
  } catch (...) {
    const std::type_info* type = abi::__cxa_current_exception_type();
    return {type != nullptr ? type_name(*type) : "an unknown type", {}, false, 0, {}};
  }
}

std::exception_ptr unknown(const std::string& name, const std::string& what) {
  const std::string text = what.empty() ? std::string{} : ": " + what;
  return std::make_exception_ptr(error{fmt::format("an isolated task threw {}{}", name, text)});
}

const std::error_category* category_named(std::string_view name) {
  for (const std::error_category* each : {&std::generic_category(), &std::system_category()}) {
    if (name == each->name()) {
      return each;
    }
  }
  return nullptr;
}

}  // namespace

void write_exception(message_writer& to, const std::exception_ptr& thrown) {
  const record written = record_of(thrown);
  to.write(written.name);
  to.write(written.what);
  to.write(written.is_known);
  to.write(written.code);
  to.write(written.category);
}

std::exception_ptr read_exception(message_reader& from) {
  const auto name = from.read<std::string>();
  const auto what = from.read<std::string>();
  const bool is_known = from.read<bool>();
  const auto code = from.read<std::int32_t>();
  const auto category = from.read<std::string>();
  if (is_known && name == system_error_name) {
    if (const std::error_category* its = category_named(category)) {
      return std::make_exception_ptr(what.empty()
                                         ? std::system_error{std::error_code{code, *its}}
                                         : std::system_error{std::error_code{code, *its}, what});
    }
    return unknown(name, fmt::format("{} ({} {})", what, category, code));
  }
  for (const known_exception& each : known_exceptions()) {
    if (is_known && name == each.name) {
      return each.make(what);
    }
  }
  return unknown(name, what);
}

}  // namespace narke::internal
