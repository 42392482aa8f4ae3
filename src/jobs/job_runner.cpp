#include "jobs/job_runner.hpp"

#include <algorithm>
#include <array>
#include <cerrno>
#include <climits>
#include <system_error>
#include <utility>

#include <fcntl.h>
#include <poll.h>
#include <sys/signalfd.h>
#include <sys/wait.h>
#include <unistd.h>

#include <fmt/format.h>

#include <narke/errors.hpp>

#include "base/environment.hpp"
#include "jobs/child_process.hpp"
#include "jobs/job_text.hpp"
#include "jobs/process_tree.hpp"

namespace narke::internal {
namespace {

using std::chrono::milliseconds;

constexpr milliseconds follow_interval{100};       // a file that grows is looked at so often
constexpr std::chrono::seconds rest_allowance{1};  // for what outlives the process of its job

std::string make_run_id() {
  return fmt::format("{}-{:x}", ::getpid(), run_clock::now().time_since_epoch().count());
}

owned_descriptor open_child_signals() {
  sigset_t child_ended;
  sigemptyset(&child_ended);
  sigaddset(&child_ended, SIGCHLD);
  ::sigprocmask(SIG_BLOCK, &child_ended, nullptr);
  const int descriptor = ::signalfd(-1, &child_ended, SFD_CLOEXEC | SFD_NONBLOCK);
  if (descriptor < 0) {
    throw error{"cannot wait for processes: " + std::generic_category().message(errno)};
  }
  return owned_descriptor{descriptor};
}

owned_descriptor open_nothing() {
  const int descriptor = ::open("/dev/null", O_RDONLY | O_CLOEXEC);
  if (descriptor < 0) {
    throw error{"cannot open '/dev/null': " + std::generic_category().message(errno)};
  }
  return owned_descriptor{descriptor};
}

// The state of an earlier run is kept, not written over.
void make_room(const std::string& directory) {
  const log_directory there{directory};
  {
    const state_file state{there};
    if (state.is_empty()) return;
  }
  set_aside(directory);
}

}  // namespace

job_runner::job_runner(const run_options& options, const granted_machine& granted,
                       run_observer& observer, const watch_link& link)
    : options_{options},
      granted_{granted},
      observer_{observer},
      link_{link},
      environment_{whole_environment(), make_run_id()},
      queue_{granted.totals(), options.running_max},
      child_signals_{open_child_signals()},
      nothing_{open_nothing()} {
  if (options.job_file) {
    input_ = std::make_unique<job_input>(*options.job_file, options.follow, options.defaults);
  }
  if (options.log_directory && options.resume) open_logs();
}

void job_runner::open_logs() {
  logs_ = std::make_unique<log_directory>(*options_.log_directory);
  state_ = std::make_unique<state_file>(*logs_);
  earlier_ = state_->read();
}

int job_runner::run() {
  gathering_ = !options_.follow;
  if (!input_) {
    const auto settings = std::make_shared<const job_settings>(options_.defaults);
    add_job(0, shell_quoted(options_.command), options_.command, settings);
  }
  if (!gathering_ || !input_) end_of_gathering();
  while (!is_complete()) {
    take_input();
    start_jobs();
    if (is_complete()) break;
    wait_for_something();
    reap();
    act_on_time();
  }
  finish();
  return exit_code();
}

bool job_runner::is_complete() const {
  if (front_is_gone_) return true;
  if (!attempts_.empty()) return false;
  return !starting_ || (!gathering_ && queue_.waiting() == 0 && (!input_ || input_->is_ended()));
}

// --- What jobs there are ---

void job_runner::take_input() {
  if (!input_ || input_->is_ended() || !starting_) return;
  if (input_->pollable() && !std::exchange(input_is_ready_, false)) return;
  try {
    add_lines(input_->read_more());
  } catch (const job_input_error& unreadable) {
    if (gathering_) throw;
    stop_starting(unreadable.what());
  }
  if (gathering_ && input_->is_ended()) end_of_gathering();
}

void job_runner::add_lines(std::vector<job_line> lines) {
  for (job_line& line : lines) {
    if (line.settings == nullptr) {
      refuse_line(line.line, line.problem);
    } else {
      add_job(line.line, std::move(line.command), {}, std::move(line.settings));
    }
  }
}

void job_runner::add_job(int line, std::string command, std::vector<std::string> arguments,
                         std::shared_ptr<const job_settings> settings) {
  if (const auto reason = queue_.infeasible_reason(settings->request)) {
    return refuse_line(line, *reason);
  }
  job& added = jobs_.add(line, std::move(command), std::move(arguments), std::move(settings));
  if (const recorded_job* const before = earlier_.find(added)) {
    added.attempts = added.earlier_attempts = before->attempts;
    if (before->state == job_state::done) {
      jobs_.set_state(added, job_state::skipped);
      if (!gathering_) tell([&] { observer_.job_skipped(added); });
      return;
    }
  }
  queue_.add(added.id, added.settings->request);
}

void job_runner::refuse_line(int line, const std::string& problem) {
  constexpr std::size_t problems_shown_max = 10;
  if (!gathering_) {
    jobs_.add_refused();
    tell([&] { observer_.line_refused(line, problem); });
    return;
  }
  if (++problem_count_ > problems_shown_max) return;
  problems_.push_back(line == 0 ? problem : fmt::format("line {}: {}", line, problem));
}

void job_runner::throw_problems() const {
  if (problem_count_ == 0) return;
  std::string text = fmt::format("{}", fmt::join(problems_, "\n"));
  if (problem_count_ > problems_.size()) {
    text += fmt::format("\nand {} more", problem_count_ - problems_.size());
  }
  throw job_input_error{text + "\nnothing was run"};
}

void job_runner::end_of_gathering() {
  throw_problems();
  if (options_.log_directory && !options_.resume) {
    make_room(*options_.log_directory);
    open_logs();
  }
  gathering_ = false;
  tell([this] {
    observer_.run_began({.machine = &granted_,
                         .log_directory = logs_ ? logs_->path() : std::string{},
                         .follows = options_.follow,
                         .jobs = jobs_.size()});
  });
  if (earlier_.unreadable() > 0) {
    tell([this] {
      observer_.told(
          fmt::format("{} records of the earlier run cannot be read; their jobs run again",
                      earlier_.unreadable()));
    });
  }
  for (int id = 1; id <= static_cast<int>(jobs_.size()); ++id) {
    const job& known = jobs_.at(id);
    if (known.state == job_state::skipped) tell([&] { observer_.job_skipped(known); });
  }
}

// --- Starting ---

void job_runner::start_jobs() {
  while (starting_ && !gathering_ && !start_is_held_) {
    auto placed = queue_.take_next();
    if (!placed || !begin(std::move(*placed))) return;
  }
}

// Too many processes or open files: that passes when one of ours ends.
bool job_runner::must_wait_to_start(int error_number) const {
  constexpr std::array passing{EAGAIN, ENOMEM, EMFILE, ENFILE};
  return !attempts_.empty() &&
         std::find(passing.begin(), passing.end(), error_number) != passing.end();
}

void job_runner::take_back(job& what, const placed_job& placed) {
  --what.attempts;
  queue_.give_back(placed);
  queue_.add(what.id, what.settings->request);
}

// False when nothing more can be started for now.
bool job_runner::begin(placed_job placed) {
  job& what = jobs_.at(placed.id);
  ++what.attempts;
  running_job shown{.what = &what, .gpus = placed.held.gpu_ids(), .begin = run_clock::now()};
  attempt_logs logs;
  if (logs_) {
    try {
      logs = logs_->open_for(what);
    } catch (const error& no_room) {
      take_back(what, placed);
      stop_starting(no_room.what());
      return false;
    }
    shown.output_path = logs.output_path;
    shown.errors_path = logs.errors_path;
  }
  const child_start started = start_process(what, shown.gpus, logs);
  if (started.error_number == 0) {
    shown.process = started.pid;
    begun(std::move(shown), std::move(placed));
  } else if (must_wait_to_start(started.error_number)) {
    take_back(what, placed);
    start_is_held_ = true;
    return false;
  } else {
    did_not_start(what, std::move(shown), placed,
                  std::generic_category().message(started.error_number));
  }
  return true;
}

// Without logs there is one job, which reads what narke was given to read, but for a terminal: that
// would stop a process group in the background.
child_start job_runner::start_process(const job& what, const std::vector<int>& gpus,
                                      const attempt_logs& logs) const {
  const bool reads_input = !logs_ && !options_.job_file && ::isatty(STDIN_FILENO) == 0 &&
                           ::fcntl(STDIN_FILENO, F_GETFD) != -1;
  return start_child({.arguments = what.arguments.empty()
                                       ? std::vector<std::string>{"/bin/sh", "-c", what.command}
                                       : what.arguments,
                      .environment = environment_.of(what, gpus, granted_),
                      .input = reads_input ? STDIN_FILENO : nothing_.get(),
                      .output = logs_ ? logs.output.get() : STDOUT_FILENO,
                      .errors = logs_ ? logs.errors.get() : STDERR_FILENO,
                      .signal_mask = link_.outer_mask});
}

void job_runner::begun(running_job shown, placed_job placed) {
  job& what = jobs_.at(placed.id);
  jobs_.set_state(what, job_state::running);
  std::optional<run_clock::time_point> deadline;
  if (what.settings->timeout) deadline = shown.begin + *what.settings->timeout;
  leaders_.emplace(shown.process, what.id);
  auto& kept = attempts_[what.id];
  kept = std::make_unique<attempt>(std::move(shown), std::move(placed),
                                   environment_.marks_of(what.id), deadline, leaders_);
  tell([&] { observer_.job_began(kept->shown()); });
}

void job_runner::did_not_start(job& what, running_job shown, const placed_job& placed,
                               std::string reason) {
  const job_result result{.state = job_state::failed, .reason = std::move(reason)};
  queue_.give_back(placed);
  jobs_.set_state(what, job_state::failed);
  record(what, result);
  tell([&] { observer_.job_ended(shown, result); });
}

// --- What happens meanwhile ---

int job_runner::wait_ms() const {
  auto until = run_clock::time_point::max();
  for (const auto& [id, running] : attempts_) {
    if (const auto moment = running->next_moment()) until = std::min(until, *moment);
  }
  if (const auto interval = observer_.interval()) until = std::min(until, last_moment_ + *interval);
  const auto now = run_clock::now();
  if (input_ && !input_->is_ended() && starting_ && !input_->pollable()) {
    until = std::min(until, now + follow_interval);
  }
  if (until == run_clock::time_point::max()) return -1;
  const auto left = std::chrono::ceil<milliseconds>(std::max(until - now, run_clock::duration{0}));
  return static_cast<int>(std::min<std::int64_t>(left.count(), INT_MAX));
}

void job_runner::wait_for_something() {
  std::array<pollfd, 3> watched{pollfd{.fd = link_.signals, .events = POLLIN, .revents = 0},
                                pollfd{.fd = child_signals_.get(), .events = POLLIN, .revents = 0},
                                pollfd{.fd = -1, .events = POLLIN, .revents = 0}};
  if (input_ && starting_ && input_->pollable()) watched[2].fd = *input_->pollable();
  if (::poll(watched.data(), watched.size(), wait_ms()) <= 0) return;
  input_is_ready_ = watched[2].revents != 0;
  child_ended_ = watched[1].revents != 0;
  if (watched[0].revents == 0) return;
  std::array<char, 16> numbers{};
  const ssize_t bytes = ::read(link_.signals, numbers.data(), numbers.size());
  if (bytes == 0) {
    front_is_gone_ = true;
    kill_all();
  }
  for (ssize_t i = 0; i < bytes; ++i) obey(numbers[static_cast<std::size_t>(i)]);
}

void job_runner::obey(int signal_number) {
  starting_ = false;
  const int asked_for = signal_number == SIGQUIT ? 3 : signal_number == SIGINT ? 1 : 2;
  stop_stage_ = std::min(3, std::max(stop_stage_ + 1, asked_for));
  const auto running = attempts_.size();
  if (stop_stage_ == 3 && running > 0) {
    tell([&] { observer_.told(fmt::format("killing {} running jobs", running)); });
    kill_all();
  } else if (stop_stage_ == 2 && running > 0) {
    tell([&] {
      observer_.told(fmt::format("ending {} running jobs; once more kills them", running));
    });
    end_all(job_state::interrupted);
  } else if (running > 0) {
    tell([&] {
      observer_.told(fmt::format(
          "no more jobs are started; {} still run, and a second interrupt ends them", running));
    });
  }
}

void job_runner::end_all(job_state reason) {
  const auto now = run_clock::now();
  for (const auto& [id, running] : attempts_) running->end(reason, now, options_.grace);
}

void job_runner::kill_all() {
  for (const auto& [id, running] : attempts_) running->kill(job_state::interrupted);
}

void job_runner::reap() {
  if (!std::exchange(child_ended_, false)) return;
  signalfd_siginfo ignored{};
  while (::read(child_signals_.get(), &ignored, sizeof ignored) > 0) {
  }
  while (true) {
    int status = 0;
    const pid_t ended = ::waitpid(-1, &status, WNOHANG);
    if (ended < 0 && errno == EINTR) continue;
    if (ended <= 0) break;
    if (const auto leader = leaders_.find(ended); leader != leaders_.end()) {
      attempts_.at(leader->second)->leader_ended(status);
      leaders_.erase(leader);
    }
  }
  close_ended_attempts();
}

void job_runner::close_ended_attempts() {
  std::vector<int> over;
  const auto now = run_clock::now();
  for (const auto& [id, running] : attempts_) {
    if (leaders_.contains(running->leader())) continue;
    if (running->is_over()) {
      over.push_back(id);
    } else {
      running->allow_rest(now, std::min<std::chrono::nanoseconds>(rest_allowance, options_.grace));
    }
  }
  for (const int id : over) close(std::move(attempts_.extract(id).mapped()));
}

void job_runner::close(std::unique_ptr<attempt> ended) {
  job& what = jobs_.at(ended->placed().id);
  job_result result = ended->result(run_clock::now());
  result.will_retry = result.state == job_state::failed && starting_ &&
                      what.attempts - what.earlier_attempts <= what.settings->retries;
  queue_.give_back(ended->placed());
  start_is_held_ = false;
  jobs_.set_state(what, result.will_retry ? job_state::waiting : result.state);
  if (result.will_retry) {
    queue_.add(what.id, what.settings->request);
  } else {
    record(what, result);
  }
  tell([&] { observer_.job_ended(ended->shown(), result); });
}

void job_runner::act_on_time() {
  const auto now = run_clock::now();
  for (const auto& [id, running] : attempts_) running->moment_came(now, options_.grace);
  // Where what is left is out of reach, no process of ours will end and tell.
  close_ended_attempts();
  const auto interval = observer_.interval();
  if (!interval || now < last_moment_ + *interval) return;
  last_moment_ = now;
  std::vector<running_job> shown;
  shown.reserve(attempts_.size());
  for (const auto& [id, running] : attempts_) shown.push_back(running->shown());
  std::sort(shown.begin(), shown.end(),
            [](const auto& a, const auto& b) { return a.what->id < b.what->id; });
  tell([&] { observer_.moment(jobs_.counts(), shown); });
}

void job_runner::record(const job& what, const job_result& result) {
  if (!state_) return;
  try {
    state_->append(what, result);
  } catch (const error& no_room) {
    stop_starting(fmt::format("job {} has ended ({}), which cannot be recorded: {}", what.id,
                              describe(result), no_room.what()));
  }
}

// --- What goes wrong, and what is told ---

void job_runner::stop_starting(const std::string& why) {
  starting_ = false;
  if (fatal_) return;
  fatal_ = why;
  tell([&] { observer_.told(why + "; no more jobs are started"); });
}

void job_runner::tell(const std::function<void()>& what) {
  if (observer_failed_ || front_is_gone_) return;
  try {
    what();
  } catch (const std::exception& failed) {
    observer_failed_ = true;
    starting_ = false;
    if (!fatal_) fatal_ = failed.what();
  }
}

int job_runner::exit_code() const {
  enum : int { done = 0, failed = 1, usage = 2, timeout = 124, interrupted = 130 };
  const run_counts& counts = jobs_.counts();
  if (stop_stage_ > 0 || front_is_gone_) return interrupted;
  if (fatal_) return failed;
  if (counts.refused > 0) return usage;
  if (counts.failed > 0 || counts.interrupted > 0) return failed;
  return counts.timed_out > 0 ? timeout : done;
}

void job_runner::finish() {
  if (front_is_gone_) {
    kill_all_descendants();
    const auto now = run_clock::now();
    for (const auto& [id, killed] : attempts_) record(jobs_.at(id), killed->result(now));
    return;
  }
  // What left its job, its group and its environment behind.
  kill_all_descendants();
  if (gathering_) return;  // nothing was told of
  tell([this] {
    observer_.run_ended({.counts = jobs_.counts(),
                         .exit_code = exit_code(),
                         .everything_is_free = queue_.everything_is_free(),
                         .duration = run_clock::now() - begin_});
  });
  if (observer_failed_) throw error{*fatal_};
}

}  // namespace narke::internal
