#include "cli/run_events.hpp"

#include <chrono>
#include <ctime>

#include <fmt/format.h>
#include <nlohmann/json.hpp>

#include "cli/messages.hpp"

namespace narke::internal {
namespace {

using json = nlohmann::ordered_json;

// "2026-03-01T12:34:56.789Z"
std::string time_text() {
  const auto now = std::chrono::system_clock::now();
  const std::time_t seconds = std::chrono::system_clock::to_time_t(now);
  const auto since = std::chrono::duration_cast<std::chrono::milliseconds>(now.time_since_epoch());
  std::tm parts{};
  ::gmtime_r(&seconds, &parts);
  return fmt::format("{:04}-{:02}-{:02}T{:02}:{:02}:{:02}.{:03}Z", parts.tm_year + 1900,
                     parts.tm_mon + 1, parts.tm_mday, parts.tm_hour, parts.tm_min, parts.tm_sec,
                     since.count() % 1'000);
}

std::string line_of(const json& event) {
  return event.dump(-1, ' ', true, json::error_handler_t::replace) + '\n';
}

void print(const json& event) {
  print_data(line_of(event));
}

json event_of(const char* name) {
  return {{"event", name}, {"time", time_text()}};
}

void add_job(const job& what, json& event) {
  event["job"] = what.id;
  event["line"] = what.line == 0 ? json(nullptr) : json(what.line);
  event["name"] = what.settings->name.empty() ? json(nullptr) : json(what.settings->name);
  event["command"] = what.command;
}

void add_share(const job& what, const std::vector<int>& gpus, json& event) {
  event["num_cpus"] = what.settings->request.cpus.to_double();
  event["num_gpus"] = what.settings->request.gpus.to_double();
  event["gpus"] = gpus;
}

json path_or_null(const std::string& path) {
  return path.empty() ? json(nullptr) : json(path);
}

template <typename T>
json number_or_null(const std::optional<T>& value) {
  return value ? json(*value) : json(nullptr);
}

}  // namespace

void run_events::run_began(const run_beginning& begun) {
  json event = event_of("run_began");
  event["schema_version"] = 1;
  event["jobs"] = begun.jobs;
  event["follow"] = begun.follows;
  event["log_directory"] = path_or_null(begun.log_directory);
  event["cpus"] = begun.machine->cpus;
  event["gpus"] = json::array();
  for (const granted_gpu& gpu : begun.machine->gpus) {
    event["gpus"].push_back({{"id", gpu.id},
                             {"uuid", path_or_null(gpu.uuid)},
                             {"name", gpu.name},
                             {"visible_as", gpu.entry}});
  }
  print(event);
  for (const std::string& warning : begun.machine->warnings) told(warning);
}

void run_events::job_skipped(const job& skipped) {
  json event = event_of("job_skipped");
  add_job(skipped, event);
  print(event);
}

void run_events::line_refused(int line, const std::string& problem) {
  json event = event_of("line_refused");
  event["line"] = line;
  event["problem"] = problem;
  print(event);
}

void run_events::job_began(const running_job& begun) {
  json event = event_of("job_began");
  add_job(*begun.what, event);
  event["attempt"] = begun.what->attempts;
  event["pid"] = begun.process;
  add_share(*begun.what, begun.gpus, event);
  event["stdout"] = path_or_null(begun.output_path);
  event["stderr"] = path_or_null(begun.errors_path);
  print(event);
}

void run_events::job_ended(const running_job& ended, const job_result& result) {
  json event = event_of("job_ended");
  add_job(*ended.what, event);
  event["attempt"] = ended.what->attempts;
  event["state"] = state_name(result.state);
  event["exit_code"] = number_or_null(result.exit_code);
  event["signal"] = result.signal ? json(signal_name(*result.signal)) : json(nullptr);
  event["problem"] = path_or_null(result.reason);
  event["will_retry"] = result.will_retry;
  event["seconds"] = std::chrono::duration<double>(result.duration).count();
  print(event);
}

void run_events::told(const std::string& sentence) {
  json event = event_of("message");
  event["text"] = sentence;
  print(event);
  print_error(sentence);
}

void run_events::run_ended(const run_ending& ended) {
  json event = event_of("run_ended");
  event["done"] = ended.counts.done;
  event["failed"] = ended.counts.failed;
  event["timeout"] = ended.counts.timed_out;
  event["interrupted"] = ended.counts.interrupted;
  event["skipped"] = ended.counts.skipped;
  event["refused"] = ended.counts.refused;
  event["not_run"] = ended.counts.waiting;
  event["everything_is_free"] = ended.everything_is_free;
  event["exit_code"] = ended.exit_code;
  event["seconds"] = std::chrono::duration<double>(ended.duration).count();
  print(event);
}

std::string planned_event(const job& planned, const std::vector<int>& gpus, bool at_once,
                          const granted_machine& granted) {
  json event{{"event", "job_planned"}};
  add_job(planned, event);
  event["at_once"] = at_once;
  add_share(planned, gpus, event);
  event["cuda_visible_devices"] = at_once ? json(granted.visible_devices(gpus)) : json(nullptr);
  return line_of(event);
}

}  // namespace narke::internal
