// The advisor's judgement: from counts by line of the user's program to findings. Pure functions;
// who counts is worker/call_sites.hpp. A program that does it right gets none, so each rule asks
// for what the pattern costs, and not only for its form:
//
//   get-in-loop   The results that tasks of one line make are waited for at one line, 8 times or
//                 more, each time as the only task that the thread submitted since it last
//                 waited, with nothing else
//                 outstanding in the process and nothing submitted meanwhile, by a task that
//                 leaves a CPU idle and takes no result of another task. These must be half of the
//                 waits of these two lines that found a CPU idle: recursion ends so now and then.
//   tasks-too-fine   1,000 tasks of one line or more, whose bodies took less time on the average
//                 than it took to submit a task, as measured in this process. A single body counts
//                 for at most `body_ticks_most`, so that one that was interrupted does not hide
//                 the others. Tasks of a line whose bodies submit tasks are never too fine:
//                 recursion ends in small ones.
//   large-argument-copied   Tasks of one line were handed the same elements by value, 4 times or
//                 more, 100 KiB or more each, 1 MiB or more in all.
//   results-in-submission-order   A thread took 4 results or more of one line at one line in the
//                 order of their tasks; it slept while later ones were ready, and had work to do
//                 for them: what could have been done meanwhile is 1 ms or more, and a tenth of the
//                 loop or more. A task that takes the results of its own line does not count.
//   too-many-pending-tasks   100,000 tasks or more were pending when one of this line was
//                 submitted, which takes no results of tasks, and is not too fine (its remedy
//                 lessens the number as well).
//   get-on-task-argument   Tasks of one line got refs as they are, and called get on them: 8 refs
//                 or more at one line, of which one or more was not ready. Tasks that call wait or
//                 as_completed take results as they come, and are left out.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include <narke/detail/source_location.hpp>
#include <narke/resources.hpp>

namespace narke::internal {

inline constexpr std::uint64_t body_ticks_most = 65'536;
/// What a body that submits tasks counts for: one of them outweighs all others of its line.
inline constexpr std::uint64_t body_ticks_of_parent = std::uint64_t{1} << 40;
inline constexpr std::uint64_t pending_tasks_many = 100'000;

/// Where a task was submitted and where its result was asked for; what the task is called.
struct call_pair {
  source_location remote_at;
  source_location get_at;
  std::string task;
};

struct task_counts {
  source_location remote_at;
  std::string task;
  std::uint64_t count = 0;
  std::uint64_t timed = 0;       ///< of these, of how many the time was taken
  std::uint64_t body_ticks = 0;  ///< of the timed
};
struct lonely_gets {
  call_pair where;
  std::uint64_t count = 0;
  std::uint64_t idle_ticks = 0;  ///< how long CPUs idled in these
  std::uint64_t others = 0;      ///< gets there that had company
};
struct ordered_gets {
  call_pair where;
  std::uint64_t count = 0;
  std::uint64_t early = 0;          ///< results that were ready before their turn
  std::uint64_t slept_ticks = 0;    ///< while there were such
  std::uint64_t between_ticks = 0;  ///< what the thread did between the gets
  std::uint64_t loop_ticks = 0;     ///< from the first of them to the last
};
struct copied_arguments {
  source_location remote_at;
  std::string task;
  std::uint64_t count = 0;  ///< times that the same bytes were given
  std::uint64_t copied_bytes = 0;
  std::uint64_t shared_bytes = 0;  ///< compared, and not copied
};
struct pending_tasks {
  source_location remote_at;
  std::string task;
  std::uint64_t count = 0;  ///< at the most
  std::uint64_t bytes = 0;  ///< of memory for them
};
struct argument_gets {
  call_pair where;
  std::uint64_t count = 0;
  std::uint64_t waited = 0;
  std::uint64_t waited_ticks = 0;
};

/// Each list has a line, or a pair of lines, once.
struct advisor_facts {
  std::vector<task_counts> tasks;
  std::vector<lonely_gets> lonely;
  std::vector<ordered_gets> ordered;
  std::vector<copied_arguments> copied;
  std::vector<pending_tasks> pending;
  std::vector<argument_gets> arguments;
  std::uint64_t submit_ticks = 0;  ///< of one task, on the average
  double ns_per_tick = 1;
};

/// By code, then by place.
std::vector<advice_entry> findings(const advisor_facts& facts);

/// "file.cpp:42"; "an unknown line" where it is not known.
std::string place_name(const source_location& at);

}  // namespace narke::internal
