#include "base/type_name.hpp"

#include <cxxabi.h>

#include <cstdlib>
#include <memory>

namespace narke::internal {

std::string type_name(const std::type_info& type) {
  int failed = 0;
  const std::unique_ptr<char, void (*)(void*)> readable{
      abi::__cxa_demangle(type.name(), nullptr, nullptr, &failed), std::free};
  return readable != nullptr ? readable.get() : type.name();
}

}  // namespace narke::internal
