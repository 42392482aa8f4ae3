#include "jobs/state_file.hpp"

#include <csignal>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <string>

#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace narke::internal {
namespace {

using testing::HasSubstr;

class temporary_directory {
 public:
  temporary_directory() {
    std::string pattern = testing::TempDir() + "narke-jobs-XXXXXX";
    path_ = ::mkdtemp(pattern.data());
  }
  ~temporary_directory() { std::filesystem::remove_all(path_); }
  temporary_directory(const temporary_directory&) = delete;
  temporary_directory& operator=(const temporary_directory&) = delete;

  [[nodiscard]] std::string operator/(const char* name) const { return path_ + '/' + name; }

 private:
  std::string path_;
};

job job_named(std::string command, int occurrence = 1, int attempts = 1) {
  return {.id = 1,
          .command = std::move(command),
          .settings = std::make_shared<const job_settings>(),
          .occurrence = occurrence,
          .attempts = attempts};
}

std::string text_of(const std::string& path) {
  std::ifstream file{path, std::ios::binary};
  return {std::istreambuf_iterator<char>{file}, {}};
}

unsigned rights_of(const std::string& path) {
  struct stat status {};
  EXPECT_EQ(::lstat(path.c_str(), &status), 0) << path;
  return status.st_mode & 0777U;
}

template <typename Throws>
std::string message_of(Throws action) {
  try {
    action();
  } catch (const error& thrown) {
    return thrown.what();
  }
  return "nothing was thrown";
}

const job_result done{.state = job_state::done, .exit_code = 0};
const job_result failed{.state = job_state::failed, .exit_code = 1};

TEST(state_file, knows_each_job_by_its_command_and_number) {
  const temporary_directory place;
  const log_directory directory{place / "logs"};
  {
    state_file file{directory};
    EXPECT_TRUE(file.is_empty());
    file.append(job_named("a", 1), done);
    file.append(job_named("a", 2, 4), failed);
    file.append(job_named("b \x1b\xff\\", 1), failed);
    file.append(job_named("b \x1b\xff\\", 1, 2), done);
  }
  state_file file{directory};
  const recorded_state state = file.read();
  EXPECT_EQ(state.size(), 3U);
  EXPECT_EQ(state.unreadable(), 0U);
  EXPECT_EQ(state.find(job_named("a", 1))->state, job_state::done);
  EXPECT_EQ(state.find(job_named("a", 2))->state, job_state::failed);
  EXPECT_EQ(state.find(job_named("a", 2))->attempts, 4);
  EXPECT_EQ(state.find(job_named("b \x1b\xff\\"))->state, job_state::done) << "the last counts";
  EXPECT_EQ(state.find(job_named("b \x1b\xfe\\")), nullptr);
  EXPECT_EQ(state.find(job_named("c")), nullptr);
  EXPECT_EQ(text_of(place / "logs/state.jsonl").find('\x1b'), std::string::npos);
}

// Killed while it wrote: every prefix of the file is the state after so many records.
TEST(state_file, any_beginning_of_it_is_a_state) {
  std::string whole = "{\"narke_run\":1}\n";
  const std::size_t head = whole.size();
  for (int i = 1; i <= 3; ++i) whole += state_record(job_named("job", i), done);
  for (std::size_t length = 0; length <= whole.size(); ++length) {
    const std::string text = whole.substr(0, length);
    recorded_state state;
    state.read(text, "f");
    const auto lines = static_cast<std::size_t>(std::count(text.begin(), text.end(), '\n'));
    EXPECT_EQ(state.size(), lines == 0 ? 0 : lines - 1) << length;
    const bool has_part = length > head && text.back() != '\n';
    EXPECT_EQ(state.unreadable(), has_part ? 1U : 0U) << length;
  }
}

TEST(state_file, a_part_of_a_record_is_cut_off_before_the_next) {
  const temporary_directory place;
  const log_directory directory{place / "logs"};
  { state_file{directory}.append(job_named("a"), done); }
  const std::string path = place / "logs/state.jsonl";
  const std::string whole = text_of(path);
  std::ofstream{path, std::ios::app} << R"({"command":"b","occ)";
  state_file file{directory};
  EXPECT_EQ(file.read().unreadable(), 1U);
  EXPECT_EQ(text_of(path), whole);
  file.append(job_named("c"), done);
  EXPECT_EQ(text_of(path), whole + state_record(job_named("c"), done));
}

TEST(state_file, lines_that_are_no_records_are_passed_over) {
  const std::string head = "{\"narke_run\":1}\n";
  for (const char* line :
       {"", "{", "[]", "null", "{}", R"({"command":1,"occurrence":1,"state":"done","attempts":1})",
        R"({"command":"a","occurrence":1,"state":"running","attempts":1})",
        R"({"command":"a","occurrence":-1,"state":"done","attempts":1})",
        R"({"command":"a","occurrence":1,"state":"done","attempts":99999999999999})",
        R"({"command":"a","occurrence":1.5,"state":"done","attempts":1})",
        R"({"command":"a","occurrence":1,"state":"done"})"}) {
    recorded_state state;
    state.read(head + line + '\n' + state_record(job_named("b"), done), "f");
    EXPECT_EQ(state.size(), 1U) << line;
    EXPECT_EQ(state.unreadable(), 1U) << line;
  }
}

