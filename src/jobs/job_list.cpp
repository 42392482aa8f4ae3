#include "jobs/job_list.hpp"

#include <functional>
#include <string_view>
#include <utility>

namespace narke::internal {

job& job_list::add(int line, std::string command, std::vector<std::string> arguments,
                   std::shared_ptr<const job_settings> settings) {
  const int occurrence = ++occurrences_[std::hash<std::string_view>{}(command)];
  jobs_.push_back({.id = static_cast<int>(jobs_.size()) + 1,
                   .line = line,
                   .command = std::move(command),
                   .arguments = std::move(arguments),
                   .settings = std::move(settings),
                   .occurrence = occurrence});
  ++counts_.waiting;
  return jobs_.back();
}

void job_list::set_state(job& of, job_state state) {
  --count_of(of.state);
  of.state = state;
  ++count_of(state);
}

std::size_t& job_list::count_of(job_state state) {
  switch (state) {
    case job_state::waiting:
      break;
    case job_state::running:
      return counts_.running;
    case job_state::done:
      return counts_.done;
    case job_state::failed:
      return counts_.failed;
    case job_state::timed_out:
      return counts_.timed_out;
    case job_state::interrupted:
      return counts_.interrupted;
    case job_state::skipped:
      return counts_.skipped;
    case job_state::refused:
      return counts_.refused;
  }
  return counts_.waiting;
}

run_observer::~run_observer() = default;

}  // namespace narke::internal
