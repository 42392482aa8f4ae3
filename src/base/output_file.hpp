// A file that appears whole or not at all: written beside its name, renamed over it by `commit`.
// A name that is not a regular file (a device, a pipe) is written to directly. Owned by one thread.
#pragma once

#include <string>
#include <string_view>

namespace narke::internal {

class output_file {
 public:
  /// Throws narke::error that names the file, as every member does when something goes wrong.
  explicit output_file(std::string path);
  /// Without `commit`: nothing is left of it.
  ~output_file();
  output_file(const output_file&) = delete;
  output_file& operator=(const output_file&) = delete;

  void write(std::string_view text);
  /// Flushes, closes and gives the file its name. Call once, last.
  void commit();

 private:
  void flush();
  void open_directly();
  void open_beside();
  void discard() noexcept;
  [[noreturn]] void fail(const char* what, int error_number);

  std::string path_;
  std::string temporary_path_;  ///< empty: path_ is written directly
  std::string buffer_;
  int descriptor_ = -1;
};

/// The whole text as one file.
void write_file(const std::string& path, std::string_view text);

}  // namespace narke::internal
