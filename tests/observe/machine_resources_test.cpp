#include "observe/machine_resources.hpp"

#include <set>

#include <gtest/gtest.h>

namespace narke::internal {
namespace {

machine small_machine() {
  machine described;
  described.hostname = "box";
  described.memory_bytes = 2'000;
  described.limits.usable_cpus = 3;
  described.limits.usable_memory_bytes = 1'000;
  return described;
}

TEST(machine_resources, follow_rays_names_and_shares) {
  const std::map<std::string, double> expected{
      {"CPU", 3.0}, {"memory", 700.0}, {"node:box", 1.0}, {"object_store_memory", 300.0}};
  EXPECT_EQ(cluster_resources(small_machine()), expected);
}

TEST(machine_resources, what_the_user_says_comes_first) {
  const auto all = cluster_resources(small_machine(), {.num_cpus = 0.0,
                                                       .num_gpus = 2.0,
                                                       .object_store_memory_bytes = 5'000,
                                                       .resources = {{"license", 2.0}}});
  EXPECT_EQ(all.count("CPU"), 0U);
  EXPECT_EQ(all.at("GPU"), 2.0);
  EXPECT_EQ(all.at("object_store_memory"), 5'000.0);
  EXPECT_EQ(all.at("license"), 2.0);
}

TEST(machine_resources, every_type_of_gpu_is_a_resource_of_1) {
  machine described = small_machine();
  for (const char* name : {"NVIDIA A100-SXM4-80GB", "NVIDIA A100-SXM4-80GB", "NVIDIA L4"}) {
    gpu_info gpu;
    gpu.name = name;
    described.gpus.push_back(gpu);
  }
  const auto all = cluster_resources(described);
  EXPECT_EQ(all.at("GPU"), 3.0);
  EXPECT_EQ(all.at("accelerator_type:A100"), 1.0);
  EXPECT_EQ(all.at("accelerator_type:L4"), 1.0);
  EXPECT_EQ(cluster_resources(described, {.num_gpus = 0.0}).count("accelerator_type:L4"), 0U);
}

TEST(machine_resources, emulated_gpus_are_a_type_of_their_own) {
  const machine described = with_emulated_gpus(machine{}, 2);
  EXPECT_EQ(cluster_resources(described).at("accelerator_type:emulated"), 1.0);
}

TEST(machine_resources, accelerator_types_are_those_of_ray) {
  EXPECT_EQ(accelerator_type("NVIDIA H100 80GB HBM3"), "H100");
  EXPECT_EQ(accelerator_type("Tesla V100-SXM3-32GB"), "V100");
  EXPECT_EQ(accelerator_type("Tesla K80"), "K80");
  EXPECT_EQ(accelerator_type("NVIDIA A10G"), "A10G");
  EXPECT_EQ(accelerator_type("NVIDIA RTX PRO 6000 Blackwell Server Edition"), "RTX-PRO-6000");
  EXPECT_EQ(accelerator_type("NVIDIA GeForce RTX 5090"), "GeForce-RTX-5090");
  EXPECT_EQ(accelerator_type("NVIDIA TITAN V"), "TITAN");
  EXPECT_EQ(accelerator_type("narke emulated GPU"), std::nullopt);
  EXPECT_EQ(accelerator_type("H100"), std::nullopt);
  EXPECT_EQ(accelerator_type(""), std::nullopt);
}

TEST(machine_resources, emulated_gpus_are_distinct_stable_and_marked) {
  const auto gpus = emulated_gpus(300, 1 << 20);
  std::set<std::string> uuids;
  std::set<std::string> pci_ids;
  for (const gpu_info& gpu : gpus) {
    EXPECT_TRUE(gpu.is_emulated);
    EXPECT_EQ(gpu.memory_total_bytes, 1U << 20);
    EXPECT_EQ(gpu.uuid.size(), 40U);
    uuids.insert(gpu.uuid);
    pci_ids.insert(gpu.pci_bus_id);
  }
  EXPECT_EQ(uuids.size(), 300U);
  EXPECT_EQ(pci_ids.size(), 300U);
  EXPECT_EQ(emulated_gpus(1)[0].uuid, "GPU-6e61726b-6500-4000-8000-000000000000");
  EXPECT_EQ(emulated_gpus(1)[0].memory_total_bytes, std::uint64_t{16} << 30);
}

TEST(machine_resources, emulated_gpus_replace_the_real_ones_and_their_links) {
  machine described = small_machine();
  described.gpus.resize(3);
  described.gpu_links.push_back({.from = 0, .to = 1, .kind = "NV1"});
  const machine replaced = with_emulated_gpus(described, 2);
  EXPECT_EQ(replaced.gpus.size(), 2U);
  ASSERT_EQ(replaced.gpu_links.size(), 2U);
  for (const gpu_link& link : replaced.gpu_links) {
    EXPECT_EQ(link.kind, "") << "no link of a machine";
    EXPECT_EQ(link.peer_access, true);
    EXPECT_EQ(link.from + link.to, 1);
  }
  EXPECT_EQ(cluster_resources(replaced).at("GPU"), 2.0);
}

}  // namespace
}  // namespace narke::internal
