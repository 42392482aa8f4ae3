// The names of types as people write them.
#pragma once

#include <string>
#include <typeinfo>

namespace narke::internal {

std::string type_name(const std::type_info& type);

}  // namespace narke::internal