TEST(state_file, of_something_else_is_refused) {
  for (const char* text : {"hello", "{\"narke_run\":2}\n", "\n", "{}"}) {
    recorded_state state;
    EXPECT_THROW(state.read(text, "name"), state_file_error) << text;
  }
}

TEST(state_file, is_for_one_run_at_a_time) {
  const temporary_directory place;
  const log_directory directory{place / "logs"};
  const state_file first{directory};
  EXPECT_THAT(message_of([&] { state_file{directory}; }), HasSubstr("another narke run"));
}

TEST(state_file, that_has_no_room_is_as_before) {
  const temporary_directory place;
  const log_directory directory{place / "logs"};
  state_file file{directory};
  file.append(job_named("a"), done);
  const std::string before = text_of(place / "logs/state.jsonl");
  // A limit on the size of files stands for a full disk: the write is short, the next one fails.
  struct sigaction ignore {};
  ignore.sa_handler = SIG_IGN;
  struct sigaction handler {};
  ::sigaction(SIGXFSZ, &ignore, &handler);
  rlimit limit{};
  ::getrlimit(RLIMIT_FSIZE, &limit);
  const rlimit tight{.rlim_cur = before.size() + 10, .rlim_max = limit.rlim_max};
  ::setrlimit(RLIMIT_FSIZE, &tight);
  const std::string message = message_of([&] { file.append(job_named("b"), done); });
  ::setrlimit(RLIMIT_FSIZE, &limit);
  ::sigaction(SIGXFSZ, &handler, nullptr);
  EXPECT_THAT(message, HasSubstr("state.jsonl"));
  EXPECT_THAT(message, HasSubstr("make room"));
  EXPECT_EQ(text_of(place / "logs/state.jsonl"), before);
  file.append(job_named("b"), done);
  EXPECT_EQ(file.read().size(), 2U);
}

TEST(log_directory, is_for_this_user_alone) {
  const temporary_directory place;
  const mode_t before = ::umask(0);
  log_directory directory{place / "logs"};
  const attempt_logs logs = directory.open_for(job_named("./a"));
  const state_file file{directory};
  ::umask(before);
  EXPECT_EQ(rights_of(place / "logs"), 0700U);
  EXPECT_EQ(rights_of(logs.output_path), 0600U);
  EXPECT_EQ(rights_of(logs.errors_path), 0600U);
  EXPECT_EQ(rights_of(place / "logs/state.jsonl"), 0600U);
  EXPECT_EQ(logs.output_path, place / "logs/1-a.out");
}

TEST(log_directory, never_writes_over_a_log) {
  const temporary_directory place;
  log_directory directory{place / "logs"};
  std::ofstream{place / "logs/1-a.2.err"} << "kept";
  EXPECT_EQ(directory.open_for(job_named("./a")).output_path, place / "logs/1-a.out");
  EXPECT_EQ(directory.open_for(job_named("./a")).output_path, place / "logs/1-a.3.out");
  EXPECT_FALSE(std::filesystem::exists(place / "logs/1-a.2.out"));
  EXPECT_EQ(text_of(place / "logs/1-a.2.err"), "kept");
  EXPECT_EQ(directory.open_for(job_named("./a", 1, 7)).output_path, place / "logs/1-a.7.out");
}

TEST(log_directory, a_name_leads_nowhere_else) {
  const temporary_directory place;
  log_directory directory{place / "logs"};
  auto settings = std::make_shared<job_settings>();
  settings->name = "../../../x\x1b\n";
  job named = job_named("a");
  named.settings = settings;
  EXPECT_EQ(directory.open_for(named).output_path, place / "logs/1-_.._.._x__.out");
}

TEST(log_directory, follows_no_link_and_takes_no_open_place) {
  const temporary_directory place;
  std::filesystem::create_directory(place / "real");
  std::filesystem::create_directory_symlink(place / "real", place / "link");
  EXPECT_THAT(message_of([&] { log_directory{place / "link"}; }), HasSubstr("link"));
  std::ofstream{place / "file"} << "";
  EXPECT_THAT(message_of([&] { log_directory{place / "file"}; }), HasSubstr("file"));
  std::filesystem::permissions(place / "real", std::filesystem::perms::all);
  EXPECT_THAT(message_of([&] { log_directory{place / "real"}; }),
              HasSubstr("written to by others"));
  EXPECT_THAT(message_of([&] { log_directory{place / "no/such"}; }), HasSubstr("No such file"));
}

TEST(log_directory, of_an_earlier_run_is_set_aside) {
  const temporary_directory place;
  for (const char* name : {"logs", "logs.1", "logs.2"}) {
    std::filesystem::create_directory(place / name);
  }
  EXPECT_EQ(set_aside(place / "logs"), place / "logs.3");
  EXPECT_FALSE(std::filesystem::exists(place / "logs"));
}

}  // namespace
}  // namespace narke::internal
