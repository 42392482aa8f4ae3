// All jobs of a run and how many stand where. Owned by the runner's thread.
#pragma once

#include <cstddef>
#include <cstdint>
#include <deque>
#include <memory>
#include <string>
#include <unordered_map>
#include <vector>

#include "jobs/job.hpp"
#include "jobs/run_observer.hpp"

namespace narke::internal {

class job_list {
 public:
  /// Adds a job that waits, with its number. The reference holds as long as the list.
  job& add(int line, std::string command, std::vector<std::string> arguments,
           std::shared_ptr<const job_settings> settings);
  /// Counts a line that is no job.
  void add_refused() { ++counts_.refused; }

  [[nodiscard]] job& at(int id) { return jobs_[static_cast<std::size_t>(id) - 1]; }
  void set_state(job& of, job_state state);

  [[nodiscard]] const run_counts& counts() const { return counts_; }
  [[nodiscard]] std::size_t size() const { return jobs_.size(); }

 private:
  std::size_t& count_of(job_state state);

  std::deque<job> jobs_;
  std::unordered_map<std::size_t, int> occurrences_;  ///< by the hash of the command
  run_counts counts_;
};

}  // namespace narke::internal
