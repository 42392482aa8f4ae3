// Files that are whole or not there: written under another name in the same folder, flushed to the
// disk, then renamed.
#pragma once

#include <filesystem>
#include <functional>
#include <stdexcept>
#include <string_view>

namespace demo {

/// A file or folder that could not be written; the message names it and says why.
class output_error : public std::runtime_error {
 public:
  using std::runtime_error::runtime_error;
};

/// Makes the folder where it is missing, and finds out that files can be made in it. Throws
/// `output_error`.
void prepare_folder(const std::filesystem::path& folder);

/// Throws `output_error`; what stood at `file` before is then still there.
void write_file(const std::filesystem::path& file, std::string_view bytes);

/// The same for bytes that `produce` writes into the file it is given.
void write_file(const std::filesystem::path& file,
                const std::function<void(const std::filesystem::path&)>& produce);

}  // namespace demo
