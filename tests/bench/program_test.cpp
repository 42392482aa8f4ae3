// What a benchmark program does with its options, its contenders and their results.
#include "harness/program.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <sstream>
#include <string>
#include <vector>

#include <nlohmann/json.hpp>

#include "observe/keeps_schema.hpp"

namespace bench {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;
using testing::Not;
using testing::StartsWith;

contender named(const std::string& name, std::vector<std::string>& log) {
  return {name, [name, &log](run& measured) {
            measured.start();
            log.push_back(name);
            measured.stop();
            measured.count("calls", double(log.size()));
          }};
}

contender wrong(const std::string& name, std::vector<std::string>& log) {
  return {name, [name, &log](run& measured) {
            log.push_back(name);
            measured.start();
            measured.stop();
            expect_equal(2 + 2, 5, "the sum");
          }};
}

class program_test : public testing::Test {
 protected:
  int call(const std::vector<std::string>& options) {
    std::vector<const char*> argv{"./sorting"};
    for (const std::string& each : options) argv.push_back(each.c_str());
    out_.str("");
    err_.str("");
    const program which{.name = "sorting",
                        .description = "Sorts.",
                        .workloads =
                            [this](const options_type& chosen) {
                              was_quick_ = chosen.quick;
                              return all_;
                            },
                        .notes = [] { return std::vector<std::string>{"By the card index."}; }};
    return run_program(which, int(argv.size()), argv.data(), out_, err_);
  }
  nlohmann::json json_of(std::vector<std::string> options) {
    options.insert(options.end(), {"--json", "-"});
    exit_code_ = call(options);
    return nlohmann::json::parse(out_.str());
  }
  static std::vector<std::string> names(const nlohmann::json& document) {
    std::vector<std::string> all;
    for (const auto& each : document["benchmarks"]) all.push_back(each["name"]);
    return all;
  }

