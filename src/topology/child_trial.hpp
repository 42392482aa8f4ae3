// Tries something in a child process first, because a library that it calls may crash: hwloc 2.9
// does on about one damaged topology file in a hundred. Called from any thread; blocks until the
// child has ended.
#pragma once

#include <functional>
#include <string>

namespace narke::internal {

enum class trial_outcome {
  passed,     ///< `attempt` returned
  refused,    ///< it threw; `text` is what it said
  crashed,    ///< the child ended on its own
  timed_out,  ///< it was ended after `timeout_ms`
  no_child,   ///< none could be started; `text` says why
};

struct trial_result {
  trial_outcome outcome = trial_outcome::crashed;
  std::string text = {};      ///< why it did not pass
  std::string complaint = {}; ///< what the child wrote to standard error, which nobody else sees
};

[[nodiscard]] trial_result try_in_child(const std::function<void()>& attempt, int timeout_ms);

}  // namespace narke::internal
