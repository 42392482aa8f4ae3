// The usual scheduling policy for a while, whatever the program was started with. By a real-time
// policy a thread that polls does not let others run, and two programs take no turns.
#pragma once

#include <sched.h>

namespace bench {

/// This thread, and those that begin while it lives.
class usual_policy {
 public:
  usual_policy() : policy_{sched_getscheduler(0)} {
    sched_getparam(0, &parameters_);
    const sched_param usual{};
    sched_setscheduler(0, SCHED_OTHER, &usual);
  }
  usual_policy(const usual_policy&) = delete;
  usual_policy& operator=(const usual_policy&) = delete;
  ~usual_policy() { sched_setscheduler(0, policy_, &parameters_); }

 private:
  int policy_;
  sched_param parameters_{};
};

}  // namespace bench
