// report and timeline: files and text for people and for programs.
#include <support/runtime_fixture.hpp>
#include <support/scoped_environment.hpp>
#include <support/values.hpp>

#include <nlohmann/json.hpp>

#include <algorithm>
#include <filesystem>
#include <fstream>
#include <string>
#include <unistd.h>

using nlohmann::json;

namespace {

/// A file name of this process that is gone at the end.
class scratch_file {
 public:
  explicit scratch_file(const std::string& name)
      : path_{std::filesystem::temp_directory_path() / (std::to_string(getpid()) + name)} {}
  ~scratch_file() { std::filesystem::remove(path_); }
  [[nodiscard]] std::string string() const { return path_.string(); }
  [[nodiscard]] json parsed() const {
    std::ifstream in{path_};
    return json::parse(in);
  }
  [[nodiscard]] bool exists() const { return std::filesystem::exists(path_); }

 private:
  std::filesystem::path path_;
};

class report : public narke_test::runtime_test {};

TEST_F(report, is_json_with_the_keys_that_programs_read) {
  narke::init({.num_cpus = 2,
               .resources = {{"license", 1}},
               .emulated_gpus = {.count = 2, .memory_bytes = 1 << 20}});
  const auto whole = json::parse(narke::report());
  ASSERT_TRUE(whole.at("gpus").is_array());
  ASSERT_EQ(whole.at("gpus").size(), 2U);
  for (const char* key : {"uuid", "name", "pci.bus_id", "memory.total_bytes"}) {
    EXPECT_TRUE(whole.at("gpus")[0].contains(key)) << key;
  }
  EXPECT_EQ(whole.at("gpus")[0].at("memory.total_bytes"), 1 << 20);
  EXPECT_EQ(whole.at("cluster_resources").at("CPU"), 2.0);
  EXPECT_EQ(whole.at("cluster_resources").at("license"), 1.0);
  EXPECT_EQ(whole.at("available_resources").at("CPU"), 2.0);
  EXPECT_TRUE(whole.contains("schema_version"));
}

TEST_F(report, tells_how_gpus_are_used_and_linked) {
  narke::init({.num_cpus = 1, .emulated_gpus = {.count = 2, .memory_bytes = 16 << 20}});
  const auto before = json::parse(narke::report());
  EXPECT_EQ(before.at("runtime").at("gpus").at(0).at("state"), "closed");
  EXPECT_EQ(before.at("gpu_links").size(), 2U);
  EXPECT_EQ(before.at("gpu_links").at(0).at("peer_access"), true);
  const auto made = narke::task([](narke::gpu_context& gpu, narke::device_span<const int> x) {
    auto out = gpu.allocate<int>(x.size());
    gpu.emulate([=, to = out.data()] { std::copy(x.begin(), x.end(), to); });
    return out;
  }).remote(std::vector<int>(1000, 3));
  EXPECT_EQ(narke::get(made).host()[999], 3);
  const auto runtime = json::parse(narke::report()).at("runtime");
  int open = 0;
  for (const auto& gpu : runtime.at("gpus")) {
    open += gpu.at("state") == "open";
    EXPECT_EQ(gpu.at("used_bytes") > 0, gpu.at("state") == "open");
  }
  EXPECT_EQ(open, 1);
  EXPECT_EQ(runtime.at("gpu_tasks"), 1);
  EXPECT_EQ(runtime.at("bytes_to_devices"), 4000);
  EXPECT_EQ(runtime.at("bytes_to_host"), 4000);
}

TEST_F(report, lists_no_gpu_where_there_is_none) {
  narke::init({.num_cpus = 1, .num_gpus = 0});
  const auto whole = json::parse(narke::report());
  EXPECT_TRUE(whole.at("gpus").is_array());
  EXPECT_TRUE(whole.at("gpus").empty());
}

TEST_F(report, stays_json_with_names_of_any_bytes) {
  narke::init({.num_cpus = 1, .resources = {{"quote\" back\\slash\n", 1}, {"\xff broken", 2}}});
  EXPECT_NO_THROW(std::ignore = json::parse(narke::report()));
}

TEST_F(report, keeps_the_environment_to_itself) {
  const narke_test::scoped_environment secret{"NARKE_TEST_TOKEN", "hunter2-is-secret"};
  start(1);
  EXPECT_EQ(narke::report().find("hunter2"), std::string::npos);
}

class timeline : public narke_test::runtime_test {};

TEST_F(timeline, is_a_chrome_trace_of_what_ran) {
  start(2);
  auto first = narke::task([] { return 1; }, {.name = "first_step"}).remote();
  narke::get(narke::task([](int x) { return x; }, {.name = "second_step"}).remote(first));
  narke::get(narke::task([] {}, {.num_cpus = 0.5, .name = "placed_step"}).remote());
  const scratch_file file{"-trace.json"};
  narke::timeline(file.string());
  const auto trace = file.parsed();
  const auto& events = trace.is_array() ? trace : trace.at("traceEvents");
  int found = 0;
  for (const auto& event : events) {
    EXPECT_TRUE(event.at("ph").is_string()) << event;
    for (const char* key : {"pid", "tid"}) {
      EXPECT_TRUE(!event.contains(key) || event.at(key).is_number_integer()) << event;
    }
    if (event.at("ph") != "X" && event.at("ph") != "B") continue;
    EXPECT_TRUE(event.at("ts").is_number()) << event;
    const auto name = event.at("name").get<std::string>();
    found += name == "first_step" || name == "second_step" || name == "placed_step";
  }
  EXPECT_EQ(found, 3);
}

TEST_F(timeline, stays_json_with_names_of_any_bytes) {
  start(1);
  for (const char* name : {"quote\" back\\slash", "line\nbreak", "\xff\xfe broken", ""}) {
    narke::get(narke::task([] {}, {.name = name}).remote());
  }
  const scratch_file file{"-names.json"};
  narke::timeline(file.string());
  EXPECT_NO_THROW(std::ignore = file.parsed());
}

TEST_F(timeline, that_cannot_be_written_says_so_and_leaves_nothing) {
  start(1);
  const auto what = narke_test::message_of<narke::error>(
      [] { narke::timeline("/nowhere/at/all/trace.json"); });
  EXPECT_NE(what.find("/nowhere/at/all/trace.json"), std::string::npos) << what;
  if (std::filesystem::exists("/dev/full")) {
    EXPECT_THROW(narke::timeline("/dev/full"), narke::error);
  }
  EXPECT_THROW(narke::timeline(""), std::exception);
}

TEST_F(timeline, may_be_written_while_tasks_run) {
  start(2);
  std::vector<narke::object_ref<int>> refs;
  for (int i = 0; i < 5000; ++i) refs.push_back(narke::task([](int x) { return x; }).remote(i));
  const scratch_file file{"-busy.json"};
  for (int i = 0; i < 3; ++i) narke::timeline(file.string());
  narke::get(refs);
  EXPECT_NO_THROW(std::ignore = file.parsed());
}

}  // namespace
