// The advisor's judgement on made-up counts: what each rule asks for, and that one less is none.
#include <observe/advice.hpp>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <string>
#include <vector>

namespace {

using namespace narke::internal;  // NOLINT: the facts and their judge
using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;

std::vector<std::string> codes(const advisor_facts& facts) {
  std::vector<std::string> all;
  for (const auto& each : findings(facts)) all.push_back(each.code);
  return all;
}

constexpr std::uint64_t ms = 1'000'000;  // ticks, as a tick is a nanosecond here

narke::source_location here(narke::source_location at = narke::source_location::current()) {
  return at;
}

TEST(advice, is_none_without_facts) {
  EXPECT_THAT(findings({}), IsEmpty());
}

TEST(advice, of_get_in_a_loop_needs_eight_lonely_gets) {
  advisor_facts facts;
  facts.lonely.push_back({{here(), here(), "work"}, 7, 7 * ms, 0});
  EXPECT_THAT(codes(facts), IsEmpty());
  facts.lonely[0].count = 8;
  EXPECT_THAT(codes(facts), ElementsAre("get-in-loop"));
  facts.lonely[0].others = 9;
  EXPECT_THAT(codes(facts), IsEmpty()) << "most gets there had company";
}

TEST(advice, names_line_task_count_cost_and_the_better_form) {
  advisor_facts facts;
  facts.lonely.push_back({{here(), here(), "work"}, 8, 401 * ms, 0});
  const auto found = findings(facts).at(0);
  EXPECT_EQ(found.count, 8U);
  EXPECT_EQ(found.location.line(), facts.lonely[0].where.get_at.line());
  EXPECT_THAT(found.location.file_name(), HasSubstr("advice_test.cpp"));
  for (const char* part :
       {"'work'", "advice_test.cpp:", "8 times", "401.0 ms", "narke::get(refs)"}) {
    EXPECT_THAT(found.message, HasSubstr(part));
  }
}

advisor_facts fine_tasks() {
  advisor_facts facts;
  facts.submit_ticks = 200;
  facts.tasks.push_back({here(), "tiny", 1'000, 1'000, 1'000 * 50});
  return facts;
}

TEST(advice, of_fine_tasks_compares_the_work_with_its_submission) {
  EXPECT_THAT(codes(fine_tasks()), ElementsAre("tasks-too-fine"));
  auto facts = fine_tasks();
  facts.tasks[0].count = 999;
  EXPECT_THAT(codes(facts), IsEmpty());
  facts = fine_tasks();
  facts.tasks[0].body_ticks = 1'000 * 200;
  EXPECT_THAT(codes(facts), IsEmpty());
  facts = fine_tasks();
  facts.tasks[0].timed = 0;
  EXPECT_THAT(codes(facts), IsEmpty()) << "no time was taken";
}

TEST(advice, of_many_pending_tasks_is_left_to_that_of_fine_ones) {
  auto facts = fine_tasks();
  facts.pending.push_back({facts.tasks[0].remote_at, "tiny", pending_tasks_many, 1 << 30});
  EXPECT_THAT(codes(facts), ElementsAre("tasks-too-fine"));
  facts.tasks[0].body_ticks = 1'000 * ms;
  EXPECT_THAT(codes(facts), ElementsAre("too-many-pending-tasks"));
  facts.pending[0].count = pending_tasks_many - 1;
  EXPECT_THAT(codes(facts), IsEmpty());
}

TEST(advice, of_copies_needs_four_and_a_mebibyte) {
  advisor_facts facts;
  facts.copied.push_back({here(), "sum", 4, 1 << 20, 0});
  EXPECT_THAT(codes(facts), ElementsAre("large-argument-copied"));
  facts.copied[0] = {here(), "sum", 4, 1 << 19, 1 << 19};
  EXPECT_THAT(codes(facts), ElementsAre("large-argument-copied")) << "what is compared counts";
  facts.copied[0].count = 3;
  EXPECT_THAT(codes(facts), IsEmpty());
  facts.copied[0] = {here(), "sum", 4, (1 << 20) - 1, 0};
  EXPECT_THAT(codes(facts), IsEmpty());
}

TEST(advice, of_submission_order_needs_work_that_could_have_been_done) {
  advisor_facts facts;
  // 8 results, 5 of them early; 70 ms of work between 8 gets; the thread slept for 40 ms.
  facts.ordered.push_back({{here(), here(), "load"}, 8, 5, 40 * ms, 70 * ms, 110 * ms});
  EXPECT_THAT(codes(facts), ElementsAre("results-in-submission-order"));
  EXPECT_THAT(findings(facts)[0].message, HasSubstr("40.0 ms"));
  facts.ordered[0].between_ticks = 7 * ms / 100;  // nothing to do for the results
  EXPECT_THAT(codes(facts), IsEmpty());
  facts.ordered[0] = {{here(), here(), "load"}, 8, 5, 40 * ms, 70 * ms, 600 * ms};
  EXPECT_THAT(codes(facts), IsEmpty()) << "less than a tenth of the loop";
  facts.ordered[0] = {{here(), here(), "load"}, 3, 2, 40 * ms, 70 * ms, 110 * ms};
  EXPECT_THAT(codes(facts), IsEmpty()) << "three results";
}

TEST(advice, of_gets_on_arguments_needs_eight_and_a_wait) {
  advisor_facts facts;
  facts.arguments.push_back({{here(), here(), "add"}, 8, 1, 3 * ms});
  EXPECT_THAT(codes(facts), ElementsAre("get-on-task-argument"));
  facts.arguments[0].waited = 0;
  EXPECT_THAT(codes(facts), IsEmpty());
  facts.arguments[0] = {{here(), here(), "add"}, 7, 7, 3 * ms};
  EXPECT_THAT(codes(facts), IsEmpty());
}

TEST(advice, comes_in_a_fixed_order) {
  advisor_facts facts = fine_tasks();
  facts.lonely.push_back({{here(), here(), "work"}, 8, ms, 0});
  facts.copied.push_back({here(), "sum", 4, 1 << 20, 0});
  EXPECT_THAT(codes(facts), ElementsAre("get-in-loop", "large-argument-copied", "tasks-too-fine"));
}

}  // namespace
