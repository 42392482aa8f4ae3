// Which waits can never end, as a pure function of a picture of all of them: no threads, no locks,
// no clock. deadlock.cpp takes the picture; tests make millions of their own.
//
// A wait is for results. A result that is not there yet has *needs*, and comes when each is met. A
// need is met by holders, and each holder lets go by itself, or once one of some waits has ended:
//   the task of the result runs and waits       one need, one holder: the wait of that task
//   it waits for arguments                      one need, one holder: a wait for all of these
//   it waits for a turn of its actor            one need, a holder for each call that runs there
//   it waits for 2 licences, 0 of 3 are free    one need that lacks 2: [1, task], [1, task], [1, …]
// Worked: two tasks hold a licence each and wait for a task that asks for 2; the third licence is
// held by a task that waits for a promise. The third will be let go, but 1 is less than 2: the two
// waits can never end, the third can.
#pragma once

#include <cstddef>
#include <vector>

namespace narke::internal {

struct wait_holder {
  std::vector<std::size_t> waits;  ///< it lets go when one of these has ended; none: by itself
  double amount = 0;               ///< of what is lacking
};

/// Met when a holder lets go, and those that do hold no less than `lacking`.
struct wait_need {
  double lacking = 0;
  std::vector<wait_holder> holders;
};

struct wanted_result {
  bool is_there = false;
  bool has_failed = false;       ///< it is there, as an error
  std::vector<wait_need> needs;  ///< none: it comes by itself
};

struct pictured_wait {
  std::vector<wanted_result> wanted;
  std::size_t goal = 1;        ///< how many of them have to be there
  bool until_failure = false;  ///< it ends when all are there, or one has failed
  bool has_timeout = false;    ///< it ends by itself
};

using wait_graph = std::vector<pictured_wait>;

/// For each wait, whether nothing can end it: the largest set of waits in which each needs that
/// another of the set ends first. What comes may fail: a wait `until_failure` ends by any.
/// Requires: every index of a wait is below the number of waits.
[[nodiscard]] std::vector<bool> waits_without_end(const wait_graph& graph);

}  // namespace narke::internal
