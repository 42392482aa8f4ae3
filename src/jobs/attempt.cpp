#include "jobs/attempt.hpp"

#include <algorithm>
#include <cerrno>
#include <csignal>
#include <utility>

#include <sys/wait.h>
#include <unistd.h>

#include "jobs/process_tree.hpp"

namespace narke::internal {
namespace {

enum class group_members { none, some, out_of_reach };

group_members members_of(pid_t group) {
  if (::kill(-group, 0) == 0) return group_members::some;
  return errno == EPERM ? group_members::out_of_reach : group_members::none;
}

}  // namespace

attempt::attempt(running_job shown, placed_job placed, std::vector<std::string> marks,
                 std::optional<run_clock::time_point> deadline, const leader_table& leaders)
    : leaders_{leaders},
      shown_{std::move(shown)},
      placed_{std::move(placed)},
      marks_{std::move(marks)},
      deadline_{deadline} {}

void attempt::leader_ended(int wait_status) {
  leader_status_ = wait_status;
  deadline_.reset();
}

bool attempt::is_over() {
  if (!leader_status_) return false;
  if (!group_is_gone_) {
    const group_members members = members_of(leader());
    if (members == group_members::some) return false;
    if (members == group_members::out_of_reach && next_signal_ != SIGKILL) return false;
    group_is_gone_ = true;
  }
  return strays().empty();
}

// Children that were adopted from this job and have left its group.
std::vector<pid_t> attempt::strays() const {
  std::vector<pid_t> found = children_of_this_process();
  std::erase_if(found, [this](pid_t child) {
    return leaders_.contains(child) || (!group_is_gone_ && ::getpgid(child) == leader()) ||
           !was_started_with(child, marks_);
  });
  return found;
}

void attempt::allow_rest(run_clock::time_point now, std::chrono::nanoseconds allowance) {
  if (next_step_ || next_signal_ == SIGKILL) return;
  next_signal_ = SIGTERM;
  next_step_ = now + allowance;
}

void attempt::end(job_state reason, run_clock::time_point now, std::chrono::nanoseconds grace) {
  if (!leader_status_ && !reason_) reason_ = reason;
  if (next_signal_ == SIGKILL) return;  // on its way already
  signal_all(SIGTERM);
  signal_all(SIGCONT);  // what is stopped could not end
  next_signal_ = SIGKILL;
  next_step_ = now + grace;
}

void attempt::kill(job_state reason) {
  if (!leader_status_ && !reason_) reason_ = reason;
  next_signal_ = SIGKILL;
  next_step_.reset();
  signal_all(SIGKILL);
}

std::optional<run_clock::time_point> attempt::next_moment() const {
  if (deadline_ && next_step_) return std::min(*deadline_, *next_step_);
  return deadline_ ? deadline_ : next_step_;
}

void attempt::moment_came(run_clock::time_point now, std::chrono::nanoseconds grace) {
  if (deadline_ && now >= *deadline_) {
    deadline_.reset();
    end(job_state::timed_out, now, grace);
  }
  if (!next_step_ || now < *next_step_) return;
  if (next_signal_ == SIGTERM) {
    end(job_state::failed, now, grace);
    return;
  }
  // Again and again: what is killed may have started another just before.
  constexpr auto pause = std::chrono::milliseconds{20};
  signal_all(SIGKILL);
  next_step_ = now + pause;
}

void attempt::signal_all(int number) {
  if (!group_is_gone_ && leader_status_) {
    group_is_gone_ = members_of(leader()) == group_members::none;
  }
  if (!group_is_gone_) ::kill(-leader(), number);
  for (const pid_t stray : strays()) ::kill(stray, number);
}

job_result attempt::result(run_clock::time_point now) const {
  job_result result{.duration = now - shown_.begin};
  const int status = leader_status_.value_or(0);
  if (leader_status_ && WIFSIGNALED(status)) {
    result.signal = WTERMSIG(status);
  } else if (leader_status_) {
    result.exit_code = WEXITSTATUS(status);
  }
  result.state = reason_.value_or(result.exit_code == 0 ? job_state::done : job_state::failed);
  return result;
}

}  // namespace narke::internal
