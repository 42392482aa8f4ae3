// cluster_resources, available_resources and nodes.
#include <support/runtime_fixture.hpp>

#include <string>
#include <unistd.h>

namespace {

class resources : public narke_test::runtime_test {};

std::string host() {
  char name[256] = {};
  gethostname(name, sizeof name - 1);
  return name;
}

TEST_F(resources, of_the_cluster_are_all_named) {
  narke::init({.num_cpus = 3,
               .resources = {{"license", 2.5}},
               .object_store_memory = 1 << 20,
               .emulated_gpus = {.count = 2, .memory_bytes = 1 << 20}});
  const auto all = narke::cluster_resources();
  static_assert(std::is_same_v<decltype(all), const std::map<std::string, double>>);
  EXPECT_EQ(all.at("CPU"), 3.0);
  EXPECT_EQ(all.at("GPU"), 2.0);
  EXPECT_EQ(all.at("license"), 2.5);
  EXPECT_EQ(all.at("object_store_memory"), 1048576.0);
  EXPECT_GT(all.at("memory"), 1e6);
  EXPECT_EQ(all.at("node:" + host()), 1.0);
}

TEST_F(resources, without_gpus_name_none) {
  narke::init({.num_cpus = 1, .num_gpus = 0});
  EXPECT_EQ(narke::available_resources().count("GPU"), 0U);
  for (const auto& [name, amount] : narke::cluster_resources()) {
    EXPECT_FALSE(name.starts_with("accelerator_type:")) << name;
  }
}

TEST_F(resources, are_all_available_at_rest) {
  narke::init({.num_cpus = 3, .resources = {{"license", 2.5}}});
  EXPECT_EQ(narke::available_resources(), narke_test::all_resources());
}

TEST_F(resources, with_nothing_left_are_absent) {
  narke::init({.num_cpus = 1, .resources = {{"license", 1}}});
  const auto inside = [] {
    const auto free = narke::available_resources();
    return free.count("CPU") + free.count("license");
  };
  EXPECT_EQ(narke::get(narke::task(inside, {.resources = {{"license", 1}}}).remote()), 0U);
  EXPECT_EQ(narke::available_resources().count("license"), 1U);
}

TEST_F(resources, sum_exactly_however_often_they_are_used) {
  narke::init({.num_cpus = 1, .resources = {{"license", 0.3}}});
  for (int i = 0; i < 50; ++i) {
    narke::get(narke::task([] {}, {.num_cpus = 0.7, .resources = {{"license", 0.1}}}).remote());
  }
  EXPECT_EQ(narke::available_resources(), narke_test::all_resources());
}

TEST_F(resources, stand_in_the_list_of_nodes) {
  narke::init({.num_cpus = 2});
  const auto nodes = narke::nodes();
  ASSERT_EQ(nodes.size(), 1U);
  EXPECT_TRUE(nodes[0].alive);
  EXPECT_EQ(nodes[0].hostname, host());
  EXPECT_FALSE(nodes[0].node_id.empty());
  EXPECT_EQ(nodes[0].resources, narke::cluster_resources());
  EXPECT_EQ(narke::nodes()[0].node_id, nodes[0].node_id);
  EXPECT_EQ(nodes[0].labels.count("a label nobody gave"), 0U);
}

TEST_F(resources, default_sizes_are_shares_of_what_the_process_may_use) {
  narke::init({.num_cpus = 1});
  const auto all = narke::cluster_resources();
  EXPECT_NEAR(all.at("memory") / all.at("object_store_memory"), 7.0 / 3.0, 0.01);
}

}  // namespace
