// A run told as JSON, one object a line on standard output, after docs/run-events.schema.json.
// Every line is ASCII: what a terminal would obey is escaped.
#pragma once

#include <string>

#include "jobs/job_queue.hpp"
#include "jobs/run_observer.hpp"

namespace narke::internal {

class run_events : public run_observer {
 public:
  void run_began(const run_beginning& begun) override;
  void job_skipped(const job& skipped) override;
  void line_refused(int line, const std::string& problem) override;
  void job_began(const running_job& begun) override;
  void job_ended(const running_job& ended, const job_result& result) override;
  void told(const std::string& sentence) override;
  void run_ended(const run_ending& ended) override;
};

/// The line of a job that would run on these GPUs; `at_once`: without waiting for another to end.
std::string planned_event(const job& planned, const std::vector<int>& gpus, bool at_once,
                          const granted_machine& granted);

}  // namespace narke::internal
