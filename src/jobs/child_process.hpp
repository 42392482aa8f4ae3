// Starting one process of a job. Linux only. One thread of the caller; the child lives no longer
// than that thread.
#pragma once

#include <csignal>
#include <string>
#include <vector>

#include <sys/types.h>

namespace narke::internal {

struct child_request {
  std::vector<std::string> arguments;    ///< the first is looked for in PATH; at least one
  std::vector<std::string> environment;  ///< "NAME=value", all of it
  int input = -1;                        ///< descriptors that become its standard streams
  int output = -1;
  int errors = -1;
  sigset_t signal_mask{};  ///< that of the child
};

struct child_start {
  pid_t pid = -1;
  int error_number = 0;  ///< why there is no process; 0 when there is one
};

/// Starts it as the leader of a process group of its own, with the default action for every signal
/// that the caller handles or ignores because of narke, no descriptor beyond the three but those
/// that the caller inherited itself, and SIGKILL when the calling thread ends (but for programs
/// that change their user id). Returns when the program runs or could not be started.
child_start start_child(const child_request& request);

}  // namespace narke::internal
