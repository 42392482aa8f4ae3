#include "cli/run_plan.hpp"

#include <fstream>
#include <iterator>
#include <map>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include <poll.h>

#include <fmt/format.h>

#include "cli/messages.hpp"
#include "cli/run_events.hpp"
#include "cli/run_lines.hpp"
#include "jobs/job_input.hpp"
#include "jobs/job_list.hpp"
#include "jobs/job_queue.hpp"
#include "jobs/job_text.hpp"
#include "jobs/state_file.hpp"

namespace narke::internal {
namespace {

std::vector<job_line> all_lines(const run_options& options) {
  job_input input{*options.job_file, false, options.defaults};
  std::vector<job_line> lines;
  while (!input.is_ended()) {
    if (const auto descriptor = input.pollable()) {
      pollfd watched{.fd = *descriptor, .events = POLLIN, .revents = 0};
      if (::poll(&watched, 1, -1) <= 0) continue;
    }
    for (job_line& line : input.read_more()) lines.push_back(std::move(line));
  }
  return lines;
}

// Only looked at: the run that wrote it may still go on.
recorded_state earlier_state(const run_options& options) {
  recorded_state state;
  if (!options.resume || !options.log_directory) return state;
  const std::string path = *options.log_directory + '/' + state_file::file_name;
  std::ifstream file{path, std::ios::binary};
  const std::string text{std::istreambuf_iterator<char>{file}, {}};
  state.read(text, path);
  return state;
}

job_list planned_jobs(const run_options& options, const job_queue& queue) {
  job_list jobs;
  std::string problems;
  const auto add = [&](int line, std::string command, std::vector<std::string> arguments,
                       std::shared_ptr<const job_settings> settings, const std::string& problem) {
    auto reason = settings ? queue.infeasible_reason(settings->request) : problem;
    if (reason) {
      problems += line == 0 ? *reason : fmt::format("line {}: {}\n", line, *reason);
    } else {
      jobs.add(line, std::move(command), std::move(arguments), std::move(settings));
    }
  };
  if (options.job_file) {
    for (job_line& line : all_lines(options)) {
      add(line.line, std::move(line.command), {}, std::move(line.settings), line.problem);
    }
  } else {
    add(0, shell_quoted(options.command), options.command,
        std::make_shared<const job_settings>(options.defaults), {});
  }
  if (!problems.empty()) throw job_input_error{problems};
  return jobs;
}

std::string planned_line(const job& planned, const placed_job* placed) {
  const quantity gpus = planned.settings->request.gpus;
  std::string where = "no GPU";
  if (placed != nullptr) {
    where = gpus_text(placed->held.gpu_ids());
  } else if (!gpus.is_zero()) {
    where = fmt::format("{} GPU", gpus.to_string());
  }
  constexpr std::size_t command_shown_max = 1'000;
  return fmt::format("{:>6}  {:<8} {:<10} {}\n", planned.id,
                     placed != nullptr ? "at once" : "later", where,
                     command_text(planned.command, command_shown_max));
}

}  // namespace

int print_plan(const run_options& options, const granted_machine& granted, bool json) {
  job_queue queue{granted.totals(), options.running_max};
  job_list jobs = planned_jobs(options, queue);
  const recorded_state earlier = earlier_state(options);
  for (int id = 1; id <= static_cast<int>(jobs.size()); ++id) {
    job& known = jobs.at(id);
    const recorded_job* const before = earlier.find(known);
    if (before != nullptr && before->state == job_state::done) {
      jobs.set_state(known, job_state::skipped);
    } else {
      queue.add(id, known.settings->request);
    }
  }
  std::map<int, placed_job> at_once;
  while (auto placed = queue.take_next()) at_once.emplace(placed->id, std::move(*placed));
  std::string text;
  if (!json) text = fmt::format("{:>6}  {:<8} {:<10} {}\n", "id", "starts", "GPUs", "command");
  for (int id = 1; id <= static_cast<int>(jobs.size()); ++id) {
    const job& known = jobs.at(id);
    if (known.state == job_state::skipped) continue;
    const auto placed = at_once.find(id);
    const placed_job* const here = placed == at_once.end() ? nullptr : &placed->second;
    text += json ? planned_event(known, here ? here->held.gpu_ids() : std::vector<int>{},
                                 here != nullptr, granted)
                 : planned_line(known, here);
  }
  for (const std::string& warning : granted.warnings) print_error(warning);
  print_data(text);
  return exit_done;
}

}  // namespace narke::internal
