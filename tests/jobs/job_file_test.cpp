#include "jobs/job_file.hpp"

#include <cstdint>
#include <random>
#include <string>
#include <vector>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "jobs/job_settings.hpp"

namespace narke::internal {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;

job_settings one_cpu() {
  job_settings settings;
  settings.request.cpus = quantity::one();
  return settings;
}

// All lines of a text, fed in pieces of this many bytes.
std::vector<job_line> read_in_pieces(std::string_view text, std::size_t piece) {
  job_file_reader reader{one_cpu()};
  std::vector<job_line> lines;
  const auto take = [&lines](std::vector<job_line> more) {
    for (job_line& line : more) lines.push_back(std::move(line));
  };
  for (std::size_t at = 0; at < text.size(); at += piece) take(reader.feed(text.substr(at, piece)));
  take(reader.finish());
  return lines;
}

std::vector<job_line> read_all(std::string_view text) {
  return read_in_pieces(text, text.size() + 1);
}

std::vector<std::string> commands(const std::vector<job_line>& lines) {
  std::vector<std::string> found;
  for (const job_line& line : lines) {
    if (line.settings != nullptr) found.push_back(line.command);
  }
  return found;
}

std::string problem_of(std::string_view text) {
  for (const job_line& line : read_all(text)) {
    if (line.settings == nullptr) return line.problem;
  }
  return {};
}

TEST(job_file, commands_are_lines_without_comments_and_blank_ones) {
  const auto lines = read_all("# first\n\n  ./a --x 1  \n\t# more\n./b\n");
  EXPECT_THAT(commands(lines), ElementsAre("./a --x 1", "./b"));
  EXPECT_EQ(lines[0].line, 3);
  EXPECT_EQ(lines[1].line, 5);
}

TEST(job_file, a_last_line_needs_no_line_break) {
  EXPECT_THAT(commands(read_all("a\nb")), ElementsAre("a", "b"));
  EXPECT_THAT(commands(read_all("")), ElementsAre());
}

TEST(job_file, of_another_system_is_read_all_the_same) {
  EXPECT_THAT(commands(read_all("\xEF\xBB\xBF./a\r\n\r\n./b\r\n")), ElementsAre("./a", "./b"));
}

TEST(job_file, a_quote_that_is_not_closed_is_the_shell_s_matter) {
  EXPECT_THAT(commands(read_all("echo 'a\necho b\n")), ElementsAre("echo 'a", "echo b"));
}

TEST(job_file, a_directive_is_for_the_lines_below_it) {
  const auto lines = read_all(
      "a\n"
      "#NARKE --num-gpus 0.5 --num-cpus=2 --retries 3 --timeout 2m --name t\n"
      "b\nc\n"
      "#NARKE --num-gpus 2\n"
      "d\n"
      "#NARKE\n"
      "e\n");
  ASSERT_THAT(commands(lines), ElementsAre("a", "b", "c", "d", "e"));
  EXPECT_EQ(lines[1].settings->request.gpus, quantity::from_double(0.5, ""));
  EXPECT_EQ(lines[1].settings->request.cpus, quantity::from_whole(2));
  EXPECT_EQ(lines[1].settings->retries, 3);
  EXPECT_EQ(lines[1].settings->timeout, std::chrono::minutes{2});
  EXPECT_EQ(lines[1].settings->name, "t");
  EXPECT_EQ(lines[1].settings, lines[2].settings);
  EXPECT_EQ(lines[3].settings->request.gpus, quantity::from_whole(2));
  EXPECT_EQ(lines[3].settings->request.cpus, quantity::one()) << "as the command line says";
  EXPECT_EQ(lines[3].settings->retries, 0);
  EXPECT_EQ(lines[0].settings, lines[4].settings);
}

TEST(job_file, what_only_looks_like_a_directive_is_a_comment) {
  EXPECT_THAT(commands(read_all("#NARKEX --num-gpus x\n# NARKE --num-gpus x\n#narke y\na\n")),
              ElementsAre("a"));
}

TEST(job_file, a_wrong_directive_takes_the_lines_below_with_it) {
  const auto lines = read_all("a\n#NARKE --num-gpus 1.5\nb\n#NARKE --num-gpus 1\nc\n");
  ASSERT_EQ(lines.size(), 4U);
  EXPECT_THAT(lines[1].problem, HasSubstr("1.5"));
  EXPECT_EQ(lines[1].line, 2);
  EXPECT_THAT(lines[2].problem, HasSubstr("line 2"));
  EXPECT_THAT(commands(lines), ElementsAre("a", "c"));
}

TEST(job_file, every_wrong_option_is_named) {
  EXPECT_THAT(problem_of("#NARKE --gpus 1\n"), HasSubstr("'--gpus' is not an option"));
  EXPECT_THAT(problem_of("#NARKE --num-gpus\n"), HasSubstr("'--num-gpus' needs a value"));
  EXPECT_THAT(problem_of("#NARKE num-gpus 1\n"), HasSubstr("begin with --"));
  EXPECT_THAT(problem_of("#NARKE --num-gpus -1\n"), HasSubstr("-1"));
  EXPECT_THAT(problem_of("#NARKE --num-cpus nan\n"), HasSubstr("'nan' is not a number"));
  EXPECT_THAT(problem_of("#NARKE --retries 1.5\n"), HasSubstr("whole number"));
  EXPECT_THAT(problem_of("#NARKE --timeout 0\n"), HasSubstr("a time above 0"));
  EXPECT_THAT(problem_of("#NARKE --timeout 5y\n"), HasSubstr("'5y'"));
  EXPECT_THAT(problem_of("#NARKE --name=\n"), HasSubstr("a name"));
}

TEST(job_file, nothing_is_read_below_its_end) {
  job_file_reader reader{one_cpu()};
  EXPECT_THAT(commands(reader.feed("a\n#NARKE end\nb\n")), ElementsAre("a"));
  EXPECT_TRUE(reader.is_ended());
  EXPECT_TRUE(reader.feed("c\n").empty());
  EXPECT_TRUE(reader.finish().empty());
}

TEST(job_file, a_nul_byte_is_refused_with_its_line) {
  const auto lines = read_all(std::string_view{"a\nb\0c\nd\n", 8});
  ASSERT_EQ(lines.size(), 3U);
  EXPECT_THAT(lines[1].problem, HasSubstr("NUL"));
  EXPECT_EQ(lines[1].line, 2);
  EXPECT_THAT(commands(lines), ElementsAre("a", "d"));
}

TEST(job_file, a_line_longer_than_any_command_is_refused_whatever_its_pieces) {
  const std::string fits(command_bytes_max, 'x');
  const std::string text = fits + "\n" + fits + "y\nlast\n";
  for (const std::size_t piece : {std::size_t{1'000}, command_bytes_max, text.size()}) {
    const auto lines = read_in_pieces(text, piece);
    ASSERT_EQ(lines.size(), 3U);
    EXPECT_EQ(lines[0].command, fits);
    EXPECT_THAT(lines[1].problem, HasSubstr("longer"));
    EXPECT_EQ(lines[2].command, "last");
  }
}

TEST(job_file, a_million_lines_are_a_million_jobs) {
  std::string text;
  for (int i = 0; i < 1'000'000; ++i) text += ":\n";
  EXPECT_EQ(read_in_pieces(text, 65'536).size(), 1'000'000U);
}

// Random bytes that like line breaks, directives and what is special in them.
std::string random_file(std::mt19937& random) {
  const std::vector<std::string> parts{"\n",
                                       "#NARKE",
                                       " ",
                                       "--num-gpus",
                                       "0.5",
                                       "=",
                                       "--timeout",
                                       "1h",
                                       "end",
                                       "\r\n",
                                       "\xEF\xBB\xBF",
                                       "'",
                                       "\"",
                                       "\\",
                                       "#",
                                       "echo a",
                                       std::string(1, '\0'),
                                       "\x1b[31m",
                                       "\xff",
                                       "--name"};
  std::string text;
  const auto count = std::uniform_int_distribution<int>{0, 40}(random);
  for (int i = 0; i < count; ++i) {
    text += parts[std::uniform_int_distribution<std::size_t>{0, parts.size() - 1}(random)];
  }
  return text;
}

TEST(job_file, is_read_the_same_in_pieces_of_any_size) {
  std::mt19937 random{20260301};
  for (int round = 0; round < 2'000; ++round) {
    const std::string text = random_file(random);
    const auto whole = read_all(text);
    for (const std::size_t piece : {1U, 2U, 3U, 7U}) {
      const auto parts = read_in_pieces(text, piece);
      ASSERT_EQ(parts.size(), whole.size()) << testing::PrintToString(text);
      for (std::size_t i = 0; i < whole.size(); ++i) {
        EXPECT_EQ(parts[i].command, whole[i].command);
        EXPECT_EQ(parts[i].problem, whole[i].problem);
        EXPECT_EQ(parts[i].line, whole[i].line);
        EXPECT_EQ(parts[i].settings == nullptr, whole[i].settings == nullptr);
        EXPECT_EQ(parts[i].command.find_first_of(std::string_view{"\n\0", 2}), std::string::npos);
      }
    }
  }
}

TEST(job_options, durations_have_units) {
  using namespace std::chrono_literals;
  EXPECT_EQ(parse_duration("90", "f"), 90s);
  EXPECT_EQ(parse_duration("1.5", "f"), 1500ms);
  EXPECT_EQ(parse_duration("90s", "f"), 90s);
  EXPECT_EQ(parse_duration("10m", "f"), 10min);
  EXPECT_EQ(parse_duration("2h", "f"), 2h);
  EXPECT_EQ(parse_duration("1d", "f"), 24h);
  for (const char* wrong : {"", "s", "0", "-1", "1x", "1 s", "inf", "nan", "1e3", "99999999d"}) {
    EXPECT_THROW((void)parse_duration(wrong, "f"), std::invalid_argument) << wrong;
  }
}

TEST(job_options, counts_are_whole_and_bounded) {
  EXPECT_EQ(parse_count("0", "f", 0), 0);
  EXPECT_EQ(parse_count("1000000", "f", 1), 1'000'000);
  for (const char* wrong : {"", "-1", "1.0", "1000001", "99999999999999", "0x1", " 1"}) {
    EXPECT_THROW((void)parse_count(wrong, "f", 0), std::invalid_argument) << wrong;
  }
  EXPECT_THROW((void)parse_count("0", "f", 1), std::invalid_argument);
}

}  // namespace
}  // namespace narke::internal
