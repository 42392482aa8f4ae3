// The environment of a job: narke's own, less what would tell the job of GPUs that are not its own,
// and with what tells it of its share. Owned by one thread.
//
//   CUDA_VISIBLE_DEVICES, CUDA_DEVICE_ORDER   its GPUs, none when it has none
//   NARKE_JOB_ID, NARKE_JOB_ATTEMPT           1, 2, 3 …
//   NARKE_RUN_ID                              the same for all jobs of a run, and of no other run
//   NARKE_NUM_CPUS                            its CPUs, rounded up: a program with narke takes so
//   many OMP_NUM_THREADS                           the same, unless the user has set it
#pragma once

#include <string>
#include <vector>

#include "jobs/granted_machine.hpp"
#include "jobs/job.hpp"

namespace narke::internal {

class job_environment {
 public:
  /// `outer`: that of narke itself.
  job_environment(std::vector<std::string> outer, std::string run_id);

  [[nodiscard]] std::vector<std::string> of(const job& started, const std::vector<int>& gpu_ids,
                                            const granted_machine& granted) const;
  /// What a process that was started by this job, or by a process of it, has in its environment.
  [[nodiscard]] std::vector<std::string> marks_of(int job_id) const;

 private:
  std::vector<std::string> kept_;
  std::string run_id_;
  std::string outer_order_;  ///< CUDA_DEVICE_ORDER as the user set it
  bool sets_omp_threads_ = true;
};

}  // namespace narke::internal
