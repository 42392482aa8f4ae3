// Whether a JSON text keeps one of the schemas in docs/, asked of python3-jsonschema.
#pragma once

#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <string>

#include <unistd.h>

namespace narke::internal::testing {

/// Says what is wrong on standard error. `schema` is the file's name in docs/.
inline bool keeps_schema(const std::string& schema, const std::string& text) {
  namespace fs = std::filesystem;
  std::string pattern = (fs::temp_directory_path() / "narke-schema-XXXXXX").string();
  const fs::path directory = ::mkdtemp(pattern.data());
  const std::string file = (directory / "document.json").string();
  std::ofstream{file} << text;
  const std::string validate = "'" NARKE_PYTHON "' '" NARKE_VALIDATOR "' '" NARKE_DOCS_DIR "/";
  const std::string command = validate + schema + "' '" + file + "'";
  const int status = std::system(command.c_str());
  fs::remove_all(directory);
  return status == 0;
}

}  // namespace narke::internal::testing
