// What `narke run` says of a run to people, without one: lines, and the table of a terminal.
#include "cli/run_lines.hpp"
#include "cli/run_table.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <csignal>

namespace narke::internal {
namespace {

using namespace std::chrono_literals;
using testing::ElementsAre;
using testing::EndsWith;
using testing::HasSubstr;
using testing::internal::CaptureStderr;
using testing::internal::GetCapturedStderr;

std::string text_between(const std::string& text, char from, char to) {
  const auto begin = text.find(from);
  return text.substr(begin, text.find(to, begin) - begin + 1);
}

TEST(run_text, durations_are_as_long_as_needed) {
  EXPECT_EQ(duration_text(0ns), "0.0 s");
  EXPECT_EQ(duration_text(99'940ms), "99.9 s");
  EXPECT_EQ(duration_text(100s), "1:40");
  EXPECT_EQ(duration_text(59min + 59s), "59:59");
  EXPECT_EQ(duration_text(1h), "1:00:00");
  EXPECT_EQ(duration_text(23h + 5min + 7s), "23:05:07");
  EXPECT_EQ(duration_text(74h + 7s), "3 d 02:00:07");
}

TEST(run_text, counts_are_those_that_are_not_zero) {
  EXPECT_EQ(counts_text({}), "no jobs");
  EXPECT_EQ(counts_text({.done = 8}), "8 done");
  EXPECT_EQ(counts_text({.waiting = 1,
                         .running = 2,
                         .done = 3,
                         .failed = 4,
                         .timed_out = 5,
                         .interrupted = 6,
                         .skipped = 7,
                         .refused = 8}),
            "3 done, 7 done before, 4 failed, 5 timed out, 6 interrupted, 8 refused, 2 running, "
            "1 not run");
}

TEST(run_text, gpus_are_listed) {
  EXPECT_EQ(gpus_text({}), "no GPU");
  EXPECT_EQ(gpus_text({3}), "GPU 3");
  EXPECT_EQ(gpus_text({0, 1}), "GPUs 0,1");
}

TEST(run_text, commands_are_cut) {
  EXPECT_EQ(command_text("echo 1", 200), "echo 1");
  EXPECT_EQ(command_text("echo 1", 4), "echo…");
}

job a_job(int id, job_state state = job_state::running) {
  job made;
  made.id = id;
  made.command = "train " + std::to_string(id);
  made.state = state;
  return made;
}

TEST(run_text, an_attempt_is_told_with_its_end) {
  const job what = a_job(3);
  running_job ended{.what = &what, .errors_path = "logs/3.err"};
  EXPECT_EQ(ended_text(ended, {.exit_code = 0, .duration = 2s}), "job 3 done after 2.0 s: train 3");
  job_result failed{.state = job_state::failed, .signal = SIGSEGV, .duration = 1s};
  EXPECT_EQ(ended_text(ended, failed),
            "job 3 failed (killed by SIGSEGV (11)) after 1.0 s: train 3; see logs/3.err");
  failed.will_retry = true;
  EXPECT_THAT(ended_text(ended, failed), EndsWith("train 3; it is tried again"));
  ended.errors_path.clear();
  failed.will_retry = false;
  EXPECT_THAT(ended_text(ended, failed), EndsWith("train 3"));
}

TEST(run_text, every_state_has_a_word) {
  std::vector<std::string> words;
  for (const job_state state :
       {job_state::waiting, job_state::running, job_state::done, job_state::failed,
        job_state::timed_out, job_state::interrupted, job_state::skipped, job_state::refused}) {
    words.emplace_back(state_name(state));
  }
  EXPECT_THAT(words, ElementsAre("waiting", "running", "done", "failed", "timeout", "interrupted",
                                 "skipped", "refused"));
}

TEST(run_table, tells_how_far_it_is_in_a_bar) {
  const auto lines = table_lines({}, {.waiting = 5, .done = 5}, 3s, {.columns = 80, .lines = 24});
  ASSERT_EQ(lines.size(), 1U);
  EXPECT_EQ(lines[0], "[" + std::string(20, '#') + std::string(20, '.') + "] 5 of 10, 3.0 s");
  EXPECT_EQ(text_between(table_lines({}, {}, 0s, {})[0], '[', ']'),
            "[" + std::string(40, '.') + "]")
      << "no jobs yet";
  EXPECT_EQ(table_lines({}, {.running = 2, .failed = 1, .timed_out = 1}, 1s, {.columns = 20})[0],
            " 2 of 4, 2 running,")
      << "no room for a bar";
}

TEST(run_table, counts_the_rows_that_have_no_room) {
  const std::vector<table_row> rows(10, {.id = 7, .state = "running", .command = "sleep 1"});
  const auto lines = table_lines(rows, {.running = 10}, 0s, {.columns = 80, .lines = 8});
  ASSERT_EQ(lines.size(), 7U);
  EXPECT_THAT(lines[0], HasSubstr("command"));
  EXPECT_THAT(lines[4], HasSubstr("sleep 1"));
  EXPECT_THAT(lines[5], EndsWith("and 6 more"));
  EXPECT_EQ(table_lines(rows, {.running = 10}, 0s, {.columns = 80, .lines = 1}).size(), 4U)
      << "one row is shown on the smallest terminal";
}

TEST(run_table, cuts_lines_at_whole_characters) {
  const table_row row{.id = 1, .command = "äö漢字😀 and more"};
  const std::size_t before = 51;  // what stands before the command
  const auto command = [&](std::size_t columns) {
    const auto lines = table_lines({row}, {}, 0s, {.columns = before + columns + 1});
    return lines[1].substr(before);
  };
  EXPECT_EQ(command(2), "äö");
  EXPECT_EQ(command(3), "äö") << "half of a wide one";
  EXPECT_EQ(command(4), "äö漢");
  EXPECT_EQ(command(8), "äö漢字😀");
  EXPECT_EQ(table_lines({row}, {}, 0s, {.columns = 0})[1].size(), 1U);
}

/// What an observer writes of the same story.
std::string told_by(run_observer& observer) {
  granted_machine granted;
  granted.warnings = {"the list of GPUs makes no sense"};
  const job waits = a_job(1, job_state::skipped);
  job runs = a_job(2);
  CaptureStderr();
  observer.run_began({.machine = &granted, .log_directory = "logs", .jobs = 2});
  observer.job_skipped(waits);
  observer.line_refused(9, "unknown option '--gpsu'");
  const running_job shown{.what = &runs, .gpus = {0}};
  observer.job_began(shown);
  observer.moment({.running = 1}, {shown});
  observer.told("ending all jobs\x1b[2J");
  runs.state = job_state::failed;
  observer.job_ended(shown, {.state = job_state::failed, .exit_code = 2});
  observer.run_ended({.counts = {.failed = 1, .skipped = 1}, .exit_code = 1, .duration = 5s});
  return GetCapturedStderr();
}

TEST(run_table, what_went_wrong_stays_above_it) {
  run_table table;
  const std::string told = told_by(table);
  for (const char* line :
       {"narke: the list of GPUs makes no sense\n", "narke: line 9 is refused: unknown option",
        "narke: ending all jobs", "narke: job 2 failed (exit 2)",
        "narke: 1 done before, 1 failed in 5.0 s; output in logs\n"}) {
    EXPECT_THAT(told, HasSubstr(line));
  }
  EXPECT_THAT(told, HasSubstr("running     0"));
  EXPECT_EQ(told.find("\x1b[2J"), std::string::npos) << "of a message nothing is obeyed";
  EXPECT_EQ(table.interval(), 100ms);
}

TEST(run_lines, say_what_happens) {
  run_lines lines{false};
  const std::string told = told_by(lines);
  for (const char* line :
       {"narke: the list of GPUs makes no sense\n", "narke: line 9 is refused: unknown option",
        "narke: job 2 started on GPU 0: train 2\n", "narke: ending all jobs",
        "narke: job 2 failed (exit 2)",
        "narke: 1 done before, 1 failed in 5.0 s; output in logs\n"}) {
    EXPECT_THAT(told, HasSubstr(line));
  }
  EXPECT_FALSE(lines.interval());
}

TEST(run_lines, that_are_quiet_say_what_went_wrong) {
  run_lines lines{true};
  const std::string told = told_by(lines);
  EXPECT_EQ(told.find("started"), std::string::npos);
  EXPECT_EQ(told.find("output in"), std::string::npos);
  EXPECT_THAT(told, HasSubstr("narke: job 2 failed (exit 2)"));
  EXPECT_THAT(told, HasSubstr("narke: line 9 is refused"));
}

}  // namespace
}  // namespace narke::internal
