// One worker process, seen from its parent: spawned, spoken to, killed, reaped. The process is the
// same program (/proc/self/exe) with its own address space; it inherits standard output and error,
// its socket and its control page, and nothing else.
#pragma once

#include <sys/types.h>

#include <chrono>
#include <cstdint>
#include <mutex>
#include <string>
#include <vector>

#include "process/worker_control.hpp"

namespace narke::internal {

/// How a process ended.
struct process_end {
  std::string text;       ///< "signal 11 (SIGSEGV)", "exit code 3"
  bool by_kill = false;   ///< SIGKILL: somebody's will, not a fault of the program
  bool is_clean = false;  ///< exit code 0
};

class worker_process {
 public:
  /// Spawns it. The thread that does has to live as long as the worker, which dies with it. Throws
  /// narke::error. The worker is ready when its hello has come.
  explicit worker_process(std::vector<std::string> gpu_uuids);
  worker_process(const worker_process&) = delete;
  worker_process& operator=(const worker_process&) = delete;
  /// Requires: reaped.
  ~worker_process();

  [[nodiscard]] const std::vector<std::string>& gpu_uuids() const noexcept { return gpu_uuids_; }
  [[nodiscard]] int socket() const noexcept { return socket_; }
  /// Readable when the process has ended; -1 where the system has no such thing.
  [[nodiscard]] int exit_file() const noexcept { return exit_file_; }
  [[nodiscard]] worker_control& control() noexcept { return *control_; }
  [[nodiscard]] pid_t id() const noexcept { return id_; }
  /// Its memory now; 0 when that is not to be known.
  [[nodiscard]] std::int64_t resident_bytes() const;

  /// Any thread; does nothing once it is reaped.
  void kill() noexcept;
  /// It ends when its last call is done.
  void ask_to_end() noexcept;
  /// Reaps it when it has ended; false when it has not. `end` may be null.
  bool try_reap(process_end* end) noexcept;
  /// Waits for the end of a process that is about to end by itself, so long at most, then kills.
  process_end reap(std::chrono::milliseconds at_most = std::chrono::seconds{1});

  // Of the pool: written by who has it for a call.
  bool is_ready = false;         ///< its hello has come
  std::uint64_t calls = 0;       ///< that were sent
  std::int64_t fresh_bytes = 0;  ///< resident when it was ready
  bool has_hung_up = false;      ///< of the keeper alone

 private:
  void map_control(int file);
  void spawn(int child_socket, int control_file);

  const std::vector<std::string> gpu_uuids_;
  int socket_ = -1;
  worker_control* control_ = nullptr;
  pid_t id_ = -1;
  int exit_file_ = -1;

  std::mutex mutex_;
  bool is_reaped_ = true;  // guarded by mutex_: nobody kills an id that may be another's by now
};

}  // namespace narke::internal
