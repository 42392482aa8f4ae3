#include <runtime/settings.hpp>

#include <gtest/gtest.h>

#include <cmath>
#include <limits>
#include <stdexcept>
#include <string>

#include <narke/errors.hpp>
#include <support/scoped_environment.hpp>
#include <support/values.hpp>

namespace {

using narke::internal::resolve_settings;
using narke::internal::runtime_settings;
using narke_test::message_of;
using narke_test::scoped_environment;

const double infinity = std::numeric_limits<double>::infinity();

// The message with which options are refused; empty when they are not.
std::string refused(const narke::runtime_options& options) {
  return message_of<std::invalid_argument>([&] { resolve_settings(options); });
}
std::string refused_variable(const char* name, const char* value) {
  const scoped_environment variable{name, value};
  return refused({});
}
void expect_names(const std::string& message, const std::string& what) {
  EXPECT_NE(message.find(what), std::string::npos) << "'" << message << "' does not name " << what;
}

TEST(settings, take_the_options) {
  const runtime_settings settings = resolve_settings({.num_cpus = 3,
                                                      .num_gpus = 0,
                                                      .resources = {{"license", 2.5}},
                                                      .object_store_memory = 1e6,
                                                      .logging_level = "error",
                                                      .tracing = true});
  EXPECT_EQ(settings.totals.cpus, 3);
  EXPECT_TRUE(settings.totals.gpus.empty());
  EXPECT_EQ(settings.totals.custom.at("license").to_double(), 2.5);
  EXPECT_EQ(settings.object_store_bytes, 1'000'000);
  EXPECT_EQ(settings.logging_level, "error");
  EXPECT_TRUE(settings.tracing);
  EXPECT_FALSE(settings.report_file.has_value());
}

TEST(settings, have_defaults_from_the_machine) {
  const runtime_settings settings = resolve_settings({});
  EXPECT_GE(settings.totals.cpus, 1);
  EXPECT_EQ(settings.totals.cpus, settings.described.limits.usable_cpus);
  const auto usable = static_cast<double>(settings.described.limits.usable_memory_bytes);
  EXPECT_NEAR(static_cast<double>(settings.object_store_bytes), 0.3 * usable, 2.0);
  EXPECT_NEAR(static_cast<double>(settings.totals.memory_bytes), 0.7 * usable, 2.0);
  EXPECT_EQ(settings.logging_level, "warning");
  EXPECT_FALSE(settings.tracing);
}

TEST(settings, take_what_is_unset_from_the_environment) {
  const scoped_environment cpus{"NARKE_NUM_CPUS", "5"};
  const scoped_environment gpus{"NARKE_EMULATED_GPUS", "2:1GiB"};
  const scoped_environment resources{"NARKE_RESOURCES", "license=2,fpga=0.5"};
  const scoped_environment store{"NARKE_OBJECT_STORE_MEMORY", "4096"};
  const scoped_environment level{"NARKE_LOGGING_LEVEL", "debug"};
  const scoped_environment tracing{"NARKE_TRACING", "1"};
  const scoped_environment report{"NARKE_REPORT", "report.json"};
  const runtime_settings settings = resolve_settings({});
  EXPECT_EQ(settings.totals.cpus, 5);
  ASSERT_EQ(settings.totals.gpus.size(), 2U);
  EXPECT_EQ(settings.totals.gpus[1].memory_bytes, std::int64_t{1} << 30);
  EXPECT_EQ(settings.totals.custom.at("license").to_double(), 2.0);
  EXPECT_EQ(settings.totals.custom.at("fpga").to_double(), 0.5);
  EXPECT_EQ(settings.object_store_bytes, 4096);
  EXPECT_EQ(settings.logging_level, "debug");
  EXPECT_TRUE(settings.tracing);
  EXPECT_EQ(settings.report_file, "report.json");
}

TEST(settings, prefer_options_to_the_environment) {
  const scoped_environment cpus{"NARKE_NUM_CPUS", "5"};
  const scoped_environment resources{"NARKE_RESOURCES", "license=2"};
  const scoped_environment level{"NARKE_LOGGING_LEVEL", "debug"};
  const scoped_environment tracing{"NARKE_TRACING", "1"};
  const scoped_environment gpus{"NARKE_EMULATED_GPUS", "2"};
  const runtime_settings settings = resolve_settings({.num_cpus = 1,
                                                      .resources = {{"fpga", 1}},
                                                      .emulated_gpus = {.count = 1},
                                                      .logging_level = "off",
                                                      .tracing = false});
  EXPECT_EQ(settings.totals.cpus, 1);
  EXPECT_FALSE(settings.totals.custom.contains("license"));
  EXPECT_EQ(settings.totals.gpus.size(), 1U);
  EXPECT_EQ(settings.logging_level, "off");
  EXPECT_FALSE(settings.tracing);
}

TEST(settings, look_at_no_variable_whose_option_is_set) {
  const scoped_environment cpus{"NARKE_NUM_CPUS", "many"};
  const scoped_environment gpus{"NARKE_EMULATED_GPUS", "some"};
  const scoped_environment tracing{"NARKE_TRACING", "maybe"};
  EXPECT_NO_THROW(
      resolve_settings({.num_cpus = 1, .emulated_gpus = {.count = 0}, .tracing = false}));
}

TEST(settings, take_an_empty_variable_for_none) {
  for (const char* name : {"NARKE_NUM_CPUS", "NARKE_NUM_GPUS", "NARKE_RESOURCES",
                           "NARKE_OBJECT_STORE_MEMORY", "NARKE_EMULATED_GPUS", "NARKE_TRACING",
                           "NARKE_ADVISOR", "NARKE_LOGGING_LEVEL", "NARKE_REPORT",
                           "NARKE_OBJECT_SPILLING_DIRECTORY"}) {
    const scoped_environment variable{name, ""};
    EXPECT_NO_THROW(resolve_settings({})) << name;
  }
}

TEST(settings, name_the_field_that_is_bad) {
  for (const double bad : {0.0, -1.0, 1.5, 1e9, std::nan(""), infinity}) {
    expect_names(refused({.num_cpus = bad}), "num_cpus");
  }
  for (const double bad : {-1.0, 0.5, 1e9, std::nan(""), infinity}) {
    expect_names(refused({.num_gpus = bad}), "num_gpus");
    expect_names(refused({.emulated_gpus = {.count = bad}}), "emulated_gpus");
  }
  for (const double bad : {0.0, -1.0, std::nan(""), infinity, 1e300}) {
    expect_names(refused({.object_store_memory = bad}), "object_store_memory");
    expect_names(refused({.emulated_gpus = {.count = 1, .memory_bytes = bad}}), "memory_bytes");
  }
  expect_names(refused({.emulated_gpus = {.memory_bytes = 1 << 20}}), "count");
  expect_names(refused({.num_gpus = 3, .emulated_gpus = {.count = 2}}), "num_gpus");
}

TEST(settings, name_the_resource_that_is_bad) {
  for (const double bad : {-1.0, std::nan(""), infinity, 1e300}) {
    expect_names(refused({.resources = {{"license", bad}}}), "license");
  }
  for (const char* reserved : {"CPU", "GPU", "memory", "object_store_memory"}) {
    expect_names(refused({.resources = {{reserved, 1}}}), reserved);
  }
  EXPECT_NE(refused({.resources = {{"", 1}}}), "");
}

TEST(settings, name_the_variable_that_is_bad) {
  for (const char* bad : {"-1", "0", "1.5", "many", "2x", " 2", "nan", "inf", "1e9"}) {
    expect_names(refused_variable("NARKE_NUM_CPUS", bad), "NARKE_NUM_CPUS");
  }
  for (const char* bad : {"-1", "half", "0.5", "nan"}) {
    expect_names(refused_variable("NARKE_NUM_GPUS", bad), "NARKE_NUM_GPUS");
  }
  for (const char* bad : {"x", "-1", "1:", ":1GiB", "1:0", "1:much", "1.5", "1:1GiB:2"}) {
    expect_names(refused_variable("NARKE_EMULATED_GPUS", bad), "NARKE_EMULATED_GPUS");
  }
  for (const char* bad : {"0", "-5", "lots", "nan"}) {
    expect_names(refused_variable("NARKE_OBJECT_STORE_MEMORY", bad), "NARKE_OBJECT_STORE_MEMORY");
  }
  for (const char* bad : {"yes", "2", "TRUE", "-1"}) {
    expect_names(refused_variable("NARKE_TRACING", bad), "NARKE_TRACING");
    expect_names(refused_variable("NARKE_ADVISOR", bad), "NARKE_ADVISOR");
  }
  for (const char* bad : {"license", "=2", "license=", "license=two", "license=1,,fpga=1",
                          "license=1;fpga=2", "license=-1", "license=nan", "CPU=2"}) {
    expect_names(refused_variable("NARKE_RESOURCES", bad), "NARKE_RESOURCES");
  }
}

TEST(settings, refuse_a_resource_that_is_named_twice_in_the_variable) {
  expect_names(refused_variable("NARKE_RESOURCES", "license=1,license=2"), "license");
}

TEST(settings, say_what_is_not_there_yet) {
  expect_names(message_of<narke::error>(
                   [] { resolve_settings({.object_spilling_directory = "/tmp"}); }),
               "object_spilling_directory");
  const scoped_environment variable{"NARKE_OBJECT_SPILLING_DIRECTORY", "/tmp"};
  expect_names(message_of<narke::error>([] { resolve_settings({}); }),
               "object_spilling_directory");
}

TEST(settings, offer_what_narke_names_itself_as_resources) {
  const runtime_settings settings = resolve_settings({.emulated_gpus = {.count = 1}});
  int nodes = 0;
  for (const auto& [name, amount] : settings.totals.custom) nodes += name.starts_with("node:");
  EXPECT_EQ(nodes, 1);
}

}  // namespace
