// The options of init: what they accept, what they refuse.
#include <support/runtime_fixture.hpp>
#include <support/values.hpp>

#include <cmath>
#include <limits>
#include <optional>

using narke_test::message_of;

namespace {

class runtime_options : public narke_test::runtime_test {
 protected:
  static void expect_refused(const narke::runtime_options& options, const std::string& field) {
    const auto what = message_of<std::invalid_argument>([&] { narke::init(options); });
    EXPECT_NE(what.find(field), std::string::npos) << field << ": \"" << what << '"';
    EXPECT_FALSE(narke::is_initialized());
    narke::shutdown();
  }
};

constexpr double nan = std::numeric_limits<double>::quiet_NaN();
constexpr double inf = std::numeric_limits<double>::infinity();

TEST_F(runtime_options, bad_numbers_of_cpus_are_refused_by_name) {
  expect_refused({.num_cpus = -1}, "num_cpus");
  expect_refused({.num_cpus = nan}, "num_cpus");
  expect_refused({.num_cpus = inf}, "num_cpus");
  expect_refused({.num_cpus = -inf}, "num_cpus");
}

TEST_F(runtime_options, bad_numbers_of_gpus_are_refused_by_name) {
  expect_refused({.num_gpus = -1}, "num_gpus");
  expect_refused({.num_gpus = nan}, "num_gpus");
  expect_refused({.num_gpus = inf}, "num_gpus");
}

TEST_F(runtime_options, bad_resources_are_refused_by_name) {
  for (const char* name : {"CPU", "GPU", "memory"}) {
    expect_refused({.resources = {{name, 1}}}, "resources");
    expect_refused({.resources = {{name, 1}}}, name);
  }
  for (const double bad : {-1.0, nan, inf}) {
    expect_refused({.resources = {{"license", bad}}}, "license");
  }
}

TEST_F(runtime_options, bad_sizes_are_refused_by_name) {
  expect_refused({.object_store_memory = -1}, "object_store_memory");
  expect_refused({.object_store_memory = nan}, "object_store_memory");
  expect_refused({.object_store_memory = inf}, "object_store_memory");
  expect_refused({.emulated_gpus = {.count = -1}}, "emulated_gpus");
  expect_refused({.emulated_gpus = {.count = 1, .memory_bytes = -1}}, "emulated_gpus");
}

TEST_F(runtime_options, accept_any_arithmetic_type) {
  const std::size_t cpus = 2;
  const float store = 1e6F;
  narke::init({.num_cpus = cpus,
               .resources = {{"license", 2}, {"fpga", 0.5F}, {"seat", std::size_t{3}}},
               .object_store_memory = store,
               .emulated_gpus = {.count = 2L, .memory_bytes = 1e9}});
  const auto all = narke::cluster_resources();
  EXPECT_EQ(all.at("CPU"), 2.0);
  EXPECT_EQ(all.at("license"), 2.0);
  EXPECT_EQ(all.at("fpga"), 0.5);
  EXPECT_EQ(all.at("seat"), 3.0);
  EXPECT_EQ(all.at("object_store_memory"), 1e6);
  EXPECT_EQ(all.at("GPU"), 2.0);
  EXPECT_EQ(narke::gpus().at(0).memory_bytes, 1000000000U);
}

TEST_F(runtime_options, may_be_filled_field_by_field) {
  narke::runtime_options options;
  options.num_cpus = 3;
  options.resources["license"] = 1;
  options.emulated_gpus.count = 1;
  options.emulated_gpus.memory_bytes = 1 << 20;
  options.tracing = true;
  options.advisor = false;
  narke::init(options);
  EXPECT_EQ(narke::cluster_resources().at("CPU"), 3.0);
  EXPECT_EQ(narke::cluster_resources().at("license"), 1.0);
  EXPECT_EQ(narke::cluster_resources().at("GPU"), 1.0);
}

TEST_F(runtime_options, emulated_gpus_replace_the_real_ones) {
  narke::init({.num_cpus = 1, .emulated_gpus = {.count = 3, .memory_bytes = 1 << 20}});
  ASSERT_EQ(narke::gpus().size(), 3U);
  for (const auto& gpu : narke::gpus()) EXPECT_TRUE(gpu.is_emulated);
}

TEST_F(runtime_options, names_of_resources_are_free) {
  narke::init({.num_cpus = 1, .resources = {{"a b=c,\"d\"\n", 1}}});
  EXPECT_EQ(narke::cluster_resources().at("a b=c,\"d\"\n"), 1.0);
  EXPECT_EQ(narke::get(narke::task([] { return 1; },
                                   {.resources = {{"a b=c,\"d\"\n", 1}}}).remote()), 1);
}

}  // namespace
