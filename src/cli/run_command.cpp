#include "cli/run_command.hpp"

#include <algorithm>
#include <memory>
#include <optional>
#include <stdexcept>
#include <utility>

#include <fmt/format.h>

#include "base/byte_size.hpp"
#include "base/environment.hpp"
#include "cli/messages.hpp"
#include "cli/run_events.hpp"
#include "cli/run_lines.hpp"
#include "cli/run_plan.hpp"
#include "cli/run_table.hpp"
#include "jobs/granted_machine.hpp"
#include "jobs/job_runner.hpp"
#include "jobs/job_settings.hpp"
#include "jobs/watch.hpp"
#include "observe/machine_resources.hpp"
#include "topology/discover.hpp"

namespace narke::internal {
namespace {

struct run_arguments {
  std::vector<std::pair<std::string, std::string>> job_options;  ///< as given, "--num-gpus" "0.5"
  std::optional<std::string> job_file;
  std::optional<std::string> jobs;
  std::optional<std::string> grace;
  std::optional<std::string> logs;
  std::optional<std::string> emulated_gpus;
  bool json = false;
  bool follow = false;
  bool resume = false;
  bool dry_run = false;
};

constexpr const char* footer = R"(
Or: narke run [OPTIONS] -- COMMAND ARG...

A JOB FILE has one command a line, each run by /bin/sh -c. Empty lines and lines that begin with #
are passed over. A line "#NARKE --num-gpus 0.5 --timeout 2h" sets --num-gpus, --num-cpus, --retries,
--timeout and --name for the lines below it, up to the next such line; what it leaves out is as on
the command line. "#NARKE end" ends a file that is followed. The command behind -- is started as it
is, without a shell; without --json and --logs it writes where narke does.

JOBS get CUDA_VISIBLE_DEVICES (UUIDs; empty for none), CUDA_DEVICE_ORDER, NARKE_JOB_ID,
NARKE_JOB_ATTEMPT, NARKE_RUN_ID, NARKE_NUM_CPUS and, unless it is set, OMP_NUM_THREADS. GPUs and
CPUs are those that CUDA_VISIBLE_DEVICES, Slurm, the affinity mask and the control group leave.
What a job leaves running when it ends is ended with it.

SIGNALS: ^C once lets running jobs end and starts no more; twice ends them (SIGTERM, after --grace
SIGKILL); three times kills them. SIGTERM and SIGHUP are as ^C twice.

EXIT CODES: 0 all jobs are done, 1 a job failed, 2 wrong usage or unreadable input, 124 a job ran
out of time and none failed otherwise, 130 interrupted.)";

template <typename Parse>
auto checked(Parse parse) {
  try {
    return parse();
  } catch (const std::invalid_argument& refused) {
    throw usage_error{refused.what()};
  }
}

std::string default_log_directory(const run_arguments& arguments) {
  if (!arguments.job_file) return "command.narke";
  if (*arguments.job_file == "-") return "stdin.narke";
  const std::string& path = *arguments.job_file;
  return path.substr(path.rfind('/') + 1) + ".narke";
}

run_options options_of(const run_arguments& arguments, const std::vector<std::string>& command) {
  if (arguments.job_file && !command.empty()) {
    throw usage_error{fmt::format(
        "run: both a job file, '{}', and a command behind -- are given; give one of them",
        *arguments.job_file)};
  }
  if (!arguments.job_file && command.empty()) {
    throw usage_error{
        "run: nothing to run; give a job file, - for standard input, or -- and a "
        "command"};
  }
  run_options options;
  options.defaults.request.cpus = quantity::one();
  options.job_file = arguments.job_file;
  options.command = command;
  options.follow = arguments.follow;
  options.resume = arguments.resume;
  checked([&] {
    for (const auto& [option, value] : arguments.job_options) {
      set_job_option(option, value, options.defaults);
    }
    if (arguments.jobs) options.running_max = parse_count(*arguments.jobs, "--jobs", 1);
    if (arguments.grace) options.grace = parse_duration(*arguments.grace, "--grace");
    return 0;
  });
  if (arguments.logs) {
    options.log_directory = arguments.logs;
  } else if (arguments.job_file || arguments.json) {
    options.log_directory = default_log_directory(arguments);
  }
  if (options.follow && !options.job_file) throw usage_error{"--follow: a command does not grow"};
  if (options.resume && !options.log_directory) {
    throw usage_error{"--resume: give --logs, where the state of the earlier run is"};
  }
  return options;
}

outer_environment outer_allocation() {
  return {.visible_devices = environment_value("CUDA_VISIBLE_DEVICES"),
          .slurm_step_gpus = environment_value("SLURM_STEP_GPUS"),
          .slurm_job_gpus = environment_value("SLURM_JOB_GPUS"),
          .slurm_step_id = environment_value("SLURM_STEP_ID"),
          .slurm_cpus_on_node = environment_value("SLURM_CPUS_ON_NODE"),
          .slurm_cpus_per_task = environment_value("SLURM_CPUS_PER_TASK")};
}

granted_machine machine_to_give_out(const std::optional<device_count_and_memory>& emulated) {
  const outer_environment outer = outer_allocation();
  discover_options options;
  options.with_gpus = !emulated;
  options.visible_devices = outer.visible_devices;
  machine described = discover_machine(options);
  if (emulated) {
    described = with_emulated_gpus(std::move(described), emulated->count, emulated->memory_bytes);
  }
  granted_machine granted = granted_of(described, outer);
  granted.warnings.insert(granted.warnings.begin(), described.warnings.begin(),
                          described.warnings.end());
  return granted;
}

std::unique_ptr<run_observer> observer_for(const run_arguments& arguments,
                                           const run_options& options) {
  if (arguments.json) return std::make_unique<run_events>();
  const bool jobs_write_here = !options.log_directory;
  if (can_draw_table() && !jobs_write_here) return std::make_unique<run_table>();
  return std::make_unique<run_lines>(jobs_write_here);
}

int run_jobs(const run_arguments& arguments, const std::vector<std::string>& command) {
  const run_options options = options_of(arguments, command);
  std::optional<device_count_and_memory> emulated;
  if (arguments.emulated_gpus) {
    emulated =
        checked([&] { return parse_emulated_gpus(*arguments.emulated_gpus, "--emulated-gpus"); });
  }
  if (arguments.dry_run) return print_plan(options, machine_to_give_out(emulated), arguments.json);
  return run_watched([&](const watch_link& link) {
    const granted_machine granted = machine_to_give_out(emulated);
    const auto observer = observer_for(arguments, options);
    job_runner runner{options, granted, *observer, link};
    return runner.run();
  });
}

void add_job_options(CLI::App& verb, const std::shared_ptr<run_arguments>& arguments) {
  constexpr struct {
    const char* name;
    const char* type;
    const char* help;
  } options[] = {
      {"--num-gpus", "X", "GPUs of each job: a share of one (0.5) or whole ones; default 0"},
      {"--num-cpus", "X", "CPUs of each job; default 1"},
      {"--retries", "N", "Run a job that fails up to N times more; default 0"},
      {"--timeout", "S", "End a job after S seconds (or 90s, 10m, 2h, 1d); never tried again"},
      {"--name", "NAME", "Name of the jobs, for their logs; default: the program's"},
  };
  for (const auto& option : options) {
    verb.add_option_function<std::string>(
            option.name,
            [arguments, name = std::string{option.name}](const std::string& value) {
              arguments->job_options.emplace_back(name, value);
            },
            option.help)
        ->type_name(option.type);
  }
}

}  // namespace

