// The processes of one attempt of a job, from the first to the last: its process group, and what
// left the group but carries the job's marks in its environment. Ends them step by step: SIGTERM,
// some time later SIGKILL. Owned by the runner's thread.
//
// A process id is signalled only while it cannot be another's: the leader until it was waited for,
// the group while it has members (its number is not given away as long), a stray while it is a
// child of this process that nobody waited for.
#pragma once

#include <optional>
#include <string>
#include <unordered_map>
#include <vector>

#include <sys/types.h>

#include "jobs/job_queue.hpp"
#include "jobs/run_observer.hpp"

namespace narke::internal {

/// The living leaders of all attempts, and whose they are.
using leader_table = std::unordered_map<pid_t, int>;

class attempt {
 public:
  /// `leaders`: those of all attempts, kept by the caller.
  attempt(running_job shown, placed_job placed, std::vector<std::string> marks,
          std::optional<run_clock::time_point> deadline, const leader_table& leaders);

  [[nodiscard]] const running_job& shown() const { return shown_; }
  [[nodiscard]] const placed_job& placed() const { return placed_; }
  [[nodiscard]] pid_t leader() const { return shown_.process; }

  /// The leader has ended and was waited for, with this status.
  void leader_ended(int wait_status);
  /// The leader and all else have ended, or what is left belongs to another user and was to be
  /// killed in vain.
  [[nodiscard]] bool is_over();
  /// Once the leader has ended and something of it lives: it gets this long to end by itself.
  void allow_rest(run_clock::time_point now, std::chrono::nanoseconds allowance);

  /// SIGTERM to everything, SIGKILL after `grace`. The first reason counts.
  void end(job_state reason, run_clock::time_point now, std::chrono::nanoseconds grace);
  /// SIGKILL to everything, at once.
  void kill(job_state reason);

  /// When it wants to be called next; nullopt: not before one of its processes ends.
  [[nodiscard]] std::optional<run_clock::time_point> next_moment() const;
  /// Its time is up, or the next step is due.
  void moment_came(run_clock::time_point now, std::chrono::nanoseconds grace);

  /// Requires: it is over, or killed without hope.
  [[nodiscard]] job_result result(run_clock::time_point now) const;

 private:
  [[nodiscard]] std::vector<pid_t> strays() const;
  void signal_all(int number);

  const leader_table& leaders_;
  running_job shown_;
  placed_job placed_;
  std::vector<std::string> marks_;
  std::optional<run_clock::time_point> deadline_;
  std::optional<run_clock::time_point> next_step_;
  int next_signal_ = 0;
  std::optional<job_state> reason_;   ///< why narke ended it
  std::optional<int> leader_status_;  ///< once it was waited for
  bool group_is_gone_ = false;        ///< its number may be another's
};

}  // namespace narke::internal
