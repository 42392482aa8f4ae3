#include "jobs/job_text.hpp"

#include <set>
#include <string>
#include <vector>

#include <gtest/gtest.h>

#include "jobs/job.hpp"
#include "jobs/job_list.hpp"

namespace narke::internal {
namespace {

TEST(job_text, escaped_text_is_printable_and_tells_any_two_texts_apart) {
  std::set<std::string> seen;
  std::vector<std::string> texts{"", "\\x00", "\\\\x00", std::string(1, '\0')};
  for (int byte = 0; byte < 256; ++byte) texts.emplace_back(1, static_cast<char>(byte));
  for (const std::string& text : std::set<std::string>{texts.begin(), texts.end()}) {
    const std::string escaped = escaped_text(text);
    EXPECT_TRUE(seen.insert(escaped).second) << escaped;
    for (const char c : escaped) EXPECT_TRUE(c >= 0x20 && c < 0x7f) << escaped;
  }
  EXPECT_EQ(escaped_text("a\x1b[31m\\"), "a\\x1b[31m\\\\");
}

TEST(job_text, a_file_name_leads_nowhere_else) {
  EXPECT_EQ(safe_file_name("train"), "train");
  EXPECT_EQ(safe_file_name("../../etc/passwd"), "_.._etc_passwd");
  EXPECT_EQ(safe_file_name(".."), "job");
  EXPECT_EQ(safe_file_name("-rf"), "rf");
  EXPECT_EQ(safe_file_name("a\x1b[2Jb\n"), "a__2Jb_");
  EXPECT_EQ(safe_file_name("größe"), "gr____e");
  EXPECT_EQ(safe_file_name(std::string("a\0b", 3)), "a_b");
  EXPECT_EQ(safe_file_name(std::string(1'000, 'x')).size(), 48U);
  EXPECT_EQ(safe_file_name(""), "job");
}

TEST(job_text, a_job_is_named_after_its_program) {
  EXPECT_EQ(program_name("python3 train.py"), "python3");
  EXPECT_EQ(program_name("A=1 B_2='' /usr/bin/python3 x"), "python3");
  EXPECT_EQ(program_name("  ./a;b"), "a");
  EXPECT_EQ(program_name("(cd x)"), "");
  EXPECT_EQ(program_name(""), "");
  EXPECT_EQ(program_name("=x"), "=x");
}

TEST(job_text, arguments_are_quoted_as_a_shell_needs_it) {
  EXPECT_EQ(shell_quoted(std::vector<std::string>{"a", "-b=c", "./d/e"}), "a -b=c ./d/e");
  EXPECT_EQ(shell_quoted(std::vector<std::string>{"a b", "", "it's", "$x"}),
            "'a b' '' 'it'\\''s' '$x'");
}

TEST(job_result, says_how_an_attempt_ended) {
  EXPECT_EQ(describe({.state = job_state::failed, .exit_code = 3}), "exit 3");
  EXPECT_EQ(describe({.state = job_state::failed, .signal = 9}), "killed by SIGKILL (9)");
  EXPECT_EQ(describe({.state = job_state::failed, .reason = "No such file"}),
            "did not start: No such file");
  EXPECT_EQ(signal_name(11), "SIGSEGV");
  EXPECT_EQ(signal_name(42), "signal 42");
}

TEST(job_list, counts_jobs_by_state_and_equal_commands_by_number) {
  job_list jobs;
  const auto settings = std::make_shared<const job_settings>();
  EXPECT_EQ(jobs.add(1, "a", {}, settings).occurrence, 1);
  EXPECT_EQ(jobs.add(2, "b", {}, settings).occurrence, 1);
  EXPECT_EQ(jobs.add(3, "a", {}, settings).occurrence, 2);
  EXPECT_EQ(jobs.at(3).id, 3);
  EXPECT_EQ(jobs.counts().waiting, 3U);
  for (const job_state state :
       {job_state::running, job_state::done, job_state::failed, job_state::timed_out,
        job_state::interrupted, job_state::skipped, job_state::refused, job_state::waiting}) {
    jobs.set_state(jobs.at(1), state);
    EXPECT_EQ(jobs.counts().all(), 3U) << state_name(state);
    EXPECT_EQ(jobs.counts().waiting, state == job_state::waiting ? 3U : 2U) << state_name(state);
  }
  jobs.set_state(jobs.at(2), job_state::done);
  EXPECT_EQ(jobs.counts().done, 1U);
  EXPECT_EQ(jobs.counts().ended(), 1U);
}

}  // namespace
}  // namespace narke::internal