std::vector<std::string> split_command(std::vector<std::string>& arguments) {
  const auto dashes = std::find(arguments.begin(), arguments.end(), "--");
  if (arguments.empty() || arguments.front() != "run" || dashes == arguments.end()) return {};
  std::vector<std::string> command{dashes + 1, arguments.end()};
  arguments.erase(dashes, arguments.end());
  return command;
}

void add_run_command(CLI::App& program, const std::vector<std::string>& command, int& exit_status) {
  auto arguments = std::make_shared<run_arguments>();
  CLI::App* const verb = program.add_subcommand(
      "run", "Run commands as jobs, each on the GPUs and CPUs that it asks for");
  verb->set_version_flag("--version", version_text(), "Print the version and how it was built");
  verb->add_option("FILE", arguments->job_file, "The job file, or - for standard input");
  add_job_options(*verb, arguments);
  verb->add_option("--jobs", arguments->jobs, "At most N jobs at once; default 1000")
      ->type_name("N");
  verb->add_option("--grace", arguments->grace,
                   "Time between SIGTERM and SIGKILL for a job that is ended; default 10")
      ->type_name("S");
  verb->add_option("--logs", arguments->logs,
                   "Where the jobs' output and the state go; default: FILE.narke. That of an "
                   "earlier run is renamed, unless it is resumed")
      ->type_name("DIR");
  verb->add_flag("--follow", arguments->follow, "Go on reading the job file while it grows");
  verb->add_flag("--resume", arguments->resume, "Run only what failed or never ran before");
  verb->add_flag("--dry-run", arguments->dry_run, "Print what would run where, and run nothing");
  verb->add_flag("--json", arguments->json,
                 "Events as JSON lines on standard output, after docs/run-events.schema.json");
  verb->add_option("--emulated-gpus", arguments->emulated_gpus,
                   "Pretend to have N GPUs (of MEMORY each): jobs get their numbers")
      ->type_name("N[:MEMORY]");
  verb->footer(footer);
  verb->callback(
      [arguments, &command, &exit_status] { exit_status = run_jobs(*arguments, command); });
}

}  // namespace narke::internal
