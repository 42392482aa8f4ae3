// Topologies of real machines, as hwloc's own tests have them. They are not part of this project:
// where they are not at hand the tests are skipped, and load_machine_test covers the same code.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cstdlib>
#include <filesystem>
#include <set>

#include "topology/discover.hpp"

namespace {

using namespace narke::internal;
using testing::HasSubstr;
using testing::IsEmpty;
using testing::SizeIs;

std::string path_of(const std::string& name) {
  const char* given = std::getenv("NARKE_TOPOLOGIES");
  const std::string directory =
      given != nullptr ? given : std::string(NARKE_SOURCE_DIR) + "/../shared/topologies";
  return (std::filesystem::path(directory) / name).lexically_normal().string();
}

class real_file : public testing::Test {
 protected:
  /// Requires: the file is there.
  static machine load(const std::string& name) { return load_machine(path_of(name)); }
};

#define SKIP_UNLESS_THERE(name) \
  if (!std::filesystem::exists(path_of(name))) GTEST_SKIP() << path_of(name) << " is not there"

std::string kind_between(const machine& machine, int from, int to) {
  for (const auto& link : machine.gpu_links) {
    if (link.from == from && link.to == to) return link.kind;
  }
  return "no link";
}

TEST_F(real_file, dgx_2_has_16_gpus_with_uuids_numa_nodes_and_nvlink) {
  SKIP_UNLESS_THERE("nvidiaDGX2.xml");
  const machine machine = load("nvidiaDGX2.xml");
  ASSERT_THAT(machine.gpus, SizeIs(16));
  std::set<std::string> uuids;
  for (const auto& gpu : machine.gpus) {
    EXPECT_TRUE(gpu.uuid.starts_with("GPU-")) << gpu.uuid;
    EXPECT_EQ(gpu.uuid.size(), 40U);
    EXPECT_EQ(gpu.name, "Tesla V100-SXM3-32GB-H");
    EXPECT_EQ(gpu.numa_node, gpu.index < 8 ? 0 : 1);
    uuids.insert(gpu.uuid);
  }
  EXPECT_THAT(uuids, SizeIs(16));
  EXPECT_EQ(machine.gpus[0].uuid, "GPU-d3977428-7a30-086b-2e20-5c1eeed647c6");
  EXPECT_EQ(machine.gpus[0].pci_bus_id, "00000000:34:00.0");
  // Each board of eight has six switches. What joins the two boards is not in the file.
  ASSERT_THAT(machine.gpu_links, SizeIs(240));
  for (const auto& link : machine.gpu_links) {
    const bool same_board = (link.from < 8) == (link.to < 8);
    EXPECT_EQ(link.nvlink_bandwidth_mb_per_s.value_or(0), same_board ? 150000 : 0);
    EXPECT_EQ(link.kind, same_board ? "NV6" : "SYS");
  }
}

TEST_F(real_file, power8_has_4_gpus_each_counted_once) {
  SKIP_UNLESS_THERE("power8gpudistances.xml");
  const machine machine = load("power8gpudistances.xml");
  EXPECT_EQ(machine.architecture, "ppc64le");
  ASSERT_THAT(machine.gpus, SizeIs(4));
  for (const auto& gpu : machine.gpus) {
    EXPECT_EQ(gpu.name, "Tesla P100-SXM2-16GB");
    EXPECT_TRUE(gpu.uuid.starts_with("GPU-"));
    EXPECT_EQ(gpu.memory_total_bytes, 17071734784U);
    EXPECT_EQ(gpu.numa_node, gpu.index < 2 ? 0 : 1);
    EXPECT_EQ(gpu.multiprocessors, 56);
  }
  EXPECT_EQ(kind_between(machine, 0, 1), "NV2");
  EXPECT_EQ(kind_between(machine, 2, 3), "NV2");
  EXPECT_EQ(kind_between(machine, 1, 2), "SYS");
  EXPECT_EQ(machine.gpu_links[0].nvlink_bandwidth_mb_per_s, 40000);
}

TEST_F(real_file, amd_and_xeon_phi_devices_are_not_cuda_gpus) {
  SKIP_UNLESS_THERE("32em64t-2n8c2t-pci-normalio.xml");
  const machine machine = load("32em64t-2n8c2t-pci-normalio.xml");
  EXPECT_EQ(machine.pus, 32);
  ASSERT_THAT(machine.gpus, SizeIs(1));
  EXPECT_EQ(machine.gpus[0].name, "Tesla K40m");
  EXPECT_EQ(machine.gpus[0].memory_total_bytes, 11796032ULL * 1024);
  EXPECT_EQ(machine.gpus[0].uuid, "");
  EXPECT_EQ(machine.gpus[0].numa_node, 1);
}

TEST_F(real_file, machine_with_a_plain_graphics_card_has_no_gpu) {
  SKIP_UNLESS_THERE("96em64t-4n4d3ca2co-pci.xml");
  const machine machine = load("96em64t-4n4d3ca2co-pci.xml");
  EXPECT_EQ(machine.pus, 96);
  EXPECT_THAT(machine.numa_nodes, SizeIs(4));
  EXPECT_THAT(machine.gpus, IsEmpty());
  EXPECT_THAT(machine.gpu_links, IsEmpty());
}

TEST_F(real_file, version_3_is_refused_with_its_number) {
  SKIP_UNLESS_THERE("nvidiaDGX2-v3.xml");
  try {
    (void)load("nvidiaDGX2-v3.xml");
    FAIL() << "it was read";
  } catch (const topology_error& error) {
    EXPECT_THAT(error.what(), HasSubstr("nvidiaDGX2-v3.xml"));
    EXPECT_THAT(error.what(), HasSubstr("hwloc XML format 3.0; this program reads 1.x-2.x"));
  }
}

}  // namespace
