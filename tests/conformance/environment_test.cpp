// Environment variables fill the options that the program leaves unset.
#include <support/runtime_fixture.hpp>
#include <support/scoped_environment.hpp>
#include <support/values.hpp>

#include <nlohmann/json.hpp>

#include <algorithm>
#include <filesystem>
#include <fstream>

using narke_test::scoped_environment;

namespace {

class environment : public narke_test::runtime_test {};

TEST_F(environment, gives_num_cpus) {
  const scoped_environment cpus{"NARKE_NUM_CPUS", "3"};
  narke::init();
  EXPECT_EQ(narke::cluster_resources().at("CPU"), 3.0);
}

TEST_F(environment, is_beaten_by_options) {
  const scoped_environment cpus{"NARKE_NUM_CPUS", "3"};
  const scoped_environment resources{"NARKE_RESOURCES", "license=2"};
  narke::init({.num_cpus = 2, .resources = {{"fpga", 1}}});
  EXPECT_EQ(narke::cluster_resources().at("CPU"), 2.0);
  EXPECT_EQ(narke::cluster_resources().count("license"), 0U);
  EXPECT_EQ(narke::cluster_resources().at("fpga"), 1.0);
}

TEST_F(environment, gives_resources) {
  const scoped_environment resources{"NARKE_RESOURCES", "license=2,fpga=1"};
  narke::init({.num_cpus = 1});
  EXPECT_EQ(narke::cluster_resources().at("license"), 2.0);
  EXPECT_EQ(narke::cluster_resources().at("fpga"), 1.0);
}

TEST_F(environment, gives_fractions_of_resources) {
  const scoped_environment resources{"NARKE_RESOURCES", "license=0.5"};
  narke::init({.num_cpus = 1});
  EXPECT_EQ(narke::cluster_resources().at("license"), 0.5);
}

TEST_F(environment, gives_emulated_gpus) {
  const scoped_environment gpus{"NARKE_EMULATED_GPUS", "2"};
  narke::init({.num_cpus = 1});
  EXPECT_EQ(narke::cluster_resources().at("GPU"), 2.0);
  EXPECT_EQ(narke::gpus().size(), 2U);
}

TEST_F(environment, gives_emulated_gpus_with_their_memory) {
  const scoped_environment gpus{"NARKE_EMULATED_GPUS", "2:1GiB"};
  narke::init({.num_cpus = 1});
  const auto listed = narke::gpus();
  ASSERT_EQ(listed.size(), 2U);
  EXPECT_EQ(listed[1].memory_bytes, std::uint64_t{1} << 30);
}

TEST_F(environment, gives_the_size_of_the_object_store) {
  const scoped_environment store{"NARKE_OBJECT_STORE_MEMORY", "1048576"};
  narke::init({.num_cpus = 1});
  EXPECT_EQ(narke::cluster_resources().at("object_store_memory"), 1048576.0);
}

TEST_F(environment, report_is_written_at_shutdown) {
  const auto file = std::filesystem::temp_directory_path() /
                    ("narke-report-" + std::to_string(getpid()) + ".json");
  const scoped_environment report{"NARKE_REPORT", file.string()};
  narke::init({.num_cpus = 1});
  narke::get(narke::task([] { return 1; }).remote());
  narke::shutdown();
  std::ifstream in{file};
  const auto json = nlohmann::json::parse(in);
  EXPECT_EQ(json.at("cluster_resources").at("CPU"), 1.0);
  std::filesystem::remove(file);
}

TEST_F(environment, a_report_that_cannot_be_written_does_not_stop_shutdown) {
  const scoped_environment report{"NARKE_REPORT", "/nowhere/at/all/report.json"};
  narke::init({.num_cpus = 1});
  EXPECT_NO_THROW(narke::shutdown());
}

// `name` may stand in the message as the field or as the variable.
void expect_refused(const std::string& name, const std::string& value) {
  const scoped_environment variable{name, value};
  auto what = narke_test::message_of<std::invalid_argument>([] { narke::init(); });
  EXPECT_FALSE(what.empty()) << name << '=' << value << " was accepted";
  std::transform(what.begin(), what.end(), what.begin(), [](unsigned char c) {
    return static_cast<char>(std::toupper(c));
  });
  EXPECT_NE(what.find(name.substr(6)), std::string::npos) << what;
  narke::shutdown();
}

TEST_F(environment, bad_values_are_named) {
  for (const char* value : {"many", "-1", "nan", "inf", "2x", "1e400"}) {
    expect_refused("NARKE_NUM_CPUS", value);
    expect_refused("NARKE_NUM_GPUS", value);
  }
  for (const char* value : {"license", "license=", "=2", "license=two", "license=-1", "CPU=4",
                            "GPU=1", "memory=5", "license=1,,fpga=1"}) {
    expect_refused("NARKE_RESOURCES", value);
  }
  for (const char* value : {"two", "-1", "2:", "2:much", "2:-1GiB", ":1GiB", "1.5"}) {
    expect_refused("NARKE_EMULATED_GPUS", value);
  }
  for (const char* value : {"all", "-5"}) expect_refused("NARKE_OBJECT_STORE_MEMORY", value);
}

}  // namespace
