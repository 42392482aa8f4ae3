// What tests see of worker processes: memory that is shared with them, and which of them live.
#pragma once

#include <gtest/gtest.h>

#include <fcntl.h>
#include <sys/mman.h>
#include <unistd.h>

#include <atomic>
#include <cstddef>
#include <filesystem>
#include <fstream>
#include <sstream>
#include <string>
#include <vector>

#include <support/gate.hpp>

namespace narke_test {

/// Memory that workers see too: a file without a name, opened through /proc by this process's id.
class shared_counts {
 public:
  explicit shared_counts(std::size_t count)
      : file_{::memfd_create("counts", 0)}, bytes_{count * sizeof(std::atomic<int>)} {
    EXPECT_EQ(::ftruncate(file_, static_cast<off_t>(bytes_)), 0);
    counts_ = map(path(), bytes_);
  }
  shared_counts(const shared_counts&) = delete;
  shared_counts& operator=(const shared_counts&) = delete;
  ~shared_counts() {
    ::munmap(counts_, bytes_);
    ::close(file_);
  }
  std::atomic<int>& operator[](std::size_t i) { return counts_[i]; }
  std::string path() const {
    return "/proc/" + std::to_string(::getpid()) + "/fd/" + std::to_string(file_);
  }

  /// In a worker. Returns the count after it.
  static int add_one(const std::string& path, std::size_t i) {
    const std::size_t bytes = (i + 1) * sizeof(std::atomic<int>);
    std::atomic<int>* counts = map(path, bytes);
    const int after = ++counts[i];
    ::munmap(counts, bytes);
    return after;
  }
  static void set(const std::string& path, std::size_t i, int value) {
    const std::size_t bytes = (i + 1) * sizeof(std::atomic<int>);
    std::atomic<int>* counts = map(path, bytes);
    counts[i] = value;
    ::munmap(counts, bytes);
  }
  static void wait_for_one(const std::string& path, std::size_t i) {
    const std::size_t bytes = (i + 1) * sizeof(std::atomic<int>);
    std::atomic<int>* counts = map(path, bytes);
    eventually([&] { return counts[i] != 0; });
    ::munmap(counts, bytes);
  }

 private:
  static std::atomic<int>* map(const std::string& path, std::size_t bytes) {
    const int file = ::open(path.c_str(), O_RDWR | O_CLOEXEC);
    void* at = ::mmap(nullptr, bytes, PROT_READ | PROT_WRITE, MAP_SHARED, file, 0);
    ::close(file);
    return static_cast<std::atomic<int>*>(at);
  }

  int file_;
  std::size_t bytes_;
  std::atomic<int>* counts_ = nullptr;
};

/// The processes that this one has started, and that are not reaped.
inline std::vector<pid_t> children() {
  std::vector<pid_t> all;
  for (const auto& task : std::filesystem::directory_iterator{"/proc/self/task"}) {
    std::ifstream file{task.path() / "children"};
    for (pid_t each = 0; file >> each;) all.push_back(each);
  }
  return all;
}

/// Whether a process is there, and not only its exit code.
inline bool is_running(pid_t process) {
  std::ifstream file{"/proc/" + std::to_string(process) + "/stat"};
  std::stringstream text;
  text << file.rdbuf();
  const std::string all = text.str();
  const std::size_t end = all.rfind(')');
  return end != std::string::npos && end + 2 < all.size() && all[end + 2] != 'Z';
}

inline int own_process() { return static_cast<int>(::getpid()); }

}  // namespace narke_test
