// A run in two processes, each of which ends everything when the other is gone: the *front*, which
// the user started, and the *worker* below it, which does the work. A SIGKILL of either leaves no
// process of a job behind.
//
//   1. Both adopt orphans, so whatever a job starts stays below the worker while that lives, and
//      below the front after that.
//   2. Jobs' own processes die with the worker (PR_SET_PDEATHSIG). The front then finds what they
//      left among its children, and kills it.
//   3. The worker reads a pipe whose other end only the front holds. End of file: the front is
//      gone, so the worker kills everything and ends.
//   4. The front takes the user's signals and passes them on through that pipe; the worker blocks
//      them. So one ^C of a terminal, which comes to both, counts once.
//
// When both are killed in the same moment, the jobs' own processes die by 2.; what these started
// and did not end with them is then out of reach.
#pragma once

#include <csignal>
#include <functional>

namespace narke::internal {

/// What the worker knows of the front.
struct watch_link {
  int signals = -1;       ///< one byte for each signal that came; end of file: the front is gone
  sigset_t outer_mask{};  ///< the signal mask that narke was started with
};

/// Forks. In the worker: runs `work` and returns its result, or lets its exception through. In the
/// front: returns the worker's exit code when it has ended, or throws narke::error when a signal
/// ended it. Requires: one thread, and no CUDA yet.
int run_watched(const std::function<int(const watch_link&)>& work);

}  // namespace narke::internal
