// A job of `narke run`: a command, what it asks of the machine, and how far it has come. Plain
// values, owned by the runner's one thread.
#pragma once

#include <chrono>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "resources/resource_request.hpp"

namespace narke::internal {

/// What the command line, or a line `#NARKE …` of the job file, says of the jobs it is for.
struct job_settings {
  resource_request request;
  int retries = 0;                                  ///< attempts after the first
  std::optional<std::chrono::nanoseconds> timeout;  ///< of each attempt; none = for ever
  std::string name;                                 ///< empty: named after its command

  friend bool operator==(const job_settings&, const job_settings&) = default;
};

enum class job_state : std::uint8_t {
  waiting,      ///< in the queue
  running,      ///< its process, or something that it left behind, lives
  done,         ///< exit code 0
  failed,       ///< another exit code, a signal, or it could not be started
  timed_out,    ///< ended by narke after its time was up
  interrupted,  ///< ended by narke because narke was told to stop
  skipped,      ///< done in an earlier run that this one goes on with
  refused,      ///< never to be run: it asks for what is not there, or is no valid line
};

/// "waiting", "done", "timeout" …: the words of tables, events and the state file.
const char* state_name(job_state state) noexcept;

struct job {
  int id = 0;                          ///< 1, 2, 3 … in the order of the lines
  int line = 0;                        ///< of the job file; 0: from the command line
  std::string command;                 ///< for /bin/sh, or, of an argument list, as shown
  std::vector<std::string> arguments;  ///< not empty: started as it is, without a shell
  std::shared_ptr<const job_settings> settings;
  int occurrence = 0;  ///< the n-th job with this command
  job_state state = job_state::waiting;
  int attempts = 0;          ///< those begun, in earlier runs too
  int earlier_attempts = 0;  ///< those of earlier runs
};

/// How an attempt ended.
struct job_result {
  job_state state = job_state::done;
  std::optional<int> exit_code;  ///< unless a signal ended it or it did not start
  std::optional<int> signal;
  std::string reason;  ///< why it did not start; else empty
  bool will_retry = false;
  std::chrono::nanoseconds duration{};
};

/// "exit 3", "killed by SIGSEGV (11)", "did not start: …"; "exit 0" for success.
std::string describe(const job_result& result);

/// "SIGKILL"; "signal 42" for one without a name.
std::string signal_name(int number);

}  // namespace narke::internal
