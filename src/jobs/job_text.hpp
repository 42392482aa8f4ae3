// Commands and names as text for file names, state files and people. Pure functions.
#pragma once

#include <span>
#include <string>
#include <string_view>

namespace narke::internal {

/// The text with every byte that is no printable ASCII as \xHH and every backslash doubled: two
/// texts are the same when their escaped forms are.
std::string escaped_text(std::string_view text);

/// A name that is safe as part of a file name: letters, digits, '.', '_' and '-', at most 48 of
/// them, not beginning with a dot or a dash; everything else becomes '_'. "job" when nothing is
/// left.
std::string safe_file_name(std::string_view name);

/// What a job without a name is called: the program of its command, without the folder and without
/// variables set before it. "python3" for "CUDA_LAUNCH_BLOCKING=1 /usr/bin/python3 train.py".
std::string program_name(std::string_view command);

/// A list of arguments as a shell would have to be given it.
std::string shell_quoted(std::span<const std::string> arguments);

}  // namespace narke::internal
