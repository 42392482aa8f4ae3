// Options as the environment gives them, as text. Pure functions; what is wrong is a
// std::invalid_argument that names the variable and the text.
#pragma once

#include <map>
#include <string>
#include <string_view>

namespace narke::internal {

/// The whole text as a number: "2", "0.5", "1e9".
double number_from(std::string_view text, std::string_view name);

/// "1" and "true", "0" and "false".
bool flag_from(std::string_view text, std::string_view name);

/// "license=2,fpga=1", each name once.
std::map<std::string, double> amounts_from(std::string_view text, std::string_view name);

}  // namespace narke::internal