  using options_type = bench::options;
  std::vector<std::string> log_;
  std::vector<workload> all_{{.name = "sort",
                              .variant = "size:8",
                              .item = "element",
                              .items = 8,
                              .bytes_an_item = 4,
                              .contenders = {named("bubble", log_), named("heap", log_)},
                              .labels = {{"device", "emulated"}}}};
  bool was_quick_ = false;
  int exit_code_ = -1;
  std::ostringstream out_;
  std::ostringstream err_;
};

TEST_F(program_test, contenders_take_turns_after_a_run_of_each_that_is_not_counted) {
  EXPECT_EQ(call({"--repetitions", "2"}), 0);
  EXPECT_THAT(log_, ElementsAre("bubble", "heap", "bubble", "heap", "bubble", "heap"));
  all_.front().warms_up = false;
  log_.clear();
  call({"--repetitions", "1"});
  EXPECT_THAT(log_, ElementsAre("bubble", "heap"));
}

TEST_F(program_test, the_table_goes_to_standard_output_and_shows_everyone) {
  EXPECT_EQ(call({"--repetitions", "1"}), 0);
  const std::string text = out_.str();
  for (const char* each : {"sort size:8", "device: emulated", "bubble", "heap",
                           "By the card index.", "for one element of 8"}) {
    EXPECT_THAT(text, HasSubstr(each));
  }
  EXPECT_THAT(err_.str(), IsEmpty());
}

TEST_F(program_test, json_on_standard_output_leaves_the_table_to_standard_error) {
  const auto document = json_of({"--repetitions", "2"});
  EXPECT_EQ(exit_code_, 0);
  EXPECT_THAT(err_.str(), HasSubstr("bubble"));
  EXPECT_TRUE(narke::internal::testing::keeps_schema("benchmark.schema.json", out_.str()));
  EXPECT_EQ(document["context"]["quick"], false);
  EXPECT_EQ(document["context"]["executable"], "./sorting");
}

TEST_F(program_test, json_has_each_repetition_and_then_the_aggregates) {
  const auto document = json_of({"--repetitions", "2", "--filter", "heap"});
  const std::string name = "sort/heap/size:8";
  EXPECT_THAT(names(document),
              ElementsAre(name, name, name + "_mean", name + "_median", name + "_stddev",
                          name + "_cv", name + "_min", name + "_max"));
  const auto& first = document["benchmarks"][0];
  EXPECT_EQ(first["run_type"], "iteration");
  EXPECT_EQ(first["iterations"], 8);
  EXPECT_EQ(first["repetition_index"], 0);
  EXPECT_EQ(first["repetitions"], 2);
  EXPECT_EQ(document["benchmarks"][1]["repetition_index"], 1);
  EXPECT_EQ(document["benchmarks"][3]["aggregate_name"], "median");
  EXPECT_GT(document["benchmarks"][3]["first_real_time"], 0);
  EXPECT_EQ(document["benchmarks"][5]["aggregate_unit"], "percentage");
}

TEST_F(program_test, every_record_has_the_labels_and_its_counters) {
  const auto document = json_of({"--repetitions", "1"});
  for (const auto& each : document["benchmarks"]) {
    EXPECT_EQ(each["device"], "emulated");
    EXPECT_EQ(each["baseline"], "bubble");
    EXPECT_TRUE(each["calls"].is_number());
  }
}

TEST_F(program_test, one_repetition_has_no_aggregates) {
  EXPECT_THAT(names(json_of({"--repetitions", "1"})),
              ElementsAre("sort/bubble/size:8", "sort/heap/size:8"));
}

TEST_F(program_test, a_wrong_result_is_told_and_exits_1_and_the_others_run) {
  all_.front().contenders.insert(all_.front().contenders.begin() + 1, wrong("bogo", log_));
  const auto document = json_of({"--repetitions", "3"});
  EXPECT_EQ(exit_code_, 1);
  EXPECT_THAT(err_.str(), HasSubstr("sort/bogo/size:8: the sum is 4, and had to be 5\n"));
  EXPECT_EQ(std::count(log_.begin(), log_.end(), "bogo"), 1);
  EXPECT_EQ(std::count(log_.begin(), log_.end(), "heap"), 4);
  EXPECT_TRUE(narke::internal::testing::keeps_schema("benchmark.schema.json", out_.str()));
  const auto failed =
      std::find_if(document["benchmarks"].begin(), document["benchmarks"].end(),
                   [](const nlohmann::json& each) { return each["contender"] == "bogo"; });
  ASSERT_NE(failed, document["benchmarks"].end());
  EXPECT_EQ((*failed)["error_occurred"], true);
  EXPECT_FALSE(failed->contains("real_time"));
}

TEST_F(program_test, a_run_that_is_not_stopped_is_a_failure) {
  all_.front().contenders = {{"endless", [](run& measured) { measured.start(); }}};
  EXPECT_EQ(call({}), 1);
  EXPECT_THAT(err_.str(), HasSubstr("without stop()"));
}

TEST_F(program_test, filter_leaves_out_what_it_is_not_found_in) {
  EXPECT_EQ(call({"--filter", "sort/heap", "--repetitions", "1"}), 0);
  EXPECT_THAT(log_, ElementsAre("heap", "heap"));
}

TEST_F(program_test, filter_that_leaves_nothing_is_wrong_usage_and_names_what_there_is) {
  EXPECT_EQ(call({"--filter", "quick"}), 2);
  EXPECT_THAT(err_.str(), HasSubstr("sort/bubble/size:8"));
}

TEST_F(program_test, wrong_usage_exits_2_with_the_reason_and_runs_nothing) {
  for (const std::vector<std::string>& options :
       std::vector<std::vector<std::string>>{{"--frobnicate"},
                                             {"--repetitions", "0"},
                                             {"--repetitions", "many"},
                                             {"--filter", "("},
                                             {"--json"},
                                             {"heap"}}) {
    EXPECT_EQ(call(options), 2) << options.front();
    EXPECT_THAT(err_.str(), StartsWith("sorting: "));
    EXPECT_THAT(out_.str(), IsEmpty());
  }
  EXPECT_THAT(log_, IsEmpty());
}

TEST_F(program_test, help_and_version_go_to_standard_output) {
  EXPECT_EQ(call({"--help"}), 0);
  EXPECT_THAT(out_.str(), HasSubstr("--repetitions"));
  EXPECT_EQ(call({"--version"}), 0);
  EXPECT_THAT(out_.str(), StartsWith("sorting of narke "));
  EXPECT_THAT(log_, IsEmpty());
}

TEST_F(program_test, quick_reaches_the_workloads_and_is_said) {
  EXPECT_EQ(call({"--quick"}), 0);
  EXPECT_TRUE(was_quick_);
  EXPECT_THAT(out_.str(), HasSubstr("no figure to quote"));
  EXPECT_EQ(log_.size(), 8U);  // 3 repetitions, and 1 that is not counted
}

TEST_F(program_test, a_contender_may_have_several_runs_in_a_repetition_in_turn_with_others) {
  all_[0].contenders[0].runs = 3;
  all_[0].contenders.push_back(named("quick", log_));
  all_[0].contenders[2].runs = 2;
  const auto document = json_of({"--repetitions", "2"});
  const std::vector<std::string> round{"bubble", "heap", "quick", "bubble", "quick", "bubble"};
  std::vector<std::string> expected{"bubble", "heap", "quick"};  // not counted
  for (int i = 0; i != 2; ++i) expected.insert(expected.end(), round.begin(), round.end());
  EXPECT_EQ(log_, expected);
  for (const auto& each : document["benchmarks"]) {
    const std::string name = each["run_name"];
    const bool is_first = name.find("bubble") != std::string::npos;
    const int expected_runs = is_first ? 6 : name.find("heap") != std::string::npos ? 2 : 4;
    EXPECT_EQ(each["repetitions"], expected_runs) << name;
  }
}

TEST_F(program_test, a_file_that_cannot_be_written_is_told_after_the_table) {
  EXPECT_EQ(call({"--json", "/dev/null/results.json"}), 1);
  EXPECT_THAT(err_.str(), HasSubstr("/dev/null/results.json"));
  EXPECT_THAT(out_.str(), HasSubstr("heap"));
}

TEST(results, others_are_compared_with_the_first_by_what_was_chosen) {
  workload_result result{.name = "w",
                         .compared_by = measure::cpu_time,
                         .baseline = "slow",
                         .contenders = {{.contender = "slow", .repetitions = {{100, 400}}},
                                        {.contender = "fast", .repetitions = {{100, 100}}}}};
  EXPECT_THAT(to_table(result), HasSubstr("0.25 x     -300 ns"));
  result.compared_by = measure::real_time;
  EXPECT_THAT(to_table(result), HasSubstr("1.00 x       +0 ns"));
}

TEST(results, a_counter_may_be_what_is_compared) {
  workload_result result{
      .name = "w",
      .compared_counter = "bytes_a_task",
      .baseline = "slow",
      .contenders = {{.contender = "slow", .repetitions = {{100, 100, {{"bytes_a_task", 400}}}}},
                     {.contender = "fast", .repetitions = {{200, 200, {{"bytes_a_task", 100}}}}}}};
  EXPECT_THAT(to_table(result), HasSubstr("0.25 x        -300"));
  EXPECT_THAT(to_table(result), HasSubstr("compared by bytes_a_task"));
  EXPECT_EQ(result.compared_field(), "bytes_a_task");
}

TEST(results, without_the_first_nothing_is_compared) {
  const workload_result result{.name = "w",
                               .baseline = "slow",
                               .contenders = {{.contender = "fast", .repetitions = {{1, 1}}}}};
  EXPECT_THAT(to_table(result), Not(HasSubstr(" x ")));
}

TEST(results, durations_have_three_digits_and_a_unit) {
  EXPECT_EQ(duration_text(12.34), "12.3 ns");
  EXPECT_EQ(duration_text(12'340), "12.3 us");
  EXPECT_EQ(duration_text(12'340'000), "12.3 ms");
  EXPECT_EQ(duration_text(1'234'000'000), "1.234 s");
}

TEST(run_clock, times_add_up_and_the_order_is_checked) {
  run measured;
  EXPECT_THROW(measured.stop(), std::logic_error);
  measured.start();
  EXPECT_THROW(measured.start(), std::logic_error);
  measured.stop();
  const auto first = measured.real_time();
  measured.start();
  measured.stop();
  EXPECT_GE(measured.real_time(), first);
  EXPECT_GE(measured.cpu_time().count(), 0);
}

TEST(run_clock, what_a_contender_measured_itself_adds_up_too) {
  run measured;
  measured.add(std::chrono::nanoseconds{7}, std::chrono::nanoseconds{5});
  measured.add(std::chrono::nanoseconds{2}, std::chrono::nanoseconds{1});
  EXPECT_EQ(measured.real_time().count(), 9);
  EXPECT_EQ(measured.cpu_time().count(), 6);
}

TEST(machine_context, says_when_where_and_by_what) {
  const machine_context found = read_context("sorting", "./sorting", true);
  EXPECT_GE(found.num_cpus, 1);
  EXPECT_FALSE(found.host_name.empty());
  EXPECT_FALSE(found.compiler.empty());
  EXPECT_EQ(found.load_average.size(), 3U);
  EXPECT_TRUE(found.is_quick);
  EXPECT_THAT(found.date, testing::MatchesRegex("....-..-..T..:..:..[+-]..:.."));
}

}  // namespace
}  // namespace bench
