#include "jobs/state_file.hpp"

#include <array>
#include <cerrno>
#include <optional>
#include <system_error>

#include <fcntl.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include <fmt/format.h>
#include <nlohmann/json.hpp>

#include "jobs/job_text.hpp"

namespace narke::internal {
namespace {

using nlohmann::json;

constexpr std::string_view head_line = "{\"narke_run\":1}\n";

[[noreturn]] void fail(const char* what, const std::string& path, int number) {
  throw error{fmt::format("cannot {} '{}': {}; make room, or choose another place with --logs",
                          what, path, std::generic_category().message(number))};
}

std::string key_of(std::string_view escaped_command, int occurrence) {
  return fmt::format("{} {}", occurrence, escaped_command);
}

std::optional<job_state> state_named(const std::string& name) {
  constexpr std::array recorded{job_state::done, job_state::failed, job_state::timed_out,
                                job_state::interrupted};
  for (const job_state state : recorded) {
    if (name == state_name(state)) return state;
  }
  return std::nullopt;
}

struct keyed_record {
  std::string key;
  recorded_job job;
};

std::optional<keyed_record> parse_record(std::string_view line) {
  const json record = json::parse(line, nullptr, false);
  if (!record.is_object()) return std::nullopt;
  const auto command = record.find("command");
  const auto occurrence = record.find("occurrence");
  const auto state = record.find("state");
  const auto attempts = record.find("attempts");
  const bool is_whole = command != record.end() && command->is_string() &&
                        occurrence != record.end() && occurrence->is_number_integer() &&
                        state != record.end() && state->is_string() && attempts != record.end() &&
                        attempts->is_number_integer();
  if (!is_whole) return std::nullopt;
  const auto known = state_named(state->get_ref<const std::string&>());
  const auto count = attempts->get<std::int64_t>();
  const auto number = occurrence->get<std::int64_t>();
  constexpr std::int64_t limit = 1'000'000'000;
  if (!known || count < 0 || count > limit || number < 0 || number > limit) return std::nullopt;
  return keyed_record{
      .key = key_of(command->get_ref<const std::string&>(), static_cast<int>(number)),
      .job = {.state = *known, .attempts = static_cast<int>(count)}};
}

}  // namespace

state_file_error::~state_file_error() = default;

void recorded_state::read(std::string_view text, const std::string& name) {
  if (head_line.starts_with(text)) return;  // empty, or cut off before the first record
  if (!text.starts_with(head_line)) {
    throw state_file_error{fmt::format(
        "'{}' is not the state of a run that this version can go on with; choose another place "
        "with --logs",
        name)};
  }
  text.remove_prefix(head_line.size());
  while (!text.empty()) {
    const auto end = text.find('\n');
    if (end == std::string_view::npos) {
      ++unreadable_;  // the part of a record that was being written
      return;
    }
    if (auto record = parse_record(text.substr(0, end))) {
      jobs_.insert_or_assign(std::move(record->key), record->job);
    } else {
      ++unreadable_;
    }
    text.remove_prefix(end + 1);
  }
}

const recorded_job* recorded_state::find(const job& wanted) const {
  if (jobs_.empty()) return nullptr;
  const auto at = jobs_.find(key_of(escaped_text(wanted.command), wanted.occurrence));
  return at == jobs_.end() ? nullptr : &at->second;
}

std::string state_record(const job& ended, const job_result& result) {
  nlohmann::ordered_json record{{"command", escaped_text(ended.command)},
                                {"occurrence", ended.occurrence},
                                {"state", state_name(result.state)},
                                {"exit_code", nullptr},
                                {"signal", nullptr},
                                {"attempts", ended.attempts}};
  if (result.exit_code) record["exit_code"] = *result.exit_code;
  if (result.signal) record["signal"] = *result.signal;
  return record.dump() + '\n';
}

state_file::state_file(const log_directory& directory)
    : path_{directory.path() + '/' + file_name},
      file_{::openat(directory.descriptor(), file_name,
                     O_RDWR | O_CREAT | O_APPEND | O_NOFOLLOW | O_CLOEXEC, S_IRUSR | S_IWUSR)} {
  if (file_.get() < 0) fail("open", path_, errno);
  struct stat status {};
  if (::fstat(file_.get(), &status) != 0) fail("look at", path_, errno);
  if (!S_ISREG(status.st_mode) || status.st_uid != ::geteuid()) {
    throw state_file_error{
        fmt::format("'{}' is not a file of this user; choose another place with --logs", path_)};
  }
  if (::flock(file_.get(), LOCK_EX | LOCK_NB) != 0) {
    if (errno != EWOULDBLOCK) fail("lock", path_, errno);
    throw state_file_error{fmt::format(
        "another narke run is using '{}'; let it end, or choose another place with --logs", path_)};
  }
}

bool state_file::is_empty() const {
  struct stat status {};
  return ::fstat(file_.get(), &status) == 0 && status.st_size == 0;
}

recorded_state state_file::read() {
  std::string text;
  std::array<char, 65'536> buffer{};
  while (true) {
    const ssize_t bytes =
        ::pread(file_.get(), buffer.data(), buffer.size(), static_cast<off_t>(text.size()));
    if (bytes < 0 && errno == EINTR) continue;
    if (bytes < 0) fail("read", path_, errno);
    if (bytes == 0) break;
    text.append(buffer.data(), static_cast<std::size_t>(bytes));
  }
  recorded_state state;
  state.read(text, path_);
  // A part of a record at the end would spoil the next one.
  const auto whole = text.rfind('\n') + 1;  // 0 when there is no line break
  if (whole != text.size() && ::ftruncate(file_.get(), static_cast<off_t>(whole)) != 0) {
    fail("write", path_, errno);
  }
  return state;
}

void state_file::append(const job& ended, const job_result& result) {
  if (is_empty()) write(head_line);
  write(state_record(ended, result));
}

void state_file::write(std::string_view text) {
  struct stat before {};
  if (::fstat(file_.get(), &before) != 0) fail("look at", path_, errno);
  ssize_t written = 0;
  do {
    written = ::write(file_.get(), text.data(), text.size());
  } while (written < 0 && errno == EINTR);
  if (written == static_cast<ssize_t>(text.size())) return;
  const int number = written < 0 ? errno : ENOSPC;
  if (::ftruncate(file_.get(), before.st_size) != 0) fail("repair", path_, errno);
  fail("write", path_, number);
}

}  // namespace narke::internal
