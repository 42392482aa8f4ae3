#include "output.hpp"

#include <cerrno>
#include <cstring>
#include <string>
#include <system_error>

#include <fcntl.h>
#include <unistd.h>

#include <fmt/format.h>

namespace demo {
namespace {

namespace fs = std::filesystem;

class file_descriptor {
 public:
  file_descriptor(const fs::path& file, int flags)
      : number_{::open(file.c_str(), flags | O_CLOEXEC, 0644)} {
    if (number_ < 0) throw std::system_error{errno, std::generic_category()};
  }
  file_descriptor(const file_descriptor&) = delete;
  file_descriptor& operator=(const file_descriptor&) = delete;
  ~file_descriptor() {
    if (number_ >= 0) ::close(number_);
  }

  void write_all(std::string_view bytes) const {
    while (!bytes.empty()) {
      const ssize_t written = ::write(number_, bytes.data(), bytes.size());
      if (written < 0 && errno == EINTR) continue;
      if (written < 0) throw std::system_error{errno, std::generic_category()};
      bytes.remove_prefix(std::size_t(written));
    }
  }

  /// Some file systems tell only here that the disk is full.
  void flush_and_close() {
    if (::fsync(number_) != 0 && errno != EINVAL && errno != EROFS) {
      throw std::system_error{errno, std::generic_category()};
    }
    const int closed = ::close(number_);
    number_ = -1;
    if (closed != 0) throw std::system_error{errno, std::generic_category()};
  }

 private:
  int number_;
};

fs::path partial_name(const fs::path& file) {
  return file.parent_path() / fmt::format(".{}.partial-{}", file.filename().string(), ::getpid());
}

/// Removes the partial file unless it was renamed away.
class partial_file {
 public:
  explicit partial_file(const fs::path& file) : path_{partial_name(file)} {}
  partial_file(const partial_file&) = delete;
  partial_file& operator=(const partial_file&) = delete;
  ~partial_file() {
    std::error_code ignored;
    fs::remove(path_, ignored);
  }

  [[nodiscard]] const fs::path& path() const { return path_; }

 private:
  fs::path path_;
};

void write_bytes(const fs::path& file, std::string_view bytes) {
  file_descriptor stream{file, O_WRONLY | O_CREAT | O_TRUNC};
  stream.write_all(bytes);
  stream.flush_and_close();
}

[[noreturn]] void fail(const fs::path& file, std::string_view why) {
  throw output_error{fmt::format("cannot write '{}': {}", file.string(), why)};
}

}  // namespace

void prepare_folder(const fs::path& folder) {
  try {
    fs::create_directories(folder);
    if (!fs::is_directory(folder)) fail(folder, "it is not a folder");
    const partial_file probe{folder / "probe"};
    write_bytes(probe.path(), "probe\n");
  } catch (const std::system_error& error) {
    fail(folder, error.code().message());
  }
}

void write_file(const fs::path& file, std::string_view bytes) {
  write_file(file, [bytes](const fs::path& partial) { write_bytes(partial, bytes); });
}

void write_file(const fs::path& file, const std::function<void(const fs::path&)>& produce) {
  const partial_file partial{file};
  try {
    produce(partial.path());
    file_descriptor{partial.path(), O_RDONLY}.flush_and_close();
    fs::rename(partial.path(), file);
  } catch (const std::system_error& error) {
    fail(file, error.code().message());
  } catch (const std::exception& error) {
    fail(file, error.what());
  }
}

}  // namespace demo
