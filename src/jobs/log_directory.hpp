// Where the jobs' output goes: a directory for this user only, two files for each attempt of a job.
// No file is ever overwritten. Owned by one thread.
#pragma once

#include <string>

#include "jobs/job.hpp"

namespace narke::internal {

/// An open file that is closed when it goes.
class owned_descriptor {
 public:
  owned_descriptor() = default;
  explicit owned_descriptor(int descriptor) : descriptor_{descriptor} {}
  ~owned_descriptor();
  owned_descriptor(owned_descriptor&& other) noexcept;
  owned_descriptor& operator=(owned_descriptor&& other) noexcept;

  [[nodiscard]] int get() const { return descriptor_; }

 private:
  int descriptor_ = -1;
};

/// Where one attempt writes.
struct attempt_logs {
  owned_descriptor output;
  owned_descriptor errors;
  std::string output_path;  ///< as the user can open it
  std::string errors_path;
};

class log_directory {
 public:
  /// Makes it (rights 0700) or takes one that is there: throws narke::error when it is not ours
  /// alone, is a symbolic link or no directory, or cannot be made.
  explicit log_directory(std::string path);

  /// New files (rights 0600), "3-train.out" and "3-train.err", or "3-train.2.out" where there are
  /// some already. Throws narke::error that names the file, when there is no room for example.
  attempt_logs open_for(const job& of);

  [[nodiscard]] const std::string& path() const { return path_; }
  [[nodiscard]] int descriptor() const { return directory_.get(); }

 private:
  int create(const std::string& name);

  std::string path_;
  owned_descriptor directory_;
};

/// Renames a directory to the first of "path.1", "path.2" … that is free, and returns that name.
/// Throws narke::error when it cannot be.
std::string set_aside(const std::string& path);

}  // namespace narke::internal
