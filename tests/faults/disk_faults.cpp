#include "faults/disk_faults.hpp"

#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <atomic>
#include <cerrno>
#include <cstddef>
#include <cstdio>
#include <cstdlib>
#include <cstring>

namespace {

using narke_test::disk_call;

std::atomic<disk_call> broken{disk_call::none};
std::atomic<int> error_of_broken{0};
std::atomic<int> first_broken{0};
std::atomic<int> calls{0};

// Whether this call is the n-th, or one after it. `is_only`: the n-th alone.
bool is_hit(disk_call call, bool is_only) {
  if (broken.load() != call) {
    return false;
  }
  const int number = ++calls;
  return is_only ? number == first_broken : number >= first_broken;
}

bool is_regular(int file) {
  struct stat status {};
  return ::fstat(file, &status) == 0 && S_ISREG(status.st_mode);
}

template <class Write>
ssize_t write_or_fail(int file, std::size_t bytes, Write&& really_write) {
  const int error = error_of_broken;
  if (is_regular(file) && is_hit(disk_call::write, error == 0)) {
    if (error == 0) {
      return really_write(bytes > 1 ? bytes / 2 : bytes);
    }
    errno = error;
    return -1;
  }
  return really_write(bytes);
}

// By LD_PRELOAD: as the environment says.
[[gnu::constructor]] void read_environment() {
  const char* text = std::getenv("NARKE_TEST_DISK_FAULT");
  int error = 0;
  int nth = 0;
  char call[16] = {};
  if (text != nullptr && std::sscanf(text, "%15[a-z]:%d:%d", call, &error, &nth) == 3) {
    const bool is_rename = std::strcmp(call, "rename") == 0;
    narke_test::break_disk(is_rename ? disk_call::rename : disk_call::write, error, nth);
  }
}

}  // namespace

extern "C" {

__attribute__((visibility("default"))) ssize_t write(int file, const void* data,
                                                     std::size_t bytes) {
  return write_or_fail(file, bytes,
                       [=](std::size_t most) { return ::syscall(SYS_write, file, data, most); });
}

__attribute__((visibility("default"))) ssize_t pwrite(int file, const void* data, std::size_t bytes,
                                                      off_t at) {
  return write_or_fail(file, bytes, [=](std::size_t most) {
    return ::syscall(SYS_pwrite64, file, data, most, at);
  });
}

__attribute__((visibility("default"))) int rename(const char* from, const char* to) noexcept {
  if (is_hit(disk_call::rename, false)) {
    errno = error_of_broken;
    return -1;
  }
  return static_cast<int>(::syscall(SYS_rename, from, to));
}

}  // extern "C"

namespace narke_test {

void break_disk(disk_call call, int error, int nth) {
  calls = 0;
  error_of_broken = error;
  first_broken = nth;
  broken = call;
}

void mend_disk() { broken = disk_call::none; }

int disk_calls() { return calls; }

}  // namespace narke_test
