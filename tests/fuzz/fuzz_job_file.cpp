// A job file: read the same in any pieces, and every job of it can be run and shown.
#include <stdexcept>
#include <string>
#include <vector>

#include "fuzz/fuzz_targets.hpp"
#include "jobs/job_file.hpp"
#include "jobs/job_text.hpp"

namespace narke_fuzz {
namespace {

using namespace narke::internal;

std::vector<job_line> lines_in_pieces(std::string_view bytes, std::size_t piece) {
  job_settings one_cpu;
  one_cpu.request.cpus = quantity::one();
  job_file_reader reader{one_cpu};
  std::vector<job_line> lines;
  const auto take = [&lines](std::vector<job_line> more) {
    for (job_line& line : more) lines.push_back(std::move(line));
  };
  for (std::size_t at = 0; at < bytes.size(); at += piece) {
    take(reader.feed(bytes.substr(at, piece)));
  }
  take(reader.finish());
  return lines;
}

void check_job(const job_line& line) {
  require(!line.command.empty() && line.command.size() <= command_bytes_max, "a command's length");
  require(line.command.find_first_of(std::string_view{"\n\0", 2}) == std::string::npos,
          "a command is one line without NUL");
  require(line.command.front() != '#', "a comment is no command");
  const resource_request& request = line.settings->request;
  require(request.gpus >= quantity::zero() && request.cpus >= quantity::zero(), "a request");
  require(request.gpus <= quantity::one() || request.gpus.is_whole(), "whole GPUs above 1");
  require(line.settings->retries >= 0, "retries");
  require(!line.settings->timeout || line.settings->timeout->count() > 0, "a timeout above 0");
}

void check_texts(std::string_view bytes) {
  require(is_harmless(escaped_text(bytes)), "escaped text is printable");
  for (const std::string& name : {safe_file_name(bytes), safe_file_name(program_name(bytes))}) {
    require(!name.empty() && name.size() <= 48 && name.front() != '.' && name.front() != '-' &&
                name.find('/') == std::string::npos && is_harmless(name),
            "a file name");
  }
}

}  // namespace

void job_file(std::string_view bytes) {
  const auto whole = lines_in_pieces(bytes, bytes.size() + 1);
  for (const std::size_t piece : {std::size_t{1}, std::size_t{7}}) {
    const auto parts = lines_in_pieces(bytes, piece);
    require(parts.size() == whole.size(), "as many lines in pieces");
    for (std::size_t i = 0; i < whole.size(); ++i) {
      require(parts[i].command == whole[i].command && parts[i].line == whole[i].line &&
                  parts[i].problem == whole[i].problem,
              "the same lines in pieces");
    }
  }
  for (const job_line& line : whole) {
    if (line.settings != nullptr) {
      check_job(line);
    } else {
      require(!line.problem.empty() && is_harmless(line.problem), "a problem in words");
    }
  }
  check_texts(bytes);
}

}  // namespace narke_fuzz
